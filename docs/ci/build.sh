#!/usr/bin/env bash
# Builds the Dockerfile of a folder and pushes the image, on any machine with prtcli.
#   PRT_URL=https://console.example.com PRT_TOKEN=... IMAGE=registry.example.com/my-project/my-image TAG=1.0 build.sh [FOLDER]
# The token is one for builds. If PRT_WORKER names a builder worker, it is used and left running, and a token with the scope `build` is
# enough; otherwise a worker is started and ended again, which takes the scope `build-and-start`.
# REGISTRY_SECRET is the name under which the console keeps the registry's login.
set -euo pipefail
: "${PRT_URL:?the address of the console}" "${PRT_TOKEN:?an API token for builds}" "${IMAGE:?the image, without a tag}" "${TAG:?the tag}"

if [ -z "${PRT_WORKER:-}" ]; then
  export PRT_WORKER=""
  trap '[ -z "$PRT_WORKER" ] || prtcli worker terminate "$PRT_WORKER" --reason "The pipeline has ended."' EXIT
  PRT_WORKER="$(prtcli worker create --image "${WORKER_IMAGE:-practicus-minimal}" --size "${WORKER_SIZE:-Medium-restricted}" \
    --builder --timeout 300 --quiet)"
fi
prtcli build "${1:-.}" -t "$IMAGE:$TAG" --push --registry-secret "${REGISTRY_SECRET:-ci-registry}" --progress plain
