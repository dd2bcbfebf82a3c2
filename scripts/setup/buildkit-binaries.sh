#!/usr/bin/env bash
# buildkitd and buildctl of the pinned version, built once from the Go module into $PRT_CACHE/buildkit/<version>.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"
lock buildkit-binaries

dir="$PRT_CACHE/buildkit/$BUILDKIT_VERSION"
if [ -x "$dir/buildkitd" ] && [ -x "$dir/buildctl" ]; then
  exit 0
fi
have go || die "go is missing: install Go 1.26.3 or newer (BuildKit $BUILDKIT_VERSION is built from source when its image cannot be pulled)"
say "buildkit: go build $BUILDKIT_VERSION (about 3 minutes, once)"

# `go install module@version` refuses a go.mod with exclude directives; in a copy of the module's source its own go.mod and go.sum hold.
source_dir="$(go mod download -json "github.com/moby/buildkit@$BUILDKIT_VERSION" | jq -er .Dir)" ||
  die "github.com/moby/buildkit@$BUILDKIT_VERSION cannot be downloaded: check the Go module proxy (go env GOPROXY)"
work="$(mktemp -d "$PRT_CACHE/buildkit-source.XXXXXX")"
trap 'rm -rf "$work"' EXIT
cp -r "$source_dir/." "$work"
chmod -R u+w "$work"
rm -rf "$dir" "$dir.tmp"
mkdir -p "$dir.tmp"
cd "$work"
quiet "$PRT_CACHE/logs/buildkit.log" env CGO_ENABLED=0 go build -trimpath -o "$dir.tmp/" \
  -ldflags "-s -w -X github.com/moby/buildkit/version.Version=$BUILDKIT_VERSION" ./cmd/buildkitd ./cmd/buildctl
mv "$dir.tmp" "$dir"
