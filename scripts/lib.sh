# shellcheck shell=bash
# Helpers shared by every script here. Source it, do not run it:
#   source "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"

PRT_ROOT="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
# Downloads, toolchains, images and build output: safe to delete, slow to make again.
export PRT_CACHE="${PRT_CACHE:-$HOME/.cache/prt-console}"
# What one running set (a demo, a test run) owns: registries, passwords, the console's data.
export PRT_STATE="${PRT_STATE:-$HOME/.local/share/prt-console-demo}"
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-$PRT_CACHE/target}"

# The console reads it from here when the scripts start it.
export PRT_AGENT="${PRT_AGENT:-$CARGO_TARGET_DIR/agent/prt-agent}"

export PRT_VERSION="${PRT_VERSION:-25.5.3}"
BUILDKIT_VERSION=v0.32.2
BINARYEN_VERSION=132.0.0
export WASM_OPT_DIR="$PRT_CACHE/tools/binaryen-$BINARYEN_VERSION"
WORKER_IMAGE="ghcr.io/practicusai/practicus-minimal:$PRT_VERSION"
BUILDER_IMAGE="ghcr.io/practicusai/practicus-builder:$PRT_VERSION"
BUILDER_PRIVILEGED_IMAGE="ghcr.io/practicusai/practicus-builder-privileged:$PRT_VERSION"
DEBIAN_BASE_IMAGE="prt-local/debian:12"

say() { printf '%s\n' "$*" >&2; }
warn() { printf 'warning: %s\n' "$*" >&2; }
# One line: what is wrong, then what to do.
die() {
  printf 'error: %s\n' "$*" >&2
  exit 1
}

have() { command -v "$1" >/dev/null 2>&1; }
need() {
  local command
  for command in "$@"; do
    have "$command" || die "$command is missing: run scripts/setup/system-packages.sh"
  done
}
need_root() { [ "$(id -u)" = 0 ] || die "$1 needs root: run it as root or with sudo"; }

# apt_install PACKAGE...: what of it is missing; the package lists are fetched only when a name is unknown or a download fails.
apt_install() {
  local package missing=()
  for package in "$@"; do
    dpkg-query -W -f '${db:Status-Abbrev}' "$package" 2>/dev/null | grep -q '^.i' || missing+=("$package")
  done
  [ "${#missing[@]}" -gt 0 ] || return 0
  have apt-get || die "this is not Debian or Ubuntu: install these by hand: ${missing[*]}"
  need_root "installing ${missing[*]}"
  say "installing ${missing[*]}"
  local log="$PRT_CACHE/logs/apt.log" options=(-y -q --no-install-recommends -o DPkg::Lock::Timeout=600)
  mkdir -p "$PRT_CACHE/logs"
  if ! apt-cache show --no-all-versions "${missing[@]}" >/dev/null 2>&1 ||
    ! DEBIAN_FRONTEND=noninteractive apt-get install "${options[@]}" "${missing[@]}" >"$log" 2>&1 </dev/null; then
    quiet "$log" apt-get update -q
    quiet "$log" env DEBIAN_FRONTEND=noninteractive apt-get install "${options[@]}" "${missing[@]}"
  fi
}

# quiet LOG COMMAND...: runs it with the output in LOG; on failure shows the end of it.
quiet() {
  local log="$1"
  shift
  mkdir -p "$(dirname "$log")"
  "$@" >"$log" 2>&1 </dev/null && return 0
  tail -n 25 "$log" >&2
  die "'$1' failed: the whole output is in $log"
}

# One script at a time per name; the lock goes away with the process.
lock() {
  mkdir -p "$PRT_CACHE/locks"
  exec {PRT_LOCK_FD}>"$PRT_CACHE/locks/$1"
  flock -n "$PRT_LOCK_FD" && return 0
  say "waiting for another run of $1"
  flock -w "${2:-1800}" "$PRT_LOCK_FD" || die "another run of $1 does not end: see 'fuser $PRT_CACHE/locks/$1'"
}

# stamp_of FILE...: one hash over the names and contents of files and folders; the same in every clone.
stamp_of() {
  { find "$@" -type f -print0 2>/dev/null | sort -z | xargs -0 -r sha256sum; } | sed "s# $PRT_ROOT/# #" | sha256sum | cut -d' ' -f1
}

