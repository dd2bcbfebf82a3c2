# Changes the configuration of the build service: tries it beside the running one, then puts it in place and starts the service anew.
# Whatever fails, the former configuration is in place again. Goes on when nobody listens any more.
#   $1 folder of supervise.sh   $2 bytes of the configuration, which comes by standard input   $3 seconds for the service to answer
# Prints the process id of the service. Exit codes: 80 not all of it came, 81 refused by BuildKit, 82 the service did not come up and the
# former configuration is back, 83 nor did it with that, 84 another change is under way, 85 the builder has another main process. The
# words are on standard error.
set -u
umask 077
trap '' PIPE HUP
dir=$1 size=$2 patience=$3
[ -e "$dir/pid" ] || exit 85
now=$dir/buildkitd.toml new=$dir/new.toml old=$dir/old.toml log=$dir/try.log

{ read -r changer <"$dir/changing" && kill -0 "$changer"; } 2>/dev/null && exit 84
echo "$$" >"$dir/changing"
try=
done_with() {
  # The last is what others wait for.
  rm -rf "$new" "$log" "$dir/try.sock" ${try:+"$try"} "$dir/changing"
}
trap done_with EXIT

cat >"$new"
[ "$(wc -c <"$new")" -eq "$size" ] || exit 80

set --
while IFS= read -r word; do set -- "$@" "$word"; done <"$dir/command"

# The service itself says whether it takes it: with a folder and sockets of its own, on the same volume as the real one.
if [ "$(id -u)" = 0 ]; then state=/var/lib/buildkit; else state=$HOME/.local/share/buildkit; fi
try=$(mktemp -d "$state/prt-try.XXXXXX") || exit 81
"$@" --config "$new" --root "$try" --addr "unix://$dir/try.sock" --otel-socket-path "$try/otel.sock" >"$log" 2>&1 &
tried=$!
answers() { buildctl "$@" debug workers >/dev/null 2>&1; }
left=$((patience * 10)) taken=
while [ "$left" -gt 0 ] && [ "$(started "$tried")" ]; do
  answers --addr "unix://$dir/try.sock" && taken=1 && break
  left=$((left - 1))
  nap 0.05
done
kill -TERM "$tried" 2>/dev/null
wait "$tried" 2>/dev/null
if [ -z "$taken" ]; then
  grep '^buildkitd: ' "$log" >&2 || grep -v -e 'level=info' -e 'level=warning' "$log" | tail -n 5 >&2
  exit 81
fi

read -r before <"$dir/pid" || exit 83
# renew PID STARTS: ends the service of that process id and waits until the next one answers; not after more than so many starts.
renew() {
  kill -TERM "$1" 2>/dev/null
  left=$((patience * 20)) service=$1 latest=$1 starts=0
  while [ "$left" -gt 0 ]; do
    if read -r service <"$dir/pid" && [ "$service" != "$latest" ]; then
      latest=$service starts=$((starts + 1))
      [ "$starts" -le "$2" ] || return 1
    fi
    [ "$service" != "$1" ] && answers && return 0
    left=$((left - 1))
    nap 0.02
  done
  return 1
}
cp "$now" "$old" && mv "$new" "$now" || exit 81
if renew "$before" 3; then
  rm -f "$old"
  echo "$service"
  exit 0
fi
mv "$old" "$now"
# This one is known to work: it gets about 3 s if it ends at once.
read -r service <"$dir/pid"
renew "$service" 20 && exit 82
: >"$dir/down"
exit 83
