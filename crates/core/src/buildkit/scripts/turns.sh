# Builds whose images need different logins at one registry. BuildKit's session has one login a registry, so such an image is denied to
# the build by a source policy at first. A run that is denied one ends at once, before any step, and says which: that image is pulled by
# itself with its own login, and the policy puts its digest in the place of its tag. BuildKit then takes what it has and does not ask the
# registry again. The run that is denied nothing is the build; only its progress is shown, and what is pulled for it.
#
# What builds have pulled is remembered with the login that it was pulled with. A later build whose login may not pull it can still use it.

tab=$(printf '\t')

# login_for REFERENCE: sets number and user, 0 and nothing if there is none.
login_for() {
  number=0 user=
  while IFS=$tab read -r begin its_number its_user; do
    case $1 in "$begin"*) number=$its_number user=$its_user && break ;; esac
  done <"$login/pulls"
}

rule() { rules=$rules${rules:+,}"{\"action\":\"$1\",\"selector\":{\"identifier\":\"docker-image://$2\",\"match_type\":\"$3\"}${4:-}}"; }

# Sets the rules to begin with; fails if the build needs none. Of what is remembered, what another login pulled is asked for anew.
divided() {
  rules=''
  [ -s "$login/pulls" ] || [ -s "$login/split" ] || [ -s "$pins" ] || return 1
  while read -r host; do rule DENY "$host/*" WILDCARD; done <"$login/split"
  if [ -s "$pins" ]; then
    while IFS=$tab read -r reference _ puller; do
      login_for "$reference"
      [ "$user" = "$puller" ] || rule DENY "$reference" EXACT
    done <"$pins"
  fi
  [ "$rules" ]
}

# remember REFERENCE DIGEST USER
remember() {
  {
    while IFS=$tab read -r reference digest puller; do
      [ "$reference" = "$1" ] || printf '%s\t%s\t%s\n' "$reference" "$digest" "$puller"
    done <"$pins" | tail -n 99
    printf '%s\t%s\t%s\n' "$1" "$2" "$3"
  } 2>/dev/null >"$pins.new"
  mv "$pins.new" "$pins"
}

# remember_bases: what a build that has succeeded was based on.
remember_bases() {
  grep -o '"name":"\(\[[^]"]*\] \)\{0,1\}FROM [^" @]*@sha256:[0-9a-f]*"' "$spool/progress" | sort -u |
    sed 's/^.*FROM \([^@]*\)@\([^"]*\)"$/\1 \2/' >"$spool/bases"
  while read -r base digest; do
    case $pulled in *" $base "*) continue ;; esac
    login_for "$base"
    grep -q -F -x "$base$tab$digest$tab$user" "$pins" 2>/dev/null || remember "$base" "$digest" "$user"
  done <"$spool/bases"
}

# Whether a line of progress tells of more than what a frontend reads before it knows all images.
is_step() {
  rest=${1%%'"statuses":'*}
  case $rest in '{"vertexes":'*) ;; *) return 1 ;; esac
  while :; do
    case $rest in *'"name":"'*) rest=${rest#*'"name":"'} ;; *) return 1 ;; esac
    case $rest in '[internal]'* | '[auth]'* | '[context '* | 'resolve image config '* | docker-image://*) ;; *) return 0 ;; esac
  done
}

# Keeps progress back until it is known to be the build's.
hold() {
  while IFS= read -r line || [ "$line" ]; do
    printf '%s\n' "$line" >>"$spool/held"
    if is_step "$line"; then
      cat "$spool/held" >>"$spool/progress" && : >"$spool/held"
      exec cat >>"$spool/progress"
    fi
  done
}

# Shows of a pull's progress what is transferred, as the step ID.
transfers() {
  while IFS= read -r line || [ "$line" ]; do
    printf '%s\n' "$line" >>"$spool/pull"
    case $line in
      *'"id":"exporting '*) ;;
      *'"statuses":'*'"id":"sha256:'* | *'"statuses":'*'"id":"extracting '*)
        printf '%s\n' "$line" | sed "s/^.*\"statuses\":/{\"statuses\":/; s/\"vertex\":\"[^\"]*\"/\"vertex\":\"$1\"/g" >>"$spool/progress"
        ;;
    esac
  done
}

# attempt LOGINS READER COMMAND...: runs the command, its progress goes to the reader. Sets code.
attempt() {
  logins=$1 reader=$2 code=1
  shift 2
  rm -f "$spool/pipe"
  mkfifo "$spool/pipe" || return 1
  $reader <"$spool/pipe" &
  listener=$!
  [ "$canceled" ] && set -- false
  DOCKER_CONFIG=$logins "$@" </dev/null >/dev/null 2>"$spool/pipe" &
  current=$!
  echo "$current" >"$spool/current"
  # A signal ends `wait` before its time.
  while
    wait "$current"
    code=$?
    kill -0 "$current" 2>/dev/null
  do :; done
  current=
  : >"$spool/current"
  while
    wait "$listener"
    kill -0 "$listener" 2>/dev/null
  do :; done
}

