#!/usr/bin/env bash
# The two builder images, restricted and privileged: moby/buildkit where it can be pulled, else buildkitd on Debian packages.
# What to start them with is in images/README.md.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"
source "$PRT_ROOT/scripts/setup/image-recipe.sh"
lock builder-image
need_engine
need jq curl

stamp="$BUILDKIT_VERSION $(stamp_of "$PRT_ROOT/images/builder" "$PRT_ROOT/scripts/setup/builder-image.sh")"
if [ "$(image_label "$BUILDER_IMAGE" prt.stamp)" = "$stamp" ] && [ "$(image_label "$BUILDER_PRIVILEGED_IMAGE" prt.stamp)" = "$stamp" ]; then
  say "builder-image: $BUILDER_IMAGE is there"
  exit 0
fi

if can_pull "moby/buildkit:$BUILDKIT_VERSION-rootless"; then
  say "builder-image: docker build on moby/buildkit:$BUILDKIT_VERSION"
  for kind in builder builder-privileged; do
    quiet "$PRT_CACHE/logs/$kind-image.log" docker build --build-arg "BUILDKIT_VERSION=$BUILDKIT_VERSION" --label "prt.stamp=$stamp" \
      -t "ghcr.io/practicusai/practicus-$kind:$PRT_VERSION" "$PRT_ROOT/images/$kind"
  done
else
  "$PRT_ROOT/scripts/setup/buildkit-binaries.sh"
  "$PRT_ROOT/scripts/setup/debian-base.sh"
  say "builder-image: installing (about 30 s, once)"
  recipe_begin "$DEBIAN_BASE_IMAGE"
  quiet "$PRT_CACHE/logs/builder-image.log" recipe_run "$PRT_ROOT/images/builder/install.sh"
  for binary in buildkitd buildctl; do
    recipe_copy "$PRT_CACHE/buildkit/$BUILDKIT_VERSION/$binary" "/usr/local/bin/$binary" 755
  done
  common=("LABEL prt.stamp='$stamp'" "WORKDIR /" "CMD []"
    "ENV BUILDKIT_STEP_LOG_MAX_SIZE=-1" "ENV BUILDKIT_STEP_LOG_MAX_SPEED=-1")
  recipe_commit "$BUILDER_IMAGE" "${common[@]}" "USER 1000:1000" "ENV HOME=/home/user" "ENV USER=user" \
    "ENV XDG_RUNTIME_DIR=/run/user/1000" "ENV TMPDIR=/home/user/.local/tmp" \
    "ENV BUILDKIT_HOST=unix:///run/user/1000/buildkit/buildkitd.sock" \
    "VOLUME /home/user/.local/share/buildkit" 'ENTRYPOINT ["rootlesskit", "buildkitd"]'
  recipe_commit "$BUILDER_PRIVILEGED_IMAGE" "${common[@]}" "USER 0:0" "ENV HOME=/root" \
    "ENV BUILDKIT_HOST=unix:///run/buildkit/buildkitd.sock" "VOLUME /var/lib/buildkit" 'ENTRYPOINT ["buildkitd"]'
fi
say "builder-image: $BUILDER_IMAGE and -privileged, $(image_megabytes "$BUILDER_IMAGE")"
