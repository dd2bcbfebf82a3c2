#!/usr/bin/env bash
# A throw-away Postgres server for tests:  scripts/postgres.sh start   prints TEST_DATABASE_URL=...;  scripts/postgres.sh stop
# One per $PRT_STATE, on a free port of 127.0.0.1, with speed before safety: its data is worth nothing.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

state="$PRT_STATE/postgres"
bin="$(find /usr/lib/postgresql -maxdepth 2 -name bin 2>/dev/null | sort -V | tail -n 1)"
# Postgres refuses to run as root.
as_owner() {
  if [ "$(id -u)" = 0 ]; then (cd / && setpriv --reuid=postgres --regid=postgres --init-groups env HOME=/ "$@"); else "$@"; fi
}
dir="$(cat "$state/dir" 2>/dev/null || true)"
running() { [ -n "$dir" ] && as_owner "$bin/pg_ctl" -D "$dir/data" status >/dev/null 2>&1; }

case "${1:-}" in
  start)
    [ -n "$bin" ] || die "Postgres is missing: run scripts/setup/system-packages.sh"
    if ! running; then
      mkdir -p "$state"
      chmod 700 "$state"
      # Not below $PRT_STATE: the user postgres cannot enter root's home.
      dir="$(mktemp -d "${TMPDIR:-/tmp}/prt-postgres.XXXXXX")"
      echo "$dir" >"$state/dir"
      port="$(free_port)"
      openssl rand -hex 16 >"$dir/password"
      [ "$(id -u)" != 0 ] || chown -R postgres "$dir"
      quiet "$PRT_CACHE/logs/postgres.log" as_owner "$bin/initdb" -D "$dir/data" -U postgres -A scram-sha-256 --pwfile "$dir/password" \
        -E UTF8 --locale=C.UTF-8 --no-sync
      printf '%s\n' "listen_addresses = '127.0.0.1'" "port = $port" "unix_socket_directories = ''" "max_connections = 200" \
        "fsync = off" "synchronous_commit = off" "full_page_writes = off" >>"$dir/data/postgresql.conf"
      quiet "$PRT_CACHE/logs/postgres.log" as_owner "$bin/pg_ctl" -D "$dir/data" -l "$dir/server.log" -w -t 60 start
      (umask 077 && echo "postgres://postgres:$(cat "$dir/password")@127.0.0.1:$port/postgres" >"$state/url")
    fi
    echo "TEST_DATABASE_URL=$(cat "$state/url")"
    ;;
  stop)
    if running; then as_owner "$bin/pg_ctl" -D "$dir/data" -m immediate -w stop >/dev/null; fi
    [ -z "$dir" ] || rm -rf "$dir"
    rm -rf "$state"
    ;;
  *) die "scripts/postgres.sh start|stop" ;;
esac