clock() {
  at=$(date -u +%Y-%m-%dT%H:%M:%S.%NZ)
  case $at in *[!0-9TZ:.-]*) at=$(date -u +%Y-%m-%dT%H:%M:%SZ) ;; esac
}

# tell ID NAME MORE
tell() { printf '{"vertexes":[{"digest":"%s","name":"%s",%s}]}\n' "$1" "$2" "$3" >>"$spool/progress"; }

# say ID TEXT: a line of a step's own.
say() {
  clock
  printf '{"logs":[{"vertex":"%s","stream":1,"data":"%s","timestamp":"%s"}]}\n' "$1" "$(echo "$2" | base64 | tr -d '\n')" "$at" >>"$spool/progress"
}

# fetch OPTION...: the image of the folder, in one platform.
fetch() {
  : >"$spool/pull"
  attempt "$login/$number" "transfers $step" "$program" build --progress=rawjson --frontend dockerfile.v0 \
    --local "context=$spool/pulling" --local "dockerfile=$spool/pulling" --no-cache "$@" --output type=image
}

# pull REFERENCE: with its own login, all of it. Sets digest, or fails with code and the words in the progress.
pull() {
  login_for "$1"
  step=prt-pull-$rounds title="[pull] $1${user:+ as $user}"
  clock
  begun="\"started\":\"$at\""
  tell "$step" "$title" "$begun"
  mkdir -p "$spool/pulling"
  # The copy of nothing needs all of the image in place; an image that is copied from has its triggers left alone.
  printf 'FROM scratch\nCOPY --from=%s /.prt-none* /\n' "$1" >"$spool/pulling/Dockerfile"
  fetch ${platform:+"--opt=$platform"}
  if [ "$code" = 0 ]; then
    digest=$(grep -o 'FROM [^" ]*@sha256:[0-9a-f]*' "$spool/pull" | head -n 1 | sed 's/.*@//')
    [ "$digest" ] || code=1
  fi
  if [ "$code" = 0 ]; then
    # Stages may be for other platforms than the result. An image that does not have one of these is not wanted for it.
    [ "$platform" ] && fetch
    for other in $(sed -n 's/^ *[Ff][Rr][Oo][Mm] *--platform=\([a-z0-9/]*\) .*/\1/p' "$spool"/dockerfile/* 2>/dev/null | sort -u); do
      fetch "--opt=platform=$other"
    done
    code=0
    remember "$1" "$digest" "$user"
  fi
  clock
  ended="$begun,\"completed\":\"$at\""
  if [ "$code" = 0 ]; then
    tell "$step" "$title" "$ended"
    return
  fi
  error=$(sed -n 's/^error: //p' "$spool/pull" | tail -n 1)
  [ "$canceled" ] && error='context canceled'
  case $error in
    *'401 '* | *'403 '* | *denied* | *'not found'* | *uthoriz* | *insufficient_scope* | *'basic auth credentials'*)
      digest=$(while IFS=$tab read -r reference its_digest _; do [ "$reference" = "$1" ] && echo "$its_digest"; done <"$pins" | tail -n 1)
      if [ "$digest" ]; then
        say "$step" "Refused to ${user:-everybody}; taken as an earlier build of this worker pulled it: $digest"
        tell "$step" "$title" "$ended"
        return
      fi
      ;;
  esac 2>/dev/null
  tell "$step" "$title" "$ended,\"error\":\"$(printf '%s' "${error:-it ended with exit code $code}" | tr -d '"\\' | tr '\000-\037' ' ')\""
  # The place in the Dockerfile is the build's, the error the pull's.
  sed -e '/^{/d' -e '/^error: /d' "$spool/held" >>"$spool/progress"
  printf 'error: %s\n' "$error" >>"$spool/progress"
  return 1
}

# turns COMMAND...: the build.
turns() {
  canceled='' current='' rounds=0 program=$1 platform=
  trap 'canceled=1; [ -z "$current" ] || kill -TERM "$current" 2>/dev/null' HUP INT TERM
  trap - EXIT
  for word; do case $word in platform=*) platform=$word ;; esac; done
  while :; do
    printf '{"rules":[%s]}\n' "$rules" >"$spool/policy"
    : >"$spool/held"
    attempt "$login" hold "$@" --source-policy-file "$spool/policy"
    image=$(sed -n 's/^error: .*source "docker-image:\/\/\([]A-Za-z0-9._:\/@[-]*\)" denied by policy.*/\1/p' "$spool/held" | tail -n 1)
    if [ "$canceled" ] || [ -z "$image" ]; then break; fi
    # Denied again: the policy does not do what it should, and the words of the build say so.
    case $pulled in *" $image "*) break ;; esac
    rounds=$((rounds + 1))
    pull "$image" || exit "$code"
    pulled="$pulled$image "
    pinned=${image%@sha256:*}@$digest
    [ "$pinned" = "$image" ] || rule CONVERT "$image" EXACT ",\"updates\":{\"identifier\":\"docker-image://$pinned\"}"
    rule ALLOW "$pinned" EXACT
  done
  cat "$spool/held" >>"$spool/progress"
  # What it was pulled with is known better here than from the progress.
  echo "$pulled" >"$spool/pulled"
  exit "$code"
}

