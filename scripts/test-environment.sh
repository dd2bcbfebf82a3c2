# shellcheck shell=bash
# Surroundings for one run of tests: a state folder, registries and a Postgres of its own, gone when the run ends.
# Sourced after lib.sh by test.sh, e2e.sh and bench.sh. With PRT_TEST_ENVIRONMENT set, the caller has done all this already.

source "$PRT_ROOT/scripts/environment.sh"

# test_environment_up PROFILE: builds, starts, exports.
test_environment_up() {
  [ -z "${PRT_TEST_ENVIRONMENT:-}" ] || return 0
  mkdir -p "$PRT_CACHE"
  PRT_STATE="$(mktemp -d "$PRT_CACHE/test.XXXXXX")"
  export PRT_STATE
  trap test_environment_down EXIT
  trap 'exit 130' INT TERM
  environment_up
  "$PRT_ROOT/scripts/build.sh" "$1"
  PRT_REGISTRY_PORT="$(free_port)"
  PRT_HTTP_REGISTRY_PORT="$(free_port)"
  export PRT_REGISTRY_PORT PRT_HTTP_REGISTRY_PORT
  environment_registries "$CARGO_TARGET_DIR/$1/prtcli"
  shell_image
  TEST_DATABASE_URL="$("$PRT_ROOT/scripts/postgres.sh" start | sed 's/^TEST_DATABASE_URL=//')"
  export TEST_DATABASE_URL
  export PRT_CONSOLE_BIN="$CARGO_TARGET_DIR/$1/prt-console" PRTCLI="$CARGO_TARGET_DIR/$1/prtcli" PRT_SITE_ROOT="$CARGO_TARGET_DIR/site-$1"
  export PRT_TEST_ENVIRONMENT=$$
}

# shell_image: a base image of a shell and common commands. A builder that runs one `echo` need not unpack a whole worker first.
shell_image() {
  local root name image="$PRT_REGISTRY/tests/shell:1"
  need busybox
  root="$(mktemp -d)"
  mkdir -p "$root/bin" "$root/tmp"
  chmod 1777 "$root/tmp"
  cp "$(command -v busybox)" "$root/bin/busybox"
  for name in $(busybox --list); do [ "$name" = busybox ] || ln -s busybox "$root/bin/$name"; done
  tar -C "$root" -c --owner=0 --group=0 . | docker import --change 'ENV PATH=/bin' - "$image" >/dev/null
  rm -rf "$root"
  registry_push "$image" "$PRT_REGISTRY_USER" "$PRT_REGISTRY_PASSWORD_FILE"
  docker rmi "$image" >/dev/null
}

# test_environment_down [STATUS]
test_environment_down() {
  local status="${1:-$?}"
  trap - EXIT
  trap '' INT TERM
  "$PRT_ROOT/scripts/postgres.sh" stop || true
  engine_sweep is_of_ended_test || true
  if [ -n "${PRT_REGISTRY:-}" ]; then images_sweep "$PRT_REGISTRY" && images_sweep "$PRT_HTTP_REGISTRY"; fi
  environment_down || true
  [ ! -L "$PRT_ROOT/end2end/node_modules" ] || rm -f "$PRT_ROOT/end2end/node_modules"
  rm -rf "$PRT_STATE"
  exit "$status"
}

# Tests clean up after themselves; a killed one cannot. Their installations are named after their process (test-PROCESS-...): what belongs
# to one that runs, of whichever run, stays.
is_of_ended_test() { [[ "$1" =~ ^test-([0-9]+)- ]] && ! kill -0 "${BASH_REMATCH[1]}" 2>/dev/null; }

# run_playwright [OPTIONS]: reports and traces go to the cache, not into the clone.
run_playwright() {
  "$PRT_ROOT/scripts/setup/node-modules.sh"
  (cd "$PRT_ROOT/end2end" && PLAYWRIGHT_HTML_OUTPUT_DIR="$PRT_CACHE/playwright/report" PLAYWRIGHT_HTML_OPEN=never \
    ./node_modules/.bin/playwright test --output "$PRT_CACHE/playwright/results" "$@")
}
