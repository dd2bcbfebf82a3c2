#!/usr/bin/env bash
# A Docker Engine: the running one, else Debian's dockerd started by hand. Images survive in $PRT_CACHE/docker/data.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"
lock docker-engine 120

dir="$PRT_CACHE/docker"
run=/run/prt-docker
need docker
if engine_answers; then
  say "docker-engine: $(docker version -f '{{.Server.Version}}') is running"
  exit 0
fi
[ -z "${DOCKER_HOST:-}" ] || die "the Docker Engine at DOCKER_HOST=$DOCKER_HOST does not answer: start it, or unset DOCKER_HOST"
need_root "starting the Docker Engine"
need dockerd runc ip

mkdir -p "$dir/data" "$run"
args=(--data-root "$dir/data" --exec-root "$run/exec" --pidfile "$run/docker.pid")

# A bridge with a larger MTU than the way out loses large packets silently.
device="$(ip -o route show default | sed -n 's/.* dev \([^ ]*\).*/\1/p' | head -n1)"
mtu="$(cat "/sys/class/net/${device:-none}/mtu" 2>/dev/null || echo 1500)"
[ "$mtu" -ge 1500 ] || args+=(--mtu "$mtu")

# Without CAP_SYS_RESOURCE (bit 24) in our own bounding set runc refuses every container that asks for all capabilities.
bounding="$(sed -n 's/^CapBnd:[[:space:]]*//p' /proc/self/status)"
if [ $((0x$bounding >> 24 & 1)) = 0 ]; then
  cat >"$dir/runc-without-sys-resource" <<'WRAPPER'
#!/bin/sh
# Takes CAP_SYS_RESOURCE out of what runc is asked for: this machine's root does not have it to give.
previous=
for argument in "$@"; do
  case "$previous" in
    --bundle | -b) file="$argument/config.json" ;;
    --process | -p) file="$argument" ;;
  esac
  previous="$argument"
done
if [ -n "${file:-}" ] && grep -qs CAP_SYS_RESOURCE "$file"; then
  sed -i -e 's/"CAP_SYS_RESOURCE",//g' -e 's/,"CAP_SYS_RESOURCE"//g' "$file"
fi
exec runc "$@"
WRAPPER
  chmod 755 "$dir/runc-without-sys-resource"
  args+=(--add-runtime "nores=$dir/runc-without-sys-resource" --default-runtime nores)
fi

# A leftover pid file of a killed engine may name a living stranger.
if old="$(cat "$run/docker.pid" 2>/dev/null)" && [ "$(cat "/proc/$old/comm" 2>/dev/null)" != dockerd ]; then
  rm -f "$run/docker.pid"
fi
start_daemon "$run/started" "$dir/dockerd.log" "$dir/dockerd.log" dockerd "${args[@]}"
echo "${PRT_RUN_OWNER:-manual}" >"$run/owner"
settled() { docker info || ! process_pid "$run/started"; }
if ! wait_for 60 settled || ! engine_answers; then
  process_stop "$run/started" 10
  die "dockerd did not start ($(grep -a 'failed to start daemon' "$dir/dockerd.log" | tail -n1 | cut -c1-200)): see $dir/dockerd.log"
fi
say "docker-engine: started $(docker version -f '{{.Server.Version}}'), data in $dir/data, stop it with scripts/stop/docker-engine.sh"
