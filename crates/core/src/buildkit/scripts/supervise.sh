# The builder's main process: runs the build service, starts it anew while its configuration is being changed, and ends with it otherwise.
#   $1 folder for what belongs to that   $2 the configuration to begin with   then the command of the build service
set -u
umask 077
dir=$1 first=$2
shift 2
mkdir -p "$dir" && { [ -e "$dir/buildkitd.toml" ] || cp "$first" "$dir/buildkitd.toml"; } || exit 1
printf '%s\n' "$@" >"$dir/command"

ended='' service=''
trap 'ended=1; [ -z "$service" ] || kill -TERM "$service" 2>/dev/null' TERM INT
while [ -z "$ended" ]; do
  "$@" --config "$dir/buildkitd.toml" &
  service=$!
  [ -z "$ended" ] || kill -TERM "$service"
  echo "$service" >"$dir/pid.new" && mv "$dir/pid.new" "$dir/pid"
  # A signal ends `wait` before its time.
  while
    wait "$service"
    code=$?
    kill -0 "$service" 2>/dev/null
  do :; done
  # Whoever changes the configuration leaves its process id for as long as that takes.
  { read -r changer <"$dir/changing" && kill -0 "$changer"; } 2>/dev/null || break
  nap 0.1
done
# All processes end with this one: whoever has found out that the service does not come up any more gets to say so.
[ ! -e "$dir/down" ] || nap 2
exit "$code"
