# Runs as a privileged builder's first process: $1 is the bundle, the rest is what the builder is started with.
# BuildKit reads the trust store once, so the certificates are installed before it starts.
set -eu
bundle=$1
shift
refuse() {
  echo "The private certificates could not be installed: $1." >&2
  exit 1
}
# Even root writes to it only after a remount, so nothing in a build changes it by chance. The file itself has no write permission.
if ! grep -qF " $bundle " /proc/self/mountinfo && mount --bind "$bundle" "$bundle" 2>/dev/null; then
  mount -o remount,bind,ro "$bundle" 2>/dev/null || :
fi
store=/etc/ssl/certs/ca-certificates.crt
if command -v update-ca-certificates >/dev/null 2>&1; then
  words=$(update-ca-certificates 2>&1) || refuse "update-ca-certificates failed: $words"
else
  for known in "$store" /etc/pki/tls/certs/ca-bundle.crt /etc/ssl/ca-bundle.pem /etc/ssl/cert.pem; do
    if [ -f "$known" ]; then
      store=$known
      break
    fi
  done
  mkdir -p "${store%/*}" || refuse "there is no trust store, and the builder's image does not run as root"
  # Always from the image's own store, so that another start does not add them twice.
  if [ ! -e "$store.prt-image" ]; then
    if [ -f "$store" ]; then cat "$store"; fi >"$store.prt-image" || refuse "the trust store cannot be written"
  fi
  cat "$store.prt-image" "$bundle" >"$store" || refuse "the trust store cannot be written"
fi
last=$(grep -v '^-----' "$bundle" | tail -n 1)
grep -qxF "$last" "$store" || refuse "they are not in $store afterwards"
exec "$@"
