#!/usr/bin/env bash
# Browser tests (Playwright, Debian's chromium-headless-shell) against consoles that they start themselves:  scripts/e2e.sh [PLAYWRIGHT OPTIONS]
# They find what they need in the environment: PRT_CONSOLE_BIN, PRTCLI, PRT_SITE_ROOT, TEST_DATABASE_URL, PRT_REGISTRY...
#   PRT_PICTURES=1   pictures of every page in light and dark, wide and narrow, in ~/.cache/prt-console/playwright/results
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
source "$PRT_ROOT/scripts/test-environment.sh"

test_environment_up "${PRT_PROFILE:-debug}"
run_playwright "$@"
