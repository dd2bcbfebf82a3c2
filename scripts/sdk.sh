#!/usr/bin/env bash
# The Python SDK in sdk/python.
#   scripts/sdk.sh build            the wheel; prints its path
#   scripts/sdk.sh check            format, lints and types
#   scripts/sdk.sh test [PYTEST...] the wheel, checks, and all tests; those against a console need `scripts/test.sh`'s surroundings
# Its Python environment and the wheel are in $PRT_CACHE/sdk, outside of the clone.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
sdk="$PRT_ROOT/sdk/python"
dir="$PRT_CACHE/sdk"

# sdk_environment: a venv with what requirements-dev.txt names, made again when that changes. Sets $venv.
sdk_environment() {
  local python="${PRT_PYTHON:-python3}" stamp
  need "$python"
  "$python" -c 'import sys; sys.exit(sys.version_info < (3, 9))' ||
    die "$python is $("$python" --version 2>&1): the SDK needs Python 3.9 or later; name one with PRT_PYTHON"
  stamp="$({ cat "$sdk/requirements-dev.txt"; "$python" -c 'import sys; print(sys.version, sys.prefix)'; } | sha256sum | cut -c1-16)"
  venv="$dir/venv-$stamp"
  # Written last: an environment that is half made, or half removed, is made again.
  [ ! -e "$venv/complete" ] || return 0
  say "sdk: Python packages for building and testing (about 30 s, once)"
  rm -f "$dir"/venv-*/complete
  rm -rf "$dir"/venv-*
  "$python" -m venv "$venv" || die "$python cannot make a virtual environment: run scripts/setup/system-packages.sh"
  if ! quiet_pip "$venv" -r "$sdk/requirements-dev.txt" httpx "tomli; python_version < '3.11'"; then
    rm -rf "$venv"
    tail -n 15 "$PRT_CACHE/logs/sdk-pip.log" >&2
    die "pip cannot install the SDK's tools: the whole output is in $PRT_CACHE/logs/sdk-pip.log"
  fi
  touch "$venv/complete"
}
quiet_pip() {
  local venv="$1"
  shift
  mkdir -p "$PRT_CACHE/logs"
  PIP_DISABLE_PIP_VERSION_CHECK=1 "$venv/bin/pip" install -q "$@" >"$PRT_CACHE/logs/sdk-pip.log" 2>&1 </dev/null
}

# sdk_wheel: builds it once per state of its sources. Sets $wheel. The same sources give the same bytes.
sdk_wheel() {
  local stamp out
  # Not by stamp_of: Python leaves its caches beside the sources.
  stamp="$(cd "$sdk" && find src pyproject.toml README.md -type f -not -name '*.pyc' -print0 | sort -z | xargs -0 sha256sum | sha256sum)"
  out="$dir/wheel-${stamp:0:16}"
  if ! wheel="$(ls "$out"/*.whl 2>/dev/null)"; then
    sdk_environment
    say "sdk: wheel"
    rm -rf "$dir"/wheel-*
    # From a copy: the builder leaves things beside its sources.
    mkdir -p "$out.src"
    cp -R "$sdk/src" "$sdk/pyproject.toml" "$sdk/README.md" "$out.src"
    find "$out.src" -name __pycache__ -type d -prune -exec rm -rf {} +
    quiet "$PRT_CACHE/logs/sdk-wheel.log" env SOURCE_DATE_EPOCH=1767225600 \
      "$venv/bin/python" -m build --wheel --no-isolation --outdir "$out.new" "$out.src"
    rm -rf "$out.src"
    mv "$out.new" "$out"
    wheel="$(ls "$out"/*.whl)"
  fi
}

sdk_check() {
  sdk_environment
  cd "$sdk"
  "$venv/bin/ruff" format -q --check --cache-dir "$dir/ruff" . || die "sdk: format it with '$venv/bin/ruff format $sdk'"
  "$venv/bin/ruff" check -q --cache-dir "$dir/ruff" .
  "$venv/bin/mypy" --cache-dir "$dir/mypy"
  # Nothing that Python 3.9 lacks; other packages are left out, as their newest versions need a later one.
  "$venv/bin/mypy" --config-file= --python-version 3.9 --no-site-packages --ignore-missing-imports --cache-dir "$dir/mypy-oldest" src
}

sdk_test() {
  sdk_check
  sdk_wheel
  # The tests meet the package as it is shipped, not the sources.
  quiet "$PRT_CACHE/logs/sdk-pip.log" "$venv/bin/pip" install -q --no-index --no-deps --force-reinstall "$wheel"
  export PRT_SDK_WHEEL="$wheel"
  # The tests take their time; others may build the wheel meanwhile.
  flock -u "$PRT_LOCK_FD"
  PYTHONDONTWRITEBYTECODE=1 "$venv/bin/python" -m pytest -p no:cacheprovider "$@"
}

command="${1:-build}"
[ $# -eq 0 ] || shift
case "$command" in
  build | check) lock sdk ;;
  test) lock sdk-test && lock sdk ;;
  *) die "scripts/sdk.sh $command: the commands are build, check, test" ;;
esac
mkdir -p "$dir"
case "$command" in
  build)
    sdk_wheel
    echo "$wheel"
    ;;
  check) sdk_check ;;
  test) sdk_test "$@" ;;
esac
