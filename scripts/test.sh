#!/usr/bin/env bash
# Everything: scripts/check.sh, all Rust tests on SQLite, Postgres and the real Docker Engine, the browser tests, the Python SDK's.
# Starts what it needs, stops what it started, leaves nothing behind but caches. Goes on after a failed part; fails at the end.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
source "$PRT_ROOT/scripts/test-environment.sh"
cd "$PRT_ROOT"
lock test 60

begin=$SECONDS
failed=() closing=()
mkdir -p "$PRT_CACHE/logs"
log_of() { echo "$PRT_CACHE/logs/test-$1.log"; }

# part NAME PATTERN COMMAND...: the pattern picks the runner's own closing lines.
part() {
  local name="$1" pattern="$2" start=$SECONDS status
  shift 2
  say "test: $name"
  # Not in a condition: there `set -e` would be off inside the command.
  set +e
  "$@" 2>&1 | tee "$(log_of "$name")"
  status="${PIPESTATUS[0]}"
  set -e
  part_ended "$name" "$pattern" "$status" $((SECONDS - start))
}

# beside NAME COMMAND...: a part that mostly waits runs while others do. Its output comes with `beside_ended NAME PATTERN`.
beside_pid='' beside_start=0
beside() {
  say "test: $1 (beside the next)"
  beside_start=$SECONDS
  setsid "${@:2}" >"$(log_of "$1")" 2>&1 </dev/null &
  beside_pid=$!
}
beside_ended() {
  local status=0
  wait "$beside_pid" || status=$?
  beside_pid=''
  say "test: $1"
  cat "$(log_of "$1")"
  part_ended "$1" "$2" "$status" $((SECONDS - beside_start))
}
beside_stop() { [ -z "$beside_pid" ] || kill -TERM -- "-$beside_pid" 2>/dev/null || true; }

# part_ended NAME PATTERN STATUS SECONDS
part_ended() {
  local result=passed line
  [ "$3" = 0 ] || { result=FAILED && failed+=("$1"); }
  closing+=("$1: $result ($4 s)")
  while read -r line; do closing+=("  $line"); done < <(sed 's/\x1b\[[0-9;]*m//g' "$(log_of "$1")" | grep -E "$2" | tail -n 40 || true)
}

test_environment_up debug
trap 'status=$?; beside_stop; test_environment_down "$status"' EXIT
part check '^(check: .* (passed|failed)|warning: (advisories|shellcheck)|bans ok|error:)' scripts/check.sh
beside sdk scripts/sdk.sh test
part rust '^test result: .* [1-9][0-9]* (passed|failed)|^test result: FAILED|^error' env RUST_TEST_THREADS=3 cargo test --workspace --features prt-console/ssr --no-fail-fast
part postgres '^test result: .* [1-9][0-9]* (passed|failed)|^test result: FAILED|^error' env RUST_TEST_THREADS=3 PRT_TEST_DATABASE=postgres \
  cargo test --features ssr --test integration --no-fail-fast
beside_ended sdk '^=+ .*(passed|failed|error)|^[0-9]+ (passed|failed)|^error'
part browser '^ +[0-9]+ (passed|failed|flaky|skipped|did not run)|^Error' run_playwright

say ""
printf '%s\n' "${closing[@]}" >&2
if [ "${#failed[@]}" -gt 0 ]; then
  die "failed: ${failed[*]} (after $((SECONDS - begin)) s); the whole output is in $PRT_CACHE/logs/test-*.log"
fi
say "test: passed ($((SECONDS - begin)) s)"
