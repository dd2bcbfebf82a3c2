# Runs the command of a build to its end, whoever looks.   $1 folder of the logins   $2 folder of the build   then the command
login=$1 spool=$2
shift 2
pins=${spool%/*}.pulled pulled=' '
trap 'forget "${login%/*}"' EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM
echo "$$ $(started $$)" >"$spool/runner.new" && mv "$spool/runner.new" "$spool/runner"
if [ -e "$spool/cancel" ]; then
  code=130
else
  if divided; then
    turns "$@" </dev/null >/dev/null 2>&1 &
  else
    DOCKER_CONFIG=$login "$@" </dev/null >/dev/null 2>>"$spool/progress" &
  fi
  echo $! >"$spool/command"
  # The mark may have been made before there was a process to tell.
  [ -e "$spool/cancel" ] && kill -TERM $!
  wait $!
  code=$?
  # Turns that were killed leave the command that they were at.
  if read -r left 2>/dev/null <"$spool/current"; then kill -KILL "$left" 2>/dev/null; fi
  read -r pulled 2>/dev/null <"$spool/pulled" && pulled=" $pulled "
  [ "$code" = 0 ] && remember_bases
fi
forget "${login%/*}"
echo "$code" >"$spool/exit.new" && mv "$spool/exit.new" "$spool/exit"
