# Servers as processes of this machine, out of the root that build.sh makes, each under its own user.
# shellcheck shell=bash
#
# A server gets mount, process and IPC namespaces of its own. So its mounts are nobody else's, and killing its first
# process ends everything it ever forked, with no time in between.

own_possible() {
  [ "$(id -u)" = 0 ] || die "no Docker engine answers, and starting servers without one needs root"
  command -v apt-get >/dev/null || die "no Docker engine answers, and building servers needs Debian or Ubuntu"
  in_namespaces true 2>/dev/null || die "no Docker engine answers, and this machine allows no namespaces (unshare)"
}

in_namespaces() { unshare --mount --pid --ipc --fork --kill-child -- "$@"; }

own_up() { # NAME…
  local name
  lock_cache
  build || return 1
  any_running || ports_are_free || choose_ports
  for name in "$@"; do own_launch "$name" || return 1; done
  for name in "$@"; do own_await "$name" || return 1; done
  unlock_cache
}

own_start() {
  own_launch "$1" && own_await "$1"
}

own_stop() {
  local process
  process=$(own_first_process "$1") || return 0
  case $1 in
    postgres) kill -INT "$process" ;; # end sessions too
    *) kill -TERM "$process" ;;
  esac
  own_continue "$process"
  own_await_end "$1" || own_kill "$1"
}

own_kill() {
  local process
  process=$(own_first_process "$1") || return 0
  kill -KILL "$process" 2>/dev/null || true
  own_await_end "$1"
}

own_wipe() {
  own_kill "$1"
  rm -rf "${STATE:?}/$1"
  own_start "$1"
}

own_pid() { own_first_process "$1" || die "$1 does not run"; }

# In the namespaces of the server, with its environment, which names its node and its ports.
own_rabbitmqctl() { # ARG…
  local process variables kept='^(HOME|LANG|PATH|ERL_EPMD_|RABBITMQ_(NODENAME|CONFIG|ENABLED|MNESIA|LOG|DIST))'
  process=$(own_first_process rabbitmq)
  mapfile -d "" -t variables < <(grep -zE "$kept" "/proc/$process/environ")
  nsenter -t "$process" -m -p -i -r -w -- env -i "${variables[@]}" \
    setpriv --reuid=rabbitmq --regid=rabbitmq --clear-groups /usr/lib/rabbitmq/bin/rabbitmqctl -q "$@"
}

# A program of Prometheus needs none of the root's libraries; PgBouncer is given them.
own_tool() { # TOOL ARG…
  local tool=$1
  shift
  own_possible
  lock_cache
  build >&2 || exit 1
  unlock_cache
  [ "$tool" != pgbouncer ] || exec "$(echo "$ROOT"/usr/lib/*-linux-gnu*/ld-linux-*.so.*)" \
    --library-path "$(echo "$ROOT"/usr/lib/*-linux-gnu*)" "$ROOT/usr/sbin/pgbouncer" "$@"
  exec "$ROOT/usr/bin/$tool" "$@"
}

own_down() {
  local name
  for name in "${NAMES[@]}"; do
    own_kill "$name" || return 1
    rm -rf "${STATE:?}/$name" "$STATE/$name.pid"
  done
}

# The process that holds the namespaces open: a parent outside them. It ends when the last process in them has.
own_running() { # NAME
  local holder began
  { read -r holder began <"$STATE/$1.pid"; } 2>/dev/null && [ "$(began_at "$holder")" = "$began" ]
}

