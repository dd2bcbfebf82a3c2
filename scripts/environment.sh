# shellcheck shell=bash
# The surroundings of a console: engine, images, registries. Sourced after lib.sh by demo.sh, dev.sh, test.sh, e2e.sh and bench.sh.
# Several of them may run at once: what one of them started is stopped by the last one that uses it.

export PRT_RUN_OWNER=$$
ENGINE_USERS=/run/prt-docker-users

# environment_engine: a running engine, which stays until the last user has left.
environment_engine() {
  mkdir -p "$ENGINE_USERS" 2>/dev/null && process_record "$ENGINE_USERS/$$" $$
  "$PRT_ROOT/scripts/setup/docker-engine.sh"
}

# environment_up: all but the binaries; exports the registries' names for whoever needs them.
environment_up() {
  "$PRT_ROOT/scripts/setup/system-packages.sh"
  environment_engine
  "$PRT_ROOT/scripts/setup/builder-image.sh"
}

# environment_registries: after the build, because the worker image carries prtcli. environment_registries [PRTCLI]
environment_registries() {
  "$PRT_ROOT/scripts/setup/worker-image.sh" "$@"
  "$PRT_ROOT/scripts/setup/registries.sh"
  set -a
  # shellcheck source=/dev/null
  source "$PRT_STATE/registries.env"
  set +a
}

# environment_down: stops what was started for us and is of no use to anybody else.
environment_down() {
  if [ "$(cat "$PRT_STATE/registries/owner" 2>/dev/null)" = $$ ]; then "$PRT_ROOT/scripts/stop/registries.sh"; fi
  rm -f "$ENGINE_USERS/$$"
  local owner file
  owner="$(cat /run/prt-docker/owner 2>/dev/null)" || return 0
  [ "$owner" != manual ] || return 0
  for file in "$ENGINE_USERS"/*; do
    if [ -e "$file" ] && process_pid "$file" >/dev/null; then
      say "docker-engine: left running for process $(basename "$file")"
      return 0
    fi
  done
  "$PRT_ROOT/scripts/stop/docker-engine.sh"
}

# engine_things: kind, id and installation of all containers, volumes and networks of installations.
engine_things() {
  local key=io.prt-console.instance
  docker container ls -a --no-trunc --filter "label=$key" --format "container {{.ID}} {{.Label \"$key\"}}"
  docker volume ls --filter "label=$key" --format "volume {{.Name}} {{.Label \"$key\"}}"
  docker network ls --no-trunc --filter "label=$key" --format "network {{.ID}} {{.Label \"$key\"}}"
}

# engine_sweep CHECK [ARGUMENT...]: removes containers, volumes and networks of the installations for whose name `CHECK ARGUMENT... NAME` holds.
engine_sweep() {
  local kind id instance
  engine_answers || return 0
  while read -r kind id instance; do
    "$@" "$instance" || continue
    case "$kind" in
      container) docker rm -fv "$id" >/dev/null 2>&1 || true ;;
      *) docker "$kind" rm "$id" >/dev/null 2>&1 || true ;;
    esac
  done < <(engine_things)
}

# images_sweep HOST: removes the engine's images of one registry.
images_sweep() {
  local images
  images="$(docker images --format '{{.Repository}}:{{.Tag}}' --filter "reference=$1/*" --filter "reference=$1/*/*" 2>/dev/null | grep -v '<none>' || true)"
  [ -z "$images" ] || xargs -r docker rmi -f <<<"$images" >/dev/null 2>&1 || true
}

# console_config FILE KEY=VALUE...: a configuration that knows this machine's registries. Values are TOML.
console_config() {
  local file="$1" pair
  shift
  {
    for pair in "$@"; do printf '%s = %s\n' "${pair%%=*}" "${pair#*=}"; done
    printf 'extra_hosts = ["%s:%s", "%s:%s"]\n' "${PRT_REGISTRY%:*}" "$PRT_REGISTRY_BRIDGE_IP" "${PRT_HTTP_REGISTRY%:*}" "$PRT_REGISTRY_BRIDGE_IP"
    printf '\n[registries."%s"]\nca_file = "%s"\n' "$PRT_REGISTRY" "$PRT_REGISTRY_CA"
    printf '\n[registries."%s"]\nhttp = true\n' "$PRT_HTTP_REGISTRY"
  } >"$file"
}

# console_start BINARY CONFIG LOG PIDFILE URL: in the background, returns when it is ready.
console_start() {
  local pidfile="$4" url="$5"
  start_daemon "$pidfile" "$3" "$3" "$1" --config "$2"
  ready() { curl -fs --noproxy '*' -o /dev/null -m 5 "$url/health/readiness/" || ! process_pid "$pidfile"; }
  if ! wait_for 60 ready || ! process_pid "$pidfile" >/dev/null; then
    tail -n 20 "$3" >&2
    process_stop "$pidfile" 5
    die "the console did not become ready: its log is $3"
  fi
}
