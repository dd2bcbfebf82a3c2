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
# part NAME PATTERN COMMAND...: the pattern picks the runner's own closing lines.
part() {
  local name="$1" pattern="$2" log="$PRT_CACHE/logs/test-$1.log" start=$SECONDS result=passed
  shift 2
  say "test: $name"
  mkdir -p "$PRT_CACHE/logs"
  # Not in a condition: there `set -e` would be off inside the command.
  set +e
  "$@" 2>&1 | tee "$log"
  [ "${PIPESTATUS[0]}" = 0 ] || { result=FAILED && failed+=("$name"); }
  set -e
  closing+=("$name: $result ($((SECONDS - start)) s)")
  local line
  while read -r line; do closing+=("  $line"); done < <(sed 's/\x1b\[[0-9;]*m//g' "$log" | grep -E "$pattern" | tail -n 40 || true)
}

test_environment_up debug
part check '^(check: .* (passed|failed)|warning: (advisories|shellcheck)|bans ok|error:)' scripts/check.sh
part rust '^test result: .* [1-9][0-9]* (passed|failed)|^test result: FAILED|^error' cargo test --workspace --features prt-console/ssr --no-fail-fast
part browser '^ +[0-9]+ (passed|failed|flaky|skipped|did not run)|^Error' run_playwright
part sdk '^=+ .*(passed|failed|error)|^[0-9]+ (passed|failed)|^error' scripts/sdk.sh test

say ""
printf '%s\n' "${closing[@]}" >&2
if [ "${#failed[@]}" -gt 0 ]; then
  die "failed: ${failed[*]} (after $((SECONDS - begin)) s); the whole output is in $PRT_CACHE/logs/test-*.log"
fi
say "test: passed ($((SECONDS - begin)) s)"
