#!/usr/bin/env bash
# Stops the Docker Engine, only if scripts/setup/docker-engine.sh started it.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"

run=/run/prt-docker
process_pid "$run/started" >/dev/null || exit 0
process_stop "$run/started" 30
rm -rf "$run"
say "docker-engine: stopped"
