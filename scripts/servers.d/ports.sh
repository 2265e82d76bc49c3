# The ports of this folder's servers: chosen at `up`, remembered, chosen again when someone else has one by then.
# shellcheck shell=bash

PORTS=(postgres rabbitmq rabbitmq_management rabbitmq_prometheus rabbitmq_distribution rabbitmq_epmd
  redis neo4j neo4j_http prometheus)

port() { sed -n "s/^$1=//p" "$STATE/ports"; } # NAME

# Below the range from which the kernel takes ports for outgoing connections, so that none of them is in the way.
choose_ports() {
  local name candidate chosen=""
  for name in "${PORTS[@]}"; do
    while :; do
      candidate=$((20000 + (RANDOM * 32768 + RANDOM) % 12000))
      [[ $'\n'$chosen != *=$candidate$'\n'* ]] || continue
      grep -qs "=$candidate\$" "$CACHE"/checkouts/*/{,own-*/}ports || listens 127.0.0.1 $candidate || break
    done
    chosen+=$name=$candidate$'\n'
  done
  printf %s "$chosen" >"$STATE/ports"
}

ports_are_free() {
  local number
  [ "$(cut -d= -f1 "$STATE/ports" 2>/dev/null)" = "$(printf '%s\n' "${PORTS[@]}")" ] || return 1
  while IFS='=' read -r _ number; do
    ! listens 127.0.0.1 "$number" || return 1
  done <"$STATE/ports"
}
