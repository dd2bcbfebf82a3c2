#!/usr/bin/env bash
# Sets everything up, starts a console, runs the journey, and stays until Ctrl-C; then stops what it started.
#   PRT_PORT (8080), PRT_REGISTRY_PORT (5443), PRT_HTTP_REGISTRY_PORT (5080), PRT_STATE (data; kept between runs)
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
source "$PRT_ROOT/scripts/environment.sh"

port="${PRT_PORT:-8080}"
profile="${PRT_PROFILE:-release}"
instance="demo-$(sha256sum <<<"$PRT_STATE" | cut -c1-8)"
mkdir -p "$PRT_STATE"
chmod 700 "$PRT_STATE"
process_pid "$PRT_STATE/demo.pid" >/dev/null && die "a demo runs already: end it with Ctrl-C there, or set PRT_STATE and the ports for a second one"
process_record "$PRT_STATE/demo.pid" $$
port_is_free 127.0.0.1 "$port" || die "port $port is in use by $(port_user "$port"): stop it, or set PRT_PORT to a free port"

stop() {
  local status=$?
  trap - EXIT
  trap '' INT TERM
  say ""
  say "demo: stopping"
  rm -f "$PRT_STATE/demo.env" "$PRT_STATE/demo.pid"
  process_stop "$PRT_STATE/console.pid" 15
  engine_sweep test "$instance" =
  environment_down
  exit "$status"
}
trap stop EXIT
trap 'exit 130' INT TERM

begin=$SECONDS
say "demo 1/4: machine"
environment_up
say "demo 2/4: build ($profile; the first time takes about 15 minutes)"
"$PRT_ROOT/scripts/build.sh" "$profile"
say "demo 3/4: registries and console"
environment_registries "$CARGO_TARGET_DIR/$profile/prtcli"

password="$PRT_STATE/admin-password"
[ -s "$password" ] || (umask 077 && openssl rand -base64 18 >"$password")
bridge="$PRT_REGISTRY_BRIDGE_IP"
console_config "$PRT_STATE/console.toml" "listen=[\"127.0.0.1:$port\", \"$bridge:$port\"]" "public_url=\"http://localhost:$port\"" \
  "worker_url=\"http://$bridge:$port\"" "data_dir=\"$PRT_STATE/data\"" "instance=\"$instance\"" \
  "site_root=\"$CARGO_TARGET_DIR/site-$profile\""
PRT_ADMIN_PASSWORD="$(cat "$password")" console_start "$CARGO_TARGET_DIR/$profile/prt-console" "$PRT_STATE/console.toml" \
  "$PRT_STATE/console.log" "$PRT_STATE/console.pid" "http://127.0.0.1:$port"
echo "PRT_URL=http://127.0.0.1:$port" >"$PRT_STATE/demo.env"

say "demo 4/4: journey"
journey=passed
PRTCLI="$CARGO_TARGET_DIR/$profile/prtcli" "$PRT_ROOT/scripts/journey.sh" || journey=failed

say ""
say "demo: the journey $journey; ready after $((SECONDS - begin)) s"
say "  console    http://localhost:$port"
say "  login      admin, password $(cat "$password")"
say "  registry   $PRT_REGISTRY, user $PRT_REGISTRY_USER, password $(cat "$PRT_REGISTRY_PASSWORD_FILE")"
say "  log        $PRT_STATE/console.log"
say "  again      make journey"
say "  end        Ctrl-C"
# `sleep` in the background and `wait`: a trap runs at once during `wait`, and only after it during `sleep`.
while process_pid "$PRT_STATE/console.pid" >/dev/null; do
  sleep 1 &
  wait $!
done
tail -n 5 "$PRT_STATE/console.log" >&2
die "the console has ended by itself: its log is $PRT_STATE/console.log"