# --- processes we started ---------------------------------------------------------------------------------------------
# A pid file holds "pid starttime": a recycled pid is not mistaken for ours.

_starttime() { sed 's/.*) //' "/proc/$1/stat" 2>/dev/null | cut -d' ' -f20; }
process_record() { echo "$2 $(_starttime "$2")" >"$1"; }
process_pid() {
  local pid start
  read -r pid start 2>/dev/null <"$1" || return 1
  [ -n "$start" ] && [ "$(_starttime "$pid")" = "$start" ] && echo "$pid"
}
# start_daemon PIDFILE STDOUT STDERR COMMAND...: outlives this shell and its Ctrl-C, and holds none of its locks.
start_daemon() {
  local pidfile="$1" stdout="$2" stderr="$3"
  shift 3
  (
    for fd in /proc/"$BASHPID"/fd/*; do
      fd="${fd##*/}"
      [ "$fd" -le 2 ] || eval "exec $fd>&-"
    done
    exec setsid nohup "$@"
  ) >>"$stdout" 2>>"$stderr" </dev/null &
  process_record "$pidfile" $!
}
# process_stop PIDFILE SECONDS: TERM, wait, KILL. Quiet when it is not running.
process_stop() {
  local pid tries
  if pid="$(process_pid "$1")"; then
    kill "$pid" 2>/dev/null || true
    for ((tries = ${2:-10} * 10; tries > 0; tries--)); do
      process_pid "$1" >/dev/null || break
      sleep 0.1
    done
    process_pid "$1" >/dev/null && kill -KILL "$pid" 2>/dev/null
  fi
  rm -f "$1"
}

# wait_for SECONDS COMMAND...: polls until the command succeeds.
wait_for() {
  local end=$((SECONDS + $1))
  shift
  until "$@" >/dev/null 2>&1; do
    [ "$SECONDS" -lt "$end" ] || return 1
    sleep 0.1
  done
}

port_is_free() { ! ss -Hltn "sport = :$2" | awk '{print $4}' | grep -qE "^(${1//./\\.}|0\.0\.0\.0|\*|\[::\]):$2\$"; }
port_user() { ss -Hltnp "sport = :$1" | sed -n 's/.*users:(("\([^"]*\)",pid=\([0-9]*\).*/\1 (pid \2)/p' | head -n1 | grep . || echo "another process"; }
free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }

# --- the Docker Engine ------------------------------------------------------------------------------------------------

engine_answers() { timeout 10 docker info >/dev/null 2>&1; }
need_engine() {
  need docker
  engine_answers || die "the Docker Engine does not answer: run scripts/setup/docker-engine.sh"
}
image_exists() { docker image inspect "$1" >/dev/null 2>&1; }
image_label() { docker image inspect -f "{{index .Config.Labels \"$2\"}}" "$1" 2>/dev/null || true; }
image_pull() { timeout "${PRT_PULL_TIMEOUT:-600}" docker pull -q "$1" >/dev/null 2>&1; }
# Asks briefly: a machine without a way to the registry must not wait for each image.
can_pull() {
  [ "${PRT_OFFLINE:-}" != 1 ] && timeout 10 docker manifest inspect "$1" >/dev/null 2>&1
}
# The engine's own address on its default bridge; containers reach this machine by it (`host-gateway`).
bridge_gateway() {
  local device
  device="$(docker network inspect bridge -f '{{index .Options "com.docker.network.bridge.name"}}' 2>/dev/null)"
  ip -4 -o addr show dev "${device:-docker0}" 2>/dev/null | sed -n 's/.* inet \([0-9.]*\).*/\1/p' | head -n1
}

# registry_push IMAGE USER PASSWORDFILE: the login is in a folder of its own for as long as that takes.
registry_push() {
  local config status=0
  config="$(mktemp -d)"
  printf '{"auths":{"%s":{"auth":"%s"}}}' "${1%%/*}" "$(printf '%s:%s' "$2" "$(cat "$3")" | base64 -w0)" >"$config/config.json"
  (quiet "$PRT_STATE/registries/push.log" env DOCKER_CONFIG="$config" docker push -q "$1") || status=$?
  rm -rf "$config"
  return "$status"
}
