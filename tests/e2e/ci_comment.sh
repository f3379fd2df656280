#!/bin/bash
# The plan as a comment on a pull request, with something that answers as GitHub and GitLab do: one comment, renewed, cut
# where it is too long, and nothing in it that is secret.
set -u
cd "$ROOT" || exit 1
. tests/tap.sh
. tests/e2e/lib.sh
trap '[ -z "${server:-}" ] || kill "$server"; rm -rf "$room"' EXIT
for tool in jq curl python3; do command -v $tool >/dev/null || { skip "comments on pull requests" "$tool is missing"; finish; }; done

mkdir "$room/fake" "$room/bin" "$room/in"
setpriv --pdeathsig KILL -- python3 tests/rig/comments/fake.py "$room/fake" &
server=$!
within 10 test -s "$room/fake/port" || { fail "the host answers"; finish; }
api=http://127.0.0.1:$(cat "$room/fake/port")
# What is on command lines can be seen by everybody: curl's are kept and looked at.
printf '#!/bin/sh\nprintf "%%s\\n" "$@" >>"%s/arguments"\nexec %s "$@"\n' "$room" "$(command -v curl)" >"$room/bin/curl"
printf '#!/bin/sh\nexec "%s" "$@"\n' "$OMNIOPS" >"$room/bin/omniops"
chmod +x "$room/bin"/*
export PATH=$room/bin:$PATH OMNIOPS_OMNI=$omni GITHUB_API_URL=$api GITHUB_REPOSITORY=o/r PULL_REQUEST=7 GITHUB_TOKEN=token-of-github \
	CI_API_V4_URL=$api CI_PROJECT_ID=5 CI_MERGE_REQUEST_IID=7 GITLAB_TOKEN=token-of-gitlab
unset GITHUB_STEP_SUMMARY GITHUB_OUTPUT GITHUB_RUN_ID CI_JOB_URL OMNI_SERVICE_ACCOUNT_KEY SIDERO_SERVICE_ACCOUNT_KEY
script() { sh examples/ci/plan-comment.sh "$@"; }
plan() { script plan "$room/plan.md" "$@" "$room/in"; }
comments() { cat "$room/fake/comments.json" 2>/dev/null || echo '[]'; }
body() { comments | jq -j "[.[] | select(.body | contains(\"omniops plan ${1:-omniops}:\"))][${2:-0}].body"; }
count() { [ "$(comments | jq '[.[] | select(.body | contains("omniops plan"))] | length')" = "$1" ] || { comments; return 1; }; }
asked() { [ "$(grep -c "^$1 " "$room/fake/log")" = "$2" ] || { cat "$room/fake/log"; return 1; }; }
anew() { rm -f "$room/fake/comments.json" "$room/fake/fault"; : >"$room/fake/log"; }
others() { # comments of other people, the last with our marker in it
	python3 -c "import json; print(json.dumps([{'id': i, 'body': 'hello', 'user': {'login': 'me'}, 'author': {'id': 1}} for i in range($1)] +
		[{'id': 900, 'body': '<!-- omniops plan omniops: held -->', 'user': {'login': 'me'}, 'author': {'id': 1}}]))" >"$room/fake/comments.json"
}
is_whole() { diff <(body) "$room/plan.md"; }
keeps_quiet() { ! grep -E 'token-of|the-key' "$room/err" "$room/out" "$room/arguments"; }

# --- the plan -----------------------------------------------------------------------------------------------------------

class >"$room/in/class.yaml"
cluster one 2 >"$room/in/one.yaml"
check "a plan with changes is no failure" exits 0 plan
check "… and is Markdown behind a mark" bash -c "head -n 1 '$room/plan.md' | grep -qx '<!-- omniops plan omniops: changes -->' && grep -q '^## Omni plan' '$room/plan.md'"
cp "$room/plan.md" "$room/changes.md"
GITHUB_OUTPUT=$room/output GITHUB_STEP_SUMMARY=$room/summary check "a job gets its state and its summary" exits 0 plan
check "… the state" grep -qx state=changes "$room/output"
check "… the whole plan" diff "$room/summary" "$room/plan.md"
exits 0 omniops apply --approve-all --yes "$room/in"
check "a plan without changes" exits 0 plan
check "… says so" grep -q 'omniops: none -->' "$room/plan.md"
cp "$room/plan.md" "$room/none.md"
sed -i 's/size: 2/size: 1/' "$room/in/one.yaml"
check "a plan that is held is no failure" exits 0 plan --gate safe
check "… and says so" grep -q 'omniops: held -->' "$room/plan.md"
cp "$room/plan.md" "$room/held.md"
printf 'kind: Cluster\nname: ```\n  broken: [\n' >"$room/in/broken.yaml"
check "what cannot be planned is a failure" exits 1 plan
check "… with the faults" grep -q 'broken.yaml:' "$room/plan.md"
check "… whatever they hold, in one block" python3 -c "
import sys; text = open('$room/plan.md').read().split('\n'); fences = [l for l in text if l.startswith('\`\`\`\`')]
sys.exit(0 if len(fences) == 2 and text[-2] == fences[1] else 1)"
cp "$room/plan.md" "$room/failed.md"
rm "$room/in/broken.yaml"
check "a name that is none is refused" exits 1 env PLAN_NAME='a b' sh examples/ci/plan-comment.sh plan "$room/x" "$room/in"
printf '#!/bin/sh\necho "## a plan with the-key-of-omni-0123456789 in it"; exit 2\n' >"$room/bin/leaky"
chmod +x "$room/bin/leaky"
mkdir "$room/leak" && cp "$room/bin/leaky" "$room/leak/omniops"
check "a plan that holds the key is not kept" exits 1 env PATH="$room/leak:$PATH" OMNI_SERVICE_ACCOUNT_KEY=the-key-of-omni-0123456789 sh examples/ci/plan-comment.sh plan "$room/leak.md"
check "… also with a blank line behind the key" exits 1 env PATH="$room/leak:$PATH" OMNI_SERVICE_ACCOUNT_KEY="the-key-of-omni-0123456789

" sh examples/ci/plan-comment.sh plan "$room/leak.md"
check "… and another plan is" exits 0 env PATH="$room/leak:$PATH" OMNI_SERVICE_ACCOUNT_KEY="another-key-of-omni-0123456789

" sh examples/ci/plan-comment.sh plan "$room/kept.md"
check "… nor shown" bash -c "! test -s '$room/leak.md' && ! grep the-key '$room/err'"

# --- one comment ----------------------------------------------------------------------------------------------------------

both() { # host: what is the same for both
	local how=PATCH
	[ "$1" = github ] || how=PUT
	anew
	cp "$room/none.md" "$room/plan.md"
	check "$1: where nothing changes there is no comment" exits 0 script "$1" "$room/plan.md"
	check "… none at all" count 0
	cp "$room/changes.md" "$room/plan.md"
	check "$1: a comment is made" exits 0 script "$1" "$room/plan.md"
	check "… with the whole plan" is_whole
	check "… and not again" exits 0 script "$1" "$room/plan.md"
	check "… nor written" asked "$how" 0
	cp "$room/held.md" "$room/plan.md"
	check "$1: another plan takes its place" exits 0 script "$1" "$room/plan.md"
	check "… of which there is one" count 1
	check "… with the whole plan" is_whole
	cp "$room/none.md" "$room/plan.md"
	check "$1: a change that is taken back is told" exits 0 script "$1" "$room/plan.md"
	check "… in the same comment" is_whole
	check "… of which there is one" count 1
	cp "$room/failed.md" "$room/plan.md"
	check "$1: what could not be planned is told" exits 0 script "$1" "$room/plan.md"
	check "… with the faults" is_whole
	anew
	others 250
	cp "$room/changes.md" "$room/plan.md"
	check "$1: other people's comments are left alone" exits 0 script "$1" "$room/plan.md"
	check "… ours is a new one" is_whole_among 2
	cp "$room/held.md" "$room/plan.md"
	check "$1: ours is found on the third page" exits 0 script "$1" "$room/plan.md"
	check "… and no other one is made" is_whole_among 2
	PLAN_NAME=other check "$1: a second plan has a comment of its own" bash -c "sed 's/plan omniops:/plan other:/' '$room/plan.md' >'$room/other.md' && sh examples/ci/plan-comment.sh $1 '$room/other.md'"
	check "… beside the first" count 3
	check "$1: what is no plan is not posted" exits 1 script "$1" "$room/in/one.yaml"

	anew
	for code in 401 403 404 422 500; do
		echo "$code -1 GET" >"$room/fake/fault"
		check "$1: $code is an error" exits 1 script "$1" "$room/plan.md"
		check "… with its reason" complains "answers GET with $code: broken on demand"
	done
	echo "502 1 GET" >"$room/fake/fault"
	check "$1: a proxy that hiccups is asked again" exits 0 script "$1" "$room/plan.md"
	anew
	echo "502 1 POST" >"$room/fake/fault"
	check "$1: a comment that may be there is not made twice" exits 1 script "$1" "$room/plan.md"
	check "… as one call was" asked POST 1
	echo "1 1 GET" >"$room/fake/fault"
	check "$1: a page in place of an answer is an error" exits 1 script "$1" "$room/plan.md"
	check "$1: no token is told or on a command line" keeps_quiet
}
is_whole_among() { count "$1" && diff <(body omniops $(($1 - 1))) "$room/plan.md"; }
both github
both gitlab
check "a wrong token is an error" exits 1 env GITHUB_TOKEN=wrong sh examples/ci/plan-comment.sh github "$room/plan.md"
check "… with its reason" complains 'Bad credentials'
check "a host that is not there is an error" exits 1 env GITHUB_API_URL=http://127.0.0.1:1 sh examples/ci/plan-comment.sh github "$room/plan.md"
check "… that is named" complains 'GitHub cannot be reached'
check "no number, no comment" exits 1 env PULL_REQUEST='7/../8' sh examples/ci/plan-comment.sh github "$room/plan.md"

# --- the longest one --------------------------------------------------------------------------------------------------------

many() { # lines of a difference
	printf '<details><summary>x</summary>\n\n````diff\n'
	for i in $(seq "$1"); do echo "+ ä $i ✏️"; done
	printf '````\n\n</details>\n'
}
{ cat "$room/held.md"; many 5000; } >"$room/plan.md"
anew
COMMENT_URL=https://host/job/1 check "GitHub: a plan that is longer than a comment is posted" exits 0 script github "$room/plan.md"
cut_well() { # BYTES: whole lines, nothing left open, says that it was cut
	body >"$room/body" && [ "$(wc -c <"$room/body")" -le "$1" ] && grep -q 'more lines did not fit.\*\* The whole plan: https://host/job/1' "$room/body" &&
		[ $(($(grep -c '^```' "$room/body") % 2)) = 0 ] && [ "$(grep -c '<details>' "$room/body")" = "$(grep -c '</details>' "$room/body")" ] &&
		[ "$(head -n 20 "$room/body")" = "$(head -n 20 "$room/plan.md")" ] || { tail -n 20 "$room/body"; return 1; }
}
check "… as far as it fits" cut_well 65536
check "GitLab takes it whole" exits 0 script gitlab "$room/plan.md"
{ cat "$room/held.md"; many 100; } >"$room/plan.md"
for limit in 1500 1501 1502 1503 1600 2000; do
	anew
	COMMENT_LIMIT=$limit COMMENT_URL=https://host/job/1 exits 0 script github "$room/plan.md"
	check "cut at $limit bytes" cut_well $limit
done
finish
