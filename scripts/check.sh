#!/usr/bin/env bash
# Everything that can be judged without running the program: format, lints, docs, layers, dependencies, shell scripts.
#   scripts/check.sh [STEP...]     steps: fmt shell layers clippy wasm docs reference deny
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
cd "$PRT_ROOT"

step_fmt() { cargo fmt --all --check; }

step_shell() {
  if ! have shellcheck; then
    warn "shellcheck is not installed: skipped (run scripts/setup/system-packages.sh)"
    return
  fi
  git ls-files -z 'scripts/*.sh' 'images/*.sh' 'docs/*.sh' scripts/wasm-cargo images/worker/prt-start .ci/run | xargs -0 shellcheck -x -P SCRIPTDIR -e SC1091,SC2016,SC2034,SC2317
}

# What a package is made of, itself left out: names only, normal dependencies only.
made_of() { cargo tree "$@" -e normal --prefix none --format '{p}' | tail -n +2 | awk '{ print $1 }' | sort -u; }
# apart PACKAGE PATTERN WHY [CARGO TREE OPTIONS]
apart() {
  local found
  found="$(made_of -p "$1" "${@:4}" | grep -xE "$2" | paste -sd' ' || true)"
  [ -z "$found" ] || die "layers: $1 depends on $found: $3"
}
step_layers() {
  apart prt-types 'prt-.*|tokio|axum|reqwest|sqlx|bollard' "it is shared with the browser"
  apart prt-context 'prt-.*|tokio|axum|reqwest|sqlx|bollard' "it is shared by prtcli and the agent"
  apart prt-agent-protocol 'prt-(core|store|engine-.*|boot|client|cli|agent|context)|tokio|axum|sqlx|bollard' "it is shared by core and the agent"
  apart prt-agent 'prt-(core|store|engine-.*|boot|client|cli)|tokio|axum|reqwest|sqlx|bollard' "it runs in every container and is small"
  apart prt-core 'leptos|leptos_.*|axum|sqlx|bollard|kube|prt-(store|engine-.*|boot|client|cli)' "core holds behaviour and knows no adapter"
  apart prt-store 'bollard|kube|leptos|axum|prt-(engine-.*|boot|client|cli)' "no adapter knows another"
  apart prt-engine-docker 'sqlx|kube|leptos|axum|prt-(store|boot|client|cli)' "no adapter knows another"
  apart prt-client 'sqlx|bollard|leptos|axum|prt-(core|store|engine-.*|boot|cli)' "clients know only the types"
  apart prt-docs 'leptos|axum|sqlx|bollard|prt-.*' "it is text and what makes pages of it"
  apart prt-cli 'sqlx|bollard|leptos|axum|prt-(core|store|engine-.*|boot)' "the command line talks to /api/v1 only"
  # The console reaches the adapters only through boot: its own list names neither.
  local direct
  direct="$(cargo tree -p prt-console --features ssr -e normal --depth 1 --prefix none --format '{p}' |
    awk 'NR > 1 { print $1 }' | grep -xE 'prt-store|prt-engine-.*|prt-cli|sqlx|bollard|kube' | paste -sd' ' || true)"
  [ -z "$direct" ] || die "layers: prt-console names $direct itself: go through prt-boot"
  "$PRT_ROOT/scripts/wasm-cargo" check -q --profile wasm-dev -p prt-types --target wasm32-unknown-unknown
}

step_clippy() { cargo clippy --workspace --all-targets --features prt-console/ssr -- -D warnings; }

step_wasm() {
  "$PRT_ROOT/scripts/setup/wasm-toolchain.sh"
  local command=clippy
  if grep -qx kind=native "$PRT_CACHE/wasm-toolchain/env" && ! cargo clippy --version >/dev/null 2>&1; then command=check; fi
  local lints=()
  [ "$command" = check ] || lints=(-- -D warnings)
  "$PRT_ROOT/scripts/wasm-cargo" "$command" --profile wasm-dev -p prt-console --lib --no-default-features \
    --features hydrate --target wasm32-unknown-unknown "${lints[@]}"
}

step_docs() { RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --features prt-console/ssr --document-private-items; }

# The pages that are made from the code.
step_reference() { "$PRT_ROOT/scripts/docs.sh" check; }

step_deny() {
  "$PRT_ROOT/scripts/setup/cargo-deny.sh"
  local deny="$PRT_CACHE/tools/bin/cargo-deny"
  "$deny" --all-features check --hide-inclusion-graph bans licenses sources
  # The advisories' database is a git repository; a machine without a way to it still checks everything else.
  local log="$PRT_CACHE/logs/advisories.log"
  if timeout 120 "$deny" --all-features check --hide-inclusion-graph advisories >"$log" 2>&1; then
    tail -n 1 "$log"
  elif grep -qE '^.{0,40}(failed|unable) to (fetch|clone|open|acquire|update) advisory database' "$log"; then
    warn "advisories: the database cannot be reached: skipped (see $log)"
  else
    cat "$log" >&2
    return 1
  fi
}

steps=("$@")
[ "${#steps[@]}" -gt 0 ] || steps=(fmt shell layers clippy wasm docs reference deny)
for step in "${steps[@]}"; do
  declare -F "step_$step" >/dev/null || die "scripts/check.sh $step: the steps are fmt, shell, layers, clippy, wasm, docs, reference, deny"
  say "check: $step"
  begin=$SECONDS
  # Not `step || die`: inside a condition `set -e` is off, and a step would go on after its first failure.
  set +e
  (
    set -e
    "step_$step"
  )
  status=$?
  set -e
  [ "$status" = 0 ] || die "check: $step failed (again: scripts/check.sh $step)"
  say "check: $step passed ($((SECONDS - begin)) s)"
done
