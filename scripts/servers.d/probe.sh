# Asks servers whether they answer, in their own words; needs no client programs.
# shellcheck shell=bash

# Send bytes (as printf takes them) and print the first few of the answer in hexadecimal; nothing when none comes.
ask() { # HOST PORT BYTES COUNT
  # shellcheck disable=SC2016
  timeout 3 bash -c 'exec 3<>"/dev/tcp/$1/$2" && printf "$3" >&3 && head -c "$4" <&3 | od -An -v -tx1 | tr -d " \n"' \
    ask "$@" 2>/dev/null || true
}

listens() { # HOST PORT
  # shellcheck disable=SC2016
  timeout 3 bash -c ': >"/dev/tcp/$1/$2"' listens "$@" 2>/dev/null
}

HELLO_POSTGRES='\0\0\0\050\0\3\0\0user\0tonearm\0database\0postgres\0\0'
HELLO_AMQP='AMQP\0\0\011\1'
HELLO_BOLT='\140\140\260\027\0\0\4\5\0\0\0\0\0\0\0\0\0\0\0\0'

# R: asks who we are, or lets us in.
postgres_answers() { [[ $(ask "$1" "$2" "$HELLO_POSTGRES" 1) = 52 ]]; }
postgres_refuses() { [[ $(ask "$1" "$2" "$HELLO_POSTGRES" 1) = 45 ]]; } # E: an answer, too
amqp_answers() { [[ $(ask "$1" "$2" "$HELLO_AMQP" 1) = 01 ]]; }                # a method: the greeting
redis_answers() { [[ $(ask "$1" "$2" 'PING\r\n' 1) = 2[bd] ]]; }               # + or -: PONG, or log in first
bolt_answers() { [[ $(ask "$1" "$2" "$HELLO_BOLT" 4) = ????????* ]]; }         # the version it speaks
http_answers() { [[ $(ask "$1" "$2" 'GET / HTTP/1.0\r\n\r\n' 4) = 48545450 ]]; }
http_ok() { # PORT REQUEST
  [[ $(ask 127.0.0.1 "$1" "$2" 12) = 485454502f312e??20323030 ]] # HTTP/1.x 200
}

# What stands for itself has to work, not only to answer.
ready() { # NAME
  case $1 in
    postgres) postgres_answers 127.0.0.1 "$(port postgres)" ;;
    rabbitmq)
      amqp_answers 127.0.0.1 "$(port rabbitmq)" &&
        http_ok "$(port rabbitmq_management)" 'GET /api/overview HTTP/1.0\r\nAuthorization: Basic Z3Vlc3Q6Z3Vlc3Q=\r\n\r\n'
      ;;
    redis) [[ $(ask 127.0.0.1 "$(port redis)" 'PING\r\n' 5) = 2b504f4e47 ]] ;;
    neo4j)
      bolt_answers 127.0.0.1 "$(port neo4j)" &&
        http_ok "$(port neo4j_http)" 'POST /db/neo4j/tx/commit HTTP/1.0\r\nContent-Type: application/json\r\nContent-Length: 17\r\n\r\n{"statements":[]}'
      ;;
    prometheus) http_ok "$(port prometheus)" 'GET /-/ready HTTP/1.0\r\n\r\n' ;;
  esac
}

url_answers() { # URL
  local scheme=${1%%://*} place=${1#*://} host port
  place=${place%%[/?]*}
  place=${place##*@}
  host=${place%:*} port=${place##*:}
  if [ "$host" = "$place" ] || [[ $place = *']' ]]; then host=$place port=""; fi
  host=${host#'['} host=${host%']'}
  case $scheme in
    postgres*) postgres_answers "$host" "${port:-5432}" || postgres_refuses "$host" "${port:-5432}" ;;
    amqp) amqp_answers "$host" "${port:-5672}" ;;
    redis) redis_answers "$host" "${port:-6379}" ;;
    bolt | neo4j) bolt_answers "$host" "${port:-7687}" ;;
    http) http_answers "$host" "${port:-80}" ;;
    amqps) listens "$host" "${port:-5671}" ;; # what is encrypted is not asked further
    rediss) listens "$host" "${port:-6379}" ;;
    bolt+s* | neo4j+s*) listens "$host" "${port:-7687}" ;;
    https) listens "$host" "${port:-443}" ;;
    *) return 1 ;;
  esac
}