# When a process began, in ticks since the machine did, to tell it from a later one of the same number.
began_at() { # PID
  local line
  { read -r line <"/proc/$1/stat"; } 2>/dev/null || return 0
  # shellcheck disable=SC2086
  set -- ${line##*) }
  [ "$1" = Z ] || echo "${20}"
}

own_first_process() { # NAME
  local holder children
  own_running "$1" || return 1
  read -r holder _ <"$STATE/$1.pid"
  { read -r children <"/proc/$holder/task/$holder/children"; } 2>/dev/null || true
  echo "${children:-$holder}" | cut -d' ' -f1
}

# Let every process of a server go on that someone has stopped (SIGSTOP).
own_continue() { # FIRST
  local namespace
  namespace=$(readlink "/proc/$1/ns/pid") || return 0
  namespace=${namespace//[^0-9]/}
  find /proc -mindepth 3 -maxdepth 3 -path '/proc/[0-9]*/ns/pid' -lname "pid:?$namespace?" 2>/dev/null |
    cut -d/ -f3 | xargs -r kill -CONT 2>/dev/null || true
}

own_await() { # NAME
  local end=$((SECONDS + WAIT_S))
  until ready "$1"; do
    if ! own_running "$1" || [ $SECONDS -ge $end ]; then
      say "$1 did not come up; the end of $STATE/$1.log:"
      tail -n 20 "$STATE/$1.log" >&2
      return 1
    fi
    sleep 0.1
  done
}

own_await_end() { # NAME
  local end=$((SECONDS + WAIT_S))
  while own_running "$1"; do
    [ $SECONDS -lt $end ] || { say "$1 does not end" && return 1; }
    sleep 0.05
  done
}

own_launch() { # NAME
  local folder=$STATE/$1
  if own_running "$1"; then
    own_continue "$(own_first_process "$1")"
    return
  fi
  rm -f "$STATE/$1.pid"
  mkdir -p "$folder" && "own_command_$1" "$folder" || return 1
  # setsid: no terminal and no group of a caller reaches it
  # shellcheck disable=SC2016
  setsid sh -c 'pid=$1; shift; echo "$$ $(cut -d" " -f22 /proc/$$/stat)" >"$pid"; exec "$@"' sh "$STATE/$1.pid" \
    unshare --mount --pid --ipc --fork --kill-child -- \
    sh -euc "$ENTER" sh "$ROOT" "$folder" "$NEO4J/lib" "$USER_NAME" "${COMMAND[@]}" \
    >"$STATE/$1.log" 2>&1 </dev/null 7>&- 8>&- 9>&- &
  until [ -s "$STATE/$1.pid" ]; do
    kill -0 $! 2>/dev/null || return 1
    sleep 0.01
  done
}

# Runs in namespaces: a server sees the root, its folder as /srv, its own processes, and an empty /tmp.
# shellcheck disable=SC2016
ENTER='
  root=$1 folder=$2 neo4j=$3 user=$4
  shift 4
  mount --bind "$folder" "$root/srv"
  mount --bind "$neo4j" "$root/opt/neo4j"
  mount --bind /etc/hosts "$root/etc/hosts"
  mount -t proc proc "$root/proc"
  mount --rbind /dev "$root/dev"
  mount -t tmpfs -o mode=1777 tmpfs "$root/dev/shm"
  mount -t tmpfs -o mode=1777 tmpfs "$root/tmp"
  chroot "$root" chown -R "$user:$user" /srv
  chmod 700 "$root/srv"
  exec chroot --userspec="$user:$user" "$root" env -i HOME=/srv LANG=C.UTF-8 \
    PATH=/usr/lib/postgresql/17/bin:/usr/sbin:/usr/bin:/sbin:/bin "$@"
'

# Each sets USER_NAME and COMMAND and writes the configuration.

own_command_postgres() {
  USER_NAME=postgres
  # shellcheck disable=SC2016
  COMMAND=(sh -euc '
    [ -e /srv/data/PG_VERSION ] || initdb -D /srv/data -A trust -U tonearm -E UTF8 --locale=C.UTF-8
    sed -i /^fsync/d /srv/data/postgresql.auto.conf
    echo "fsync = $2" >>/srv/data/postgresql.conf # a test can set it to another value
    exec postgres -D /srv/data -p "$1" -c listen_addresses=127.0.0.1 -c unix_socket_directories=/srv \
      -c max_connections=200' sh "$(port postgres)" "${SERVERS_FSYNC:-on}")
}

own_command_rabbitmq() { # FOLDER
  cat >"$1/rabbitmq.conf" <<CONF
listeners.tcp.1 = 127.0.0.1:$(port rabbitmq)
management.tcp.ip = 127.0.0.1
management.tcp.port = $(port rabbitmq_management)
prometheus.tcp.ip = 127.0.0.1
prometheus.tcp.port = $(port rabbitmq_prometheus)
CONF
  echo '[rabbitmq_management,rabbitmq_prometheus].' >"$1/plugins"
  USER_NAME=rabbitmq
  COMMAND=(env RABBITMQ_NODENAME=tonearm@localhost RABBITMQ_CONFIG_FILE=/srv/rabbitmq.conf
    RABBITMQ_ENABLED_PLUGINS_FILE=/srv/plugins RABBITMQ_MNESIA_BASE=/srv/db RABBITMQ_LOG_BASE=/srv/log
    "RABBITMQ_DIST_PORT=$(port rabbitmq_distribution)" "ERL_EPMD_PORT=$(port rabbitmq_epmd)" ERL_EPMD_ADDRESS=127.0.0.1
    "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS=-kernel inet_dist_use_interface {127,0,0,1}"
    RUNNING_UNDER_SYSTEMD=1 # so that the script becomes the server instead of waiting for it
    /usr/lib/rabbitmq/bin/rabbitmq-server)
}

own_command_redis() {
  USER_NAME=redis
  COMMAND=(redis-server --port "$(port redis)" --bind 127.0.0.1 --dir /srv --save "" --appendonly no)
}

own_command_neo4j() { # FOLDER
  mkdir -p "$1/conf" "$1/logs" "$1/data"
  cat >"$1/conf/neo4j.conf" <<CONF
server.default_listen_address=127.0.0.1
server.bolt.listen_address=127.0.0.1:$(port neo4j)
server.bolt.advertised_address=127.0.0.1:$(port neo4j)
server.http.listen_address=127.0.0.1:$(port neo4j_http)
server.memory.pagecache.size=64m
dbms.security.auth_enabled=false
dbms.usage_report.enabled=false
CONF
  USER_NAME=neo4j
  COMMAND=(java -Xmx384m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 # starts sooner on few cores
    --add-opens=java.base/java.nio=ALL-UNNAMED --add-opens=java.base/sun.nio.ch=ALL-UNNAMED
    -cp '/opt/neo4j/*' org.neo4j.server.CommunityEntryPoint --home-dir=/srv --config-dir=/srv/conf)
}

own_command_prometheus() { # FOLDER
  cat >"$1/prometheus.yml" <<CONF
global: {scrape_interval: 1s}
scrape_configs:
  - job_name: rabbitmq
    static_configs: [{targets: ["127.0.0.1:$(port rabbitmq_prometheus)"]}]
CONF
  USER_NAME=prometheus
  COMMAND=(prometheus --config.file=/srv/prometheus.yml --storage.tsdb.path=/srv/data
    "--web.listen-address=127.0.0.1:$(port prometheus)")
}
