#!/usr/bin/env bash
# The pages of docs/reference, which are made from the code.
#   scripts/docs.sh          writes them
#   scripts/docs.sh check    says whether they are what the code gives
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
cd "$PRT_ROOT"
command="${1:-write}"
case "$command" in
  write) export PRT_UPDATE_DOCS=1 ;;
  check) unset PRT_UPDATE_DOCS ;;
  *) die "scripts/docs.sh $command: it takes check, or nothing" ;;
esac

# prtcli from clap, settings from their keys, REST from the OpenAPI document: each by a test beside the code.
say "docs: prtcli, configuration, rest"
cargo test -q -p prt-cli -p prt-boot --lib --bins the_reference_is_what_the_code_gives
cargo test -q -p prt-console --features ssr --lib the_reference_is_what_the_code_gives

# practicuscore from its sources.
say "docs: practicuscore"
need python3
lock docs
griffe=2.4.1
venv="$PRT_CACHE/docs/griffe-$griffe"
if [ ! -x "$venv/bin/griffe" ]; then
  rm -rf "$venv"
  python3 -m venv "$venv" || die "python3 cannot make a virtual environment: run scripts/setup/system-packages.sh"
  mkdir -p "$PRT_CACHE/logs"
  quiet "$PRT_CACHE/logs/docs-pip.log" "$venv/bin/pip" install -q --disable-pip-version-check "griffe==$griffe" </dev/null
fi
page=docs/reference/practicuscore.md
made="$(mktemp)"
trap 'rm -f "$made"' EXIT
"$venv/bin/python" scripts/sdk-reference.py sdk/python/src "$made"
if [ "$command" = write ]; then
  cp "$made" "$page"
elif ! diff -u "$page" "$made" >&2; then
  die "$page is not what the code gives: run scripts/docs.sh"
fi
