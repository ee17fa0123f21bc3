# One commit without tags, or with a depth of 0 everything.
set -euo pipefail
find . -mindepth 1 -delete
git init --quiet .
git remote add origin "file://$SCENARIO_REPOSITORY"
if [[ $DEPTH == 0 ]]; then
  git fetch --quiet --tags origin '+refs/heads/*:refs/remotes/origin/*' '+refs/pull/*:refs/remotes/pull/*'
else
  git fetch --quiet --no-tags --depth "$DEPTH" origin "$REF"
  REF=FETCH_HEAD
fi
if git rev-parse --quiet --verify "refs/remotes/origin/$REF" > /dev/null; then
  git checkout --quiet -B "$REF" "origin/$REF"
else
  git checkout --quiet --detach "$REF"
fi
