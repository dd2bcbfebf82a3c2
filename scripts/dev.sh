#!/usr/bin/env bash
# A console of your own code: debug build, then Enter builds and starts it again, Ctrl-C ends it.
#   PRT_PORT (8081), PRT_REGISTRY_PORT (5444), PRT_HTTP_REGISTRY_PORT (5081); data in $PRT_STATE
set -euo pipefail
export PRT_STATE="${PRT_STATE:-$HOME/.local/share/prt-console-dev}" PRT_REGISTRY_PORT="${PRT_REGISTRY_PORT:-5444}" PRT_HTTP_REGISTRY_PORT="${PRT_HTTP_REGISTRY_PORT:-5081}"
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
source "$PRT_ROOT/scripts/environment.sh"

port="${PRT_PORT:-8081}"
instance="dev-$(sha256sum <<<"$PRT_STATE" | cut -c1-8)"
mkdir -p "$PRT_STATE"
chmod 700 "$PRT_STATE"
stop() {
  trap - EXIT
  trap '' INT TERM
  process_stop "$PRT_STATE/console.pid" 15
  engine_sweep test "$instance" =
  environment_down
}
trap stop EXIT
trap 'exit 130' INT TERM

environment_up
"$PRT_ROOT/scripts/build.sh" debug
environment_registries "$CARGO_TARGET_DIR/debug/prtcli"
bridge="$PRT_REGISTRY_BRIDGE_IP"
console_config "$PRT_STATE/console.toml" "listen=[\"127.0.0.1:$port\", \"$bridge:$port\"]" "public_url=\"http://localhost:$port\"" \
  "worker_url=\"http://$bridge:$port\"" "data_dir=\"$PRT_STATE/data\"" "instance=\"$instance\"" \
  "site_root=\"$CARGO_TARGET_DIR/site-debug\"" 'log="info,prt_core=debug,prt_engine_docker=debug"'
export PRT_ADMIN_PASSWORD="${PRT_ADMIN_PASSWORD:-admin-admin-admin}"
while true; do
  process_stop "$PRT_STATE/console.pid" 15
  console_start "$CARGO_TARGET_DIR/debug/prt-console" "$PRT_STATE/console.toml" "$PRT_STATE/console.log" "$PRT_STATE/console.pid" \
    "http://127.0.0.1:$port"
  say "dev: http://localhost:$port (admin, $PRT_ADMIN_PASSWORD); log in $PRT_STATE/console.log; Enter builds again, Ctrl-C ends"
  read -r _ || exit 0
  until "$PRT_ROOT/scripts/build.sh" debug; do
    say "dev: the build failed; Enter tries again"
    read -r _ || exit 0
  done
done
