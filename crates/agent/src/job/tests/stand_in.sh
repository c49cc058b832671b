#!/bin/sh
# Stands for docker where there is none: keeps what it is told in $STATE, runs nothing, and refuses what docker refuses.
# docker's reference: "docker container create", "docker pull"; its exit code for its own errors is 125.
fail() { echo "$1" >&2; exit 125; }
echo "$*" >> "$STATE/calls"
config=$HOME/.docker
if [ "$1" = --config ]; then config=$2; shift 2; fi
verb=$1; shift
case "$verb" in network | volume | image) verb="$verb $1"; shift ;; esac

labelled() { # the kind's things that have the label of --filter
  label=''
  while [ $# -gt 0 ]; do
    case "$1" in
      --all | --quiet | --no-trunc) ;;
      --filter) label=${2#label=}; shift ;;
      *) fail "unknown flag: $1" ;;
    esac
    shift
  done
  for file in "$STATE/$kind"/*; do
    [ -e "$file" ] && grep -qx "label $label" "$file" && basename "$file"
  done
}
make() { # --label LABEL NAME
  [ "$1" = --label ] && [ $# = 3 ] || fail "\"docker $verb\" requires exactly 1 argument."
  [ ! -e "$STATE/$kind/$3" ] || fail "Error response from daemon: $3 already exists"
  mkdir -p "$STATE/$kind"
  echo "label $2" > "$STATE/$kind/$3"
}
create() {
  name='' label='' network=''
  while [ $# -gt 0 ]; do
    case "$1" in
      --name | --label | --network | --network-alias | --publish | --volume | --mount | --workdir | --entrypoint | --env | --stop-timeout)
        [ $# -gt 1 ] || fail "flag needs an argument: $1"
        case "$1" in
          --name) name=$2 ;;
          --label) label=$2 ;;
          --network) network=$2 ;;
          --publish) case "$2" in 127.0.0.1:*:[0-9]*) ;; *) fail "Invalid containerPort: $2" ;; esac ;;
          --volume) case "$2" in *:/* | /*) ;; *) fail "invalid volume specification: '$2'" ;; esac ;;
          --env) case "$2" in *=*) ;; *) eval "[ -n \"\${$2+set}\" ]" || fail "no value for $2" ;; esac ;;
        esac
        shift 2 ;;
      --health-*=* | --memory=* | --user=*) shift ;;
      -*) fail "unknown flag: $1" ;;
      *) break ;;
    esac
  done
  [ $# -gt 0 ] || fail '"docker create" requires at least 1 argument.'
  [ -e "$STATE/images/$(echo "$1" | tr / _)" ] || fail "Unable to find image '$1' locally"
  [ -e "$STATE/networks/$network" ] || fail "Error response from daemon: network $network not found"
  [ ! -e "$STATE/containers/$name" ] || fail "Conflict. The container name \"/$name\" is already in use"
  mkdir -p "$STATE/containers"
  printf 'label %s\nnetwork %s\n' "$label" "$network" > "$STATE/containers/$name"
  echo "$name"
}
pull() {
  [ $# = 1 ] || fail '"docker pull" requires exactly 1 argument.'
  echo "Pulling $1"
  echo "config $(cat "$config/config.json" 2>/dev/null)" >> "$STATE/configs"
  case "$1" in
    */flaky:*) if [ ! -e "$STATE/tried" ]; then : > "$STATE/tried"; fail "dial tcp: lookup ghcr.io: i/o timeout"; fi ;;
    */none:*) fail "Error response from daemon: manifest for $1 not found: manifest unknown" ;;
  esac
  mkdir -p "$STATE/images"
  : > "$STATE/images/$(echo "$1" | tr / _)"
}
inspect() {
  [ "$1" = --type ] && [ -e "$STATE/containers/$3" ] || fail "Error: No such container: $3"
  echo "[{\"Id\": \"id-$3\", \"State\": {\"Running\": true, \"ExitCode\": 0}, \"Config\": {\"Env\": []},
    \"NetworkSettings\": {\"Ports\": {\"80/tcp\": [{\"HostIp\": \"127.0.0.1\", \"HostPort\": \"32768\"}]}}}]"
}

case "$verb" in
  info) ;;
  pull) pull "$@" ;;
  'network create') kind=networks; make "$@" ;;
  'volume create') kind=volumes; make "$@" ;;
  'network ls') kind=networks; labelled "$@" ;;
  'volume ls') kind=volumes; labelled "$@" ;;
  ps) kind=containers; labelled "$@" ;;
  create) create "$@" ;;
  start) [ -e "$STATE/containers/$1" ] || fail "Error: No such container: $1" ;;
  inspect) inspect "$@" ;;
  logs) [ "$1" = --tail ] && [ -e "$STATE/containers/$3" ] || fail "Error: No such container: $3"; echo "log of $3" ;;
  rm) [ "$1 $2" = '--force --volumes' ] || fail "unknown flag: $1"; shift 2; for name; do rm -f "$STATE/containers/$name"; done ;;
  'network rm')
    for name; do
      ! grep -qsx "network $name" "$STATE"/containers/* || fail "error while removing network: $name has active endpoints"
      rm "$STATE/networks/$name" || exit 1
    done ;;
  'volume rm') [ "$1" = --force ] || fail "unknown flag: $1"; shift; for name; do rm -f "$STATE/volumes/$name"; done ;;
  *) fail "docker: '$verb' is not a docker command." ;;
esac
