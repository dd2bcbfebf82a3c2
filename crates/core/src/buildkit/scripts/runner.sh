# Runs the command of a build to its end, whoever looks.   $1 folder of the logins   $2 folder of the build   then the command
login=$1 spool=$2
shift 2
trap 'rm -rf "$login"' EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM
echo "$$ $(started $$)" >"$spool/runner.new" && mv "$spool/runner.new" "$spool/runner"
if [ -e "$spool/cancel" ]; then
  code=130
else
  DOCKER_CONFIG=$login "$@" </dev/null >/dev/null 2>>"$spool/progress" &
  echo $! >"$spool/command"
  # The mark may have been made before there was a process to tell.
  [ -e "$spool/cancel" ] && kill -TERM $!
  wait $!
  code=$?
fi
rm -rf "$login"
echo "$code" >"$spool/exit.new" && mv "$spool/exit.new" "$spool/exit"
