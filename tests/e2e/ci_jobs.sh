#!/bin/bash
# The jobs in examples/ci: they parse, ask for as little as they can, give no secret to a fork, and every line that they run
# does what it should, from the check to the comment.
set -u
cd "$ROOT" || exit 1
. tests/tap.sh
. tests/e2e/lib.sh
trap '[ -z "${server:-}" ] || kill "$server"; rm -rf "$room"' EXIT
for tool in jq curl python3 git; do command -v $tool >/dev/null || { skip "the jobs of examples/ci" "$tool is missing"; finish; }; done
python3 -c 'import yaml' 2>/dev/null || { skip "the jobs of examples/ci" "Python's yaml is missing"; finish; }

github=examples/ci/github gitlab=examples/ci/gitlab/merge-request.gitlab-ci.yml
json() { python3 -c 'import json,sys,yaml; print(json.dumps({str(k): v for k, v in yaml.safe_load(open(sys.argv[1])).items()}))' "$1"; } # "on" is True
holds() { json "$1" | jq -e "$2" >/dev/null || { json "$1" | jq .; return 1; }; }

# --- what they may do -------------------------------------------------------------------------------------------------------

for file in "$github"/*.yml; do
	check "$file parses" json "$file"
	check "… asks for nothing as a whole" holds "$file" '.permissions == {}'
	check "… each job says what it needs, and ends" holds "$file" 'all(.jobs[]; (.permissions | type == "object" and length > 0) and ."timeout-minutes" <= 15)'
	check "… every action is pinned" holds "$file" 'all(.jobs[].steps[] | select(.uses) | .uses; test("^actions/[a-z-]+@[0-9a-f]{40}$"))'
	check "… with its version behind" bash -c "! grep 'uses:' '$file' | grep -vE '# v[0-9]+\.[0-9]+\.[0-9]+$'"
	check "… no checkout keeps a credential" holds "$file" 'all(.jobs[].steps[] | select(.uses // "" | startswith("actions/checkout")); .with."persist-credentials" == false)'
	check "… and forks are given nothing" holds "$file" '(.true | has("pull_request_target") | not) and (.true | has("workflow_run") | not)'
	# What somebody wrote is never part of a command.
	check "… no command holds an expression" holds "$file" 'all(.jobs[].steps[].run // ""; contains("${{") | not)'
done
own='github.event.pull_request.head.repo.full_name == github.repository'
check "a secret is for branches of the repository only" holds $github/pull-request.yml \
	".jobs | to_entries | all(.[]; (.value | tostring | contains(\"secrets.\") | not) or (.value.if == \"$own\" and .value.environment == \"omni-plan\"))"
check "… and not where something may be written" holds $github/pull-request.yml \
	'all(.jobs[] | select(.permissions | tostring | contains("write")); tostring | contains("secrets.") | not)'
check "only the comment may write" holds $github/pull-request.yml '[.jobs[] | .permissions | to_entries[] | select(.value == "write") | .key] == ["pull-requests"]'
check "the offline jobs have no secret at all" bash -c "! grep -E 'secrets\.|OMNI_SERVICE' $github/pull-request-offline.yml"
check "… and comment for branches of the repository only" holds $github/pull-request-offline.yml ".jobs.comment.if | contains(\"$own\")"
check "$gitlab parses" json $gitlab
here='$CI_MERGE_REQUEST_SOURCE_PROJECT_ID == $CI_PROJECT_ID'
check "… plans and comments are of branches of the project only" holds $gitlab \
	"all((.[\".omniops\"], .[\"omniops comment\"]).rules[]; .if | contains(\"$here\")) and (.[\"omniops plan\"] | has(\"rules\") | not)"
check "… with keys of two environments" holds $gitlab '[."omniops plan".environment.name, ."omniops comment".environment.name] == ["omni-plan", "omni-comment"]'
check "… and every job ends" holds $gitlab 'all(to_entries[] | select(.key | startswith("omniops ")) | .value; .timeout and .script)'

# --- what they run ------------------------------------------------------------------------------------------------------------

mkdir "$room/fake" "$room/bin" "$room/ws"
setpriv --pdeathsig KILL -- python3 tests/rig/comments/fake.py "$room/fake" &
server=$!
within 10 test -s "$room/fake/port" || { fail "the host answers"; finish; }
printf '#!/bin/sh\nexec "%s" "$@"\n' "$OMNIOPS" >"$room/bin/omniops"
chmod +x "$room/bin/omniops"
api=http://127.0.0.1:$(cat "$room/fake/port")
export PATH=$room/bin:$PATH
command_of() { json "$1" | jq -er "$2"; } # file, where in it
step() { command_of "$1" ".jobs[\"$2\"].steps[] | select(.name == \"$3\") | .run"; }
folder_of() { json "$1" | jq -r ".jobs[\"$2\"].steps[] | select(.name == \"$3\") | .\"working-directory\" // \".\""; }
run_step() { # file, job, step, variables…: as the runner does, with nothing else in the environment
	(cd "$room/ws/$(folder_of "$@")" && env -i PATH="$PATH" HOME="$room" GITHUB_WORKSPACE="$room/ws" "${@:4}" sh -ec "$(cd "$ROOT" && step "$@")" 2>"$room/err" >"$room/out") || {
		cat "$room/out" "$room/err"
		return 1
	}
}
comment() { jq -j '.[0].body // "none"' "$room/fake/comments.json" 2>/dev/null; }
one_comment() { [ "$(jq length "$room/fake/comments.json")" = 1 ] && comment | grep -q "$1" || { comment; return 1; }; }

# a checkout of the change, and one of what it is merged into
mkdir -p "$room/ws/change/clusters" "$room/ws/base/ci" "$room/ws/ci"
cp examples/ci/plan-comment.sh "$room/ws/base/ci/"
cp examples/ci/plan-comment.sh "$room/ws/ci/"
class >"$room/ws/change/clusters/class.yaml"
cluster one 2 >"$room/ws/change/clusters/one.yaml"
exits 0 omniops apply --omni "$omni" --approve-all --yes "$room/ws/change/clusters" || cat "$room/err"
sed -i 's/size: 2/size: 1/' "$room/ws/change/clusters/one.yaml"
to_comment() { run_step "$1" comment Comment GITHUB_TOKEN=token-of-github PULL_REQUEST=7 GITHUB_REPOSITORY=o/r GITHUB_API_URL="$api"; }
take_artifact() { mkdir -p "$room/ws/plan" && mv "$room/ws/plan.md" "$room/ws/plan/"; } # as upload and download do

cp -r "$room/ws/change/clusters" "$room/ws/" # the check has the change alone
check "GitHub: the check" run_step $github/pull-request.yml validate "Faults become annotations"
check "… the plan" run_step $github/pull-request.yml plan Plan OMNI_ENDPOINT="$omni" GITHUB_STEP_SUMMARY="$room/summary"
check "… which is the summary" diff "$room/summary" "$room/ws/plan.md"
check "… is kept as the artifact" holds $github/pull-request.yml '.jobs.plan.steps[] | select(.uses // "" | startswith("actions/upload")) | .with.path == "plan.md" and .with.name == "omniops-plan"'
check "… from where the comment takes it" holds $github/pull-request.yml '.jobs.comment.steps[] | select(.uses // "" | startswith("actions/download")) | .with.path == "plan" and .with.name == "omniops-plan"'
take_artifact
check "… the comment" to_comment $github/pull-request.yml
check "… is there" one_comment 'omniops: held -->'
echo '- nonsense: [' >"$room/ws/change/clusters/bad.yaml"
if (cd "$room/ws/change" && sh -ec "$(cd "$ROOT" && step $github/pull-request.yml validate "Faults become annotations")") >"$room/out" 2>&1; then
	fail "a fault ends the check"
else
	pass "a fault ends the check"
fi
check "… as an annotation" grep -q '^::error file=clusters/bad.yaml,line=' "$room/out"
rm "$room/ws/change/clusters/bad.yaml"

git init -q --bare "$room/o.git"
check "GitHub: a snapshot" run_step $github/snapshot.yml snapshot Snapshot OMNI_ENDPOINT="$omni"
check "… is published" run_step $github/snapshot.yml snapshot Publish GITHUB_TOKEN=secret-token GITHUB_SERVER_URL="file://$room" GITHUB_REPOSITORY=o.git
check "… as a branch of one commit" test "$(git -C "$room/o.git" rev-list --count omni-snapshot)" = 1
git clone -q -b omni-snapshot "file://$room/o.git" "$room/ws/snapshot"
check "… that holds no token" bash -c "! git -C '$room/ws/snapshot' grep -q secret-token"
rm -f "$room/fake/comments.json"
check "GitHub: a plan against it" run_step $github/pull-request-offline.yml plan Plan
hash_in() { grep -oE 'Hash: `[0-9a-f]+`' "$1"; }
check "… with the hash of the original's" test "$(hash_in "$room/ws/plan.md")" = "$(hash_in "$room/summary")"
take_artifact
check "… and its comment" to_comment $github/pull-request-offline.yml
check "… is there" one_comment 'omniops: held -->'

# GitLab runs its lines in a clone
git init -q -b main "$room/project"
mkdir "$room/project/ci" && cp examples/ci/plan-comment.sh "$room/project/ci/"
git -C "$room/project" add -A && git -C "$room/project" commit -qm base
base=$(git -C "$room/project" rev-parse HEAD)
cp -r "$room/ws/change/clusters" "$room/project/" && echo 'echo replaced; exit 1' >"$room/project/ci/plan-comment.sh"
git -C "$room/project" add -A && git -C "$room/project" commit -qm change
mkdir "$room/gitlab" && git clone -q "file://$room/project" "$room/gitlab/clone"
job() { # name, variables…
	(cd "$room/gitlab/clone" && env -i PATH="$PATH" HOME="$room" CI_MERGE_REQUEST_DIFF_BASE_SHA="$base" "${@:2}" \
		sh -ec "$(cd "$ROOT" && command_of $gitlab ".[\"$1\"].script | join(\"\n\")")" >"$room/out" 2>&1) || { cat "$room/out"; return 1; }
}
rm -f "$room/fake/comments.json"
check "GitLab: the check" job "omniops validate"
check "… the plan, by the script of the branch that is merged into" job "omniops plan" OMNI_ENDPOINT="$omni"
check "… is kept as the artifact" holds $gitlab '."omniops plan".artifacts.paths == ["plan.md"]'
check "… the comment" job "omniops comment" CI_API_V4_URL="$api" CI_PROJECT_ID=5 CI_MERGE_REQUEST_IID=7 GITLAB_TOKEN=token-of-gitlab
check "… is there" one_comment 'omniops: held -->'
finish
