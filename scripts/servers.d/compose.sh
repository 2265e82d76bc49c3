# Servers as containers of infrastructure/docker-compose.yaml, without its passwords, where a Docker engine answers.
# shellcheck shell=bash

compose_possible() {
  command -v docker >/dev/null && timeout 20 docker info >/dev/null 2>&1 && docker compose version >/dev/null 2>&1
}

# One project a folder, so that several can run side by side; the ports go in as variables.
compose() {
  local name variables=() folder=$PROJECT/infrastructure
  for name in "${PORTS[@]}"; do variables+=("TONEARM_${name^^}_PORT=$(port "$name")"); done
  env "${variables[@]}" docker compose --progress quiet -f "$folder/docker-compose.yaml" \
    -f "$folder/docker-compose.tests.yaml" -p "tonearm-$(cksum <<<"$STATE" | cut -d' ' -f1)" "$@" 7>&- 8>&- 9>&-
}

compose_up() { # NAME…
  local name
  lock_cache
  [ -s "$STATE/ports" ] || choose_ports
  any_running || ports_are_free || choose_ports
  say "starting containers: $*"
  compose up -d --wait --wait-timeout "$WAIT_S" "$@" || return 1
  unlock_cache
  for name in "$@"; do compose_await "$name" || return 1; done
}

compose_await() { # NAME
  local end=$((SECONDS + WAIT_S))
  until ready "$1"; do
    [ $SECONDS -lt $end ] || { compose logs --tail 20 "$1" >&2 && return 1; }
    sleep 0.5
  done
}

compose_running() { [ -n "$(compose ps --status running -q "$1")" ]; }

compose_start() { compose start "$1" && compose_await "$1"; }

compose_stop() { compose stop -t "$WAIT_S" "$1"; }

compose_kill() { compose kill "$1"; }

compose_wipe() { compose rm -fsv "$1" && compose up -d --wait "$1" && compose_await "$1"; }

compose_pid() { docker inspect -f '{{.State.Pid}}' "$(compose ps -q "$1")"; }

compose_rabbitmqctl() { compose exec -T rabbitmq rabbitmqctl -q "$@"; }

compose_down() { compose down -v -t 0; }

# A program of the image of Prometheus, with this project and the temporary files where they are on the host.
compose_tool() { # TOOL ARG…
  local tool=$1 temporary=${TMPDIR:-/tmp}
  shift
  exec docker run --rm -i --network host --user "$(id -u):$(id -g)" --entrypoint "$tool" \
    -v "$PROJECT:$PROJECT" -v "$temporary:$temporary" \
    "$(compose config --images prometheus)" "$@"
}
