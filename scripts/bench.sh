#!/usr/bin/env bash
# Measures the goals of speed and size against the bare tools, prints them, and writes target/bench.json:  scripts/bench.sh [PART...]
#   parts: build context latency viewers config longlog worker notebook store idle memory wasm (default: all)
#   PRT_PROFILE=debug      measures the debug build, to work on the measuring itself; its figures say nothing
#   PRT_BENCH_LINES        lines of the long log (1000000)
# Exits with 0 when everything was measured, whatever goals are met, and with 1 when something could not be.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
source "$PRT_ROOT/scripts/test-environment.sh"
lock bench 60

profile="${PRT_PROFILE:-release}"
case "$profile" in
  debug) options=() ;;
  release) options=(--release) ;;
  *) die "PRT_PROFILE=$profile: the profile is debug or release" ;;
esac
test_environment_up "$profile"
(cd "$PRT_ROOT" && cargo build "${options[@]}" -p prt-core --example bench_log)
export PRT_BENCH_LOG_BIN="$CARGO_TARGET_DIR/$profile/examples/bench_log"
"$PRT_ROOT/scripts/setup/node-modules.sh"
node "$PRT_ROOT/end2end/bench/main.mjs" "$PRT_ROOT/target/bench.json" "$@"
