# Starts a build in the builder so that it goes on without us, then reads its progress.
#   $1 folder of all builds   $2 build   $3 build folder   $4 context   $5 name of the Dockerfile   $6 the user's own ignore file from there
#   $7 one more ignore pattern   $8 runner.sh   then the command. Standard input: a tar stream with `Dockerfile` and the logins' files.
# Exit codes: 90 no such command, 91 there is such a build already, 92 no such build, 93 the context leads out of the build folder,
# 94 the builder's disk or memory.
set -u
umask 077
root=$1 build=$2 folder=$3 context=$4 dockerfile=$5 ignore=$6 pattern=$7 runner=$8
shift 8
spool=$root/$build
outer=
fail() {
  rm -rf "$spool"
  forget ${outer:+"$outer"}
  echo "$2" >&2
  exit "$1"
}

for program in "$1" setsid tar; do
  command -v "$program" >/dev/null 2>&1 || fail 90 "The builder image has no $program."
done
# The logins are in memory only, and the runner below removes them however the build ends. Without input the build is not wanted:
# until it comes nothing here may touch another build. They lie in a folder that cannot be listed, in one of a name that nobody can guess:
# what a build copies from a folder that changes under it does not find them.
outer=$(mktemp -d "/dev/shm/prt-login.$build.XXXXXX") && login=$(mktemp -d "$outer/XXXXXX") && chmod 300 "$outer" ||
  fail 94 "/dev/shm cannot be written."
if ! tar -xf - -C "$login"; then
  forget "$outer"
  echo "The Dockerfile could not be placed in the builder." >&2
  exit 94
fi
mkdir -p "$root"
if ! mkdir "$spool" 2>/dev/null; then
  forget "$outer"
  [ -d "$spool" ] && exit 91
  fail 94 "$root cannot be written."
fi
within=$(cd -P "$folder" && pwd -P)
# Here the build stays: a link that is put in the place of the folder from now on leads nowhere.
cd -P "$context" 2>/dev/null || fail 93 "There is no folder $context."
place=$(pwd -P)
case $place/ in
  "$within"/*) ;;
  *) fail 93 "The folder $context leads out of the build folder, to $place." ;;
esac

# What earlier builds left; there is one build at a time in a builder.
for old in "$root"/*; do
  [ "$old" = "$spool" ] && continue
  rm -rf "$old"
  forget "/dev/shm/prt-login.${old##*/}".*
done

if ! mkdir "$spool/dockerfile" || ! mv "$login/Dockerfile" "$spool/dockerfile/$dockerfile"; then
  fail 94 "The Dockerfile could not be placed in the builder."
fi
{
  cat "$ignore" 2>/dev/null || cat .dockerignore 2>/dev/null
  echo
  echo "$pattern"
} >"$spool/dockerfile/$dockerfile.dockerignore"
: >"$spool/progress"

# A session of its own and no end of our streams: nothing that happens to us reaches it.
setsid sh -c "$runner" prt-build "$login" "$spool" "$@" </dev/null >/dev/null 2>&1 &
while ! [ -s "$spool/runner" ] && kill -0 $! 2>/dev/null; do nap 0.005; done
follow "$spool" 1
