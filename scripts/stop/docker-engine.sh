#!/usr/bin/env bash
# Stops the Docker Engine, only if scripts/setup/docker-engine.sh started it.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"

run=/run/prt-docker
process_pid "$run/started" >/dev/null || exit 0
# Whoever starts one meanwhile waits until this one is gone.
lock docker-engine 120
process_stop "$run/started" 30
# The engine leaves the network namespace of containers on the host's network mounted.
for mount in "$run"/exec/netns/*; do
  if mountpoint -q "$mount"; then umount "$mount"; fi
done
rm -rf "$run"
say "docker-engine: stopped"
