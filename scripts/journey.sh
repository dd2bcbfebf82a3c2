#!/usr/bin/env bash
# The main job against a running console, by prtcli: start a builder worker, build and push the seed's image with the log live,
# start a worker on it, read hello.txt inside. Exits 0 or 1.
#   PRT_URL         the console (default: the demo's)
#   PRT_USERNAME, PRT_PASSWORD_FILE   login (default: the demo's admin)
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
need curl jq docker

[ -r "$PRT_STATE/demo.env" ] || [ -n "${PRT_URL:-}" ] || die "no console is known: run 'make demo' in another terminal, or set PRT_URL"
[ -r "$PRT_STATE/registries.env" ] || die "no registry is known: run scripts/setup/registries.sh"
# shellcheck source=/dev/null
source "$PRT_STATE/registries.env"
# shellcheck source=/dev/null
[ ! -r "$PRT_STATE/demo.env" ] || { given="${PRT_URL:-}"; source "$PRT_STATE/demo.env"; PRT_URL="${given:-$PRT_URL}"; }
username="${PRT_USERNAME:-admin}"
password_file="${PRT_PASSWORD_FILE:-$PRT_STATE/admin-password}"
[ -r "$password_file" ] || die "$password_file cannot be read: set PRT_PASSWORD_FILE to a file with the password of $username"
cli="${PRTCLI:-}"
for candidate in "$CARGO_TARGET_DIR/release/prtcli" "$CARGO_TARGET_DIR/debug/prtcli"; do
  [ -n "$cli" ] || { [ -x "$candidate" ] && cli="$candidate"; } || true
done
[ -x "$cli" ] || die "prtcli is not built: run scripts/build.sh"
curl -fs --noproxy '*' -o /dev/null -m 10 "$PRT_URL/health/readiness/" || die "no console answers at $PRT_URL: run 'make demo' in another terminal, or set PRT_URL"

work="$(mktemp -d)"
# The login of this run does not replace the one that the user of this machine has.
export XDG_CONFIG_HOME="$work/config" PRT_URL
unset PRT_TOKEN PRT_TOKEN_FILE PRT_WORKER
builder="" worker=""
finish() {
  local status=$?
  trap - EXIT
  local name
  for name in $builder $worker; do "$cli" worker terminate "$name" >/dev/null 2>&1 || true; done
  "$cli" logout >/dev/null 2>&1 || true
  rm -rf "$work"
  if [ "$status" = 0 ]; then say "journey: passed ($SECONDS s)"; else say "journey: failed (in step '$step')" && status=1; fi
  exit "$status"
}
trap finish EXIT
trap 'exit 1' INT TERM

number=0
step=start
step() {
  number=$((number + 1))
  step="$1"
  say "journey $number/6: $1"
}

step "log in at $PRT_URL as $username"
"$cli" login --username "$username" --password-stdin <"$password_file" >/dev/null

step "allow the image that will be built"
image="$PRT_REGISTRY/demo/practicus-minimal-my"
tag="$PRT_VERSION"
api() { printf 'header = "Authorization: Bearer %s"\n' "$(sed -n 's/^token *= *"\(.*\)"/\1/p' "$XDG_CONFIG_HOME/prt/login.toml")" |
  curl -sS --noproxy '*' -m 30 -K - -H 'Content-Type: application/json' "$@"; }
if ! "$cli" image check "$image:$tag" >/dev/null 2>&1; then
  # By file: standard input is taken by the header with the token.
  jq -n --arg image "$image" '{image: $image, name: "practicus-minimal-my", groups: ["Everyone"]}' >"$work/rule.json"
  answer="$(api -d "@$work/rule.json" "$PRT_URL/api/v1/container-images")"
  "$cli" image check "$image:$tag" >/dev/null || { say "$answer"; exit 1; }
fi

step "start a builder worker (practicus-minimal, Medium-restricted)"
builder="$("$cli" --output json worker create --image practicus-minimal --size Medium-restricted --builder --wait --timeout 120 | jq -r .name)"
say "           $builder"

step "build $image:$tag from practicus-minimal and push it"
mkdir "$work/build"
echo "Hello from the custom container image!" >"$work/build/hello.txt"
cat >"$work/build/Dockerfile" <<DOCKERFILE
# Use a base image from your private registry or a public source
FROM $PRT_REGISTRY/practicusai/practicus-minimal:$PRT_VERSION

# Copy in our text file
COPY hello.txt /home/ubuntu/hello.txt
DOCKERFILE
"$cli" build "$work/build" --worker "$builder" --tag "$image:$tag" --push --registry-credential "$PRT_REGISTRY,$PRT_REGISTRY_USER,@$PRT_REGISTRY_PASSWORD_FILE"

step "start a worker on $image"
worker="$("$cli" --output json worker create --image "$image" --size Medium --repo-username "$PRT_REGISTRY_USER" --repo-password-stdin \
  --pull-policy Always --wait --timeout 120 <"$PRT_REGISTRY_PASSWORD_FILE" | jq -r .name)"
say "           $worker"

step "read /home/ubuntu/hello.txt inside it"
found="$("$cli" worker exec "$worker" -- cat /home/ubuntu/hello.txt)"
say "           $found"
[ "$found" = "Hello from the custom container image!" ] || exit 1
