#!/bin/sh
# A plan as a comment on a pull request: one comment, which is renewed with every push.
#
#   plan-comment.sh plan FILE [ARGUMENT…]   omniops plan, as Markdown into FILE. Changes, held ones too, are no failure
#   plan-comment.sh github FILE             FILE as the comment on the pull request $PULL_REQUEST
#   plan-comment.sh gitlab FILE             FILE as the comment on the merge request $CI_MERGE_REQUEST_IID
#
# The first runs with Omni's key and writes nowhere; the others run without it, with a token for comments. Needs omniops,
# and for comments curl and jq. Set what differs:
#
#   PLAN_NAME        tells several plans of one pull request apart (omniops)
#   COMMENT_LIMIT    bytes of a comment; what is longer is cut at a line (65000 on GitHub, 900000 on GitLab)
#   COMMENT_AUTHOR   GitHub: whose comments are ours (github-actions[bot])
#   COMMENT_URL      where the whole plan is; default: the page of the job
#   GITHUB_TOKEN, GITHUB_API_URL, GITHUB_REPOSITORY; GITLAB_TOKEN, CI_API_V4_URL, CI_PROJECT_ID: as the hosts set them
set -eu
LC_ALL=C
export LC_ALL

name=${PLAN_NAME:-omniops}
case $name in *[!A-Za-z0-9._-]*) echo "plan-comment: PLAN_NAME is made of letters, digits, '.', '_' and '-'" >&2; exit 1 ;; esac
marker="<!-- omniops plan $name:" # the first line of a comment is this, and how the plan ended
room=$(mktemp -d)
trap 'rm -rf "$room"' EXIT
trap 'exit 1' INT TERM

say() { echo "plan-comment: $*" >&2; }
die() { say "$*"; exit 1; }

# --- the plan ---------------------------------------------------------------------------------------------------------

# The lines of $1 as a block of code, whatever is in them.
code_block() {
	fence='```'
	while grep -qF "$fence" "$1"; do fence="$fence\`"; done
	printf '%stext\n' "$fence"
	sed -n '1,200p' "$1" | tr -d '\000-\010\013-\037'
	printf '%s\n' "$fence"
}

# The last line of defence: omniops hides secrets, and what holds the key all the same stays here.
holds_key() {
	printf '%s\n' "${OMNI_SERVICE_ACCOUNT_KEY:-}" "${SIDERO_SERVICE_ACCOUNT_KEY:-}" | sed -n '/.\{20\}/p' >"$room/key"
	[ -s "$room/key" ] && grep -qF -f "$room/key" "$1"
}

make_plan() { # file, arguments of omniops plan
	out=$1 code=0
	shift
	omniops plan -o markdown --color never "$@" >"$room/plan" 2>"$room/err" || code=$?
	cat "$room/err" >&2
	case $code in 0) state=none ;; 2) state=changes ;; 3) state=held ;; *) state=failed ;; esac
	{
		echo "$marker $state -->"
		if [ $state = failed ]; then
			echo "## Omni plan: none could be made"
			echo
			code_block "$room/err"
		else
			cat "$room/plan"
		fi
	} >"$room/whole"
	! holds_key "$room/whole" || die "the plan holds the service-account key: it is not kept"
	cat "$room/whole" >"$out"
	[ -z "${GITHUB_STEP_SUMMARY:-}" ] || shorten 900000 "$out" >>"$GITHUB_STEP_SUMMARY"
	[ -z "${GITHUB_OUTPUT:-}" ] || echo "state=$state" >>"$GITHUB_OUTPUT"
	say "$state"
	[ $state != failed ]
}

# --- its length -------------------------------------------------------------------------------------------------------

job_url() {
	if [ -n "${COMMENT_URL:-}" ]; then
		echo "$COMMENT_URL"
	elif [ -n "${CI_JOB_URL:-}" ]; then
		echo "$CI_JOB_URL"
	elif [ -n "${GITHUB_RUN_ID:-}" ]; then
		echo "${GITHUB_SERVER_URL:-https://github.com}/$GITHUB_REPOSITORY/actions/runs/$GITHUB_RUN_ID"
	fi
}

# The whole lines of $2 that fit into $1 bytes; blocks that were open are closed, and it says what is missing.
shorten() {
	if [ "$(wc -c <"$2")" -le "$1" ]; then
		cat "$2"
		return
	fi
	awk -v room="$(($1 - 400))" -v url="$(job_url)" '
		{
			size += length($0) + 1
			if (size > room) { left++; next }
			print
			if (match($0, /^````*/)) {
				ticks = substr($0, 1, RLENGTH)
				if (fence == "") fence = ticks
				else if (ticks == fence) fence = ""
			} else if (fence == "") {
				details += gsub(/<details>/, "&") - gsub(/<\/details>/, "&")
			}
		}
		END {
			if (fence != "") print fence
			for (; details > 0; details--) print "\n</details>"
			printf "\n**%d more lines did not fit.**%s\n", left, url == "" ? "" : " The whole plan: " url
		}' "$2"
}

# --- comments ---------------------------------------------------------------------------------------------------------

# Method, address, file to send or none. The answer is in $room/answer. The token is on no command line.
call() {
	code=$(
		{
			printf 'header = "%s"\n' "$authorization"
			printf 'header = "Content-Type: application/json"\nheader = "User-Agent: omniops"\n'
			[ "$1" = POST ] || printf 'retry = 3\nretry-delay = 1\n' # twice would be two comments
			[ -z "${3:-}" ] || printf 'data-binary = "@%s"\n' "$3"
		} | curl -sS -K - -X "$1" --connect-timeout 10 --max-time 60 -o "$room/answer" -w '%{http_code}' "$2"
	) || die "$host cannot be reached"
	case $code in
	2??) ;;
	*) die "$host answers $1 with $code: $(jq -r '.message? // .error? // "no reason" | tostring' "$room/answer" 2>/dev/null | head -c 300)" ;;
	esac
}

# The address of our comment, from a list that comes in pages; $1: of the list, $2: jq that chooses.
find_comment() {
	page=1
	while [ "$page" -le 50 ]; do
		call GET "$1?per_page=100&page=$page"
		jq -r --arg marker "$marker" --arg us "$us" "[.[] | select(.body | startswith(\$marker)) | select($2) | .id][0] // empty" \
			"$room/answer" >"$room/id" || die "$host sends no list of comments"
		[ ! -s "$room/id" ] || { cp "$room/answer" "$room/page"; return 0; }
		[ "$(jq length "$room/answer")" = 100 ] || return 1
		page=$((page + 1))
	done
	return 1
}

put_comment() { # file, address of the list, address of one, method for a change, jq that chooses ours
	head -n 1 "$1" | grep -qF "$marker" || die "$1 was not made by: plan-comment.sh plan $1"
	shorten "$limit" "$1" >"$room/body"
	jq -Rs '{body: .}' "$room/body" >"$room/json"
	if find_comment "$2" "$5"; then
		id=$(cat "$room/id")
		if jq -e --rawfile body "$room/body" --argjson id "$id" \
			'any(.[]; .id == $id and (.body | rtrimstr("\n")) == ($body | rtrimstr("\n")))' "$room/page" >/dev/null; then
			say "the comment says so already"
			return
		fi
		call "$4" "$3/$id" "$room/json"
		say "the comment is renewed"
	elif head -n 1 "$1" | grep -q ': none -->$'; then
		say "nothing changes, and nobody was told otherwise: no comment"
	else
		call POST "$2" "$room/json"
		say "a comment is made"
	fi
}

is_number() { case ${1:-x} in *[!0-9]*) return 1 ;; esac; }

to_github() {
	host=GitHub us=${COMMENT_AUTHOR:-github-actions[bot]} limit=${COMMENT_LIMIT:-65000}
	is_number "${PULL_REQUEST:-}" || die "PULL_REQUEST is the number of the pull request"
	authorization="Authorization: Bearer ${GITHUB_TOKEN:?is not set}"
	repository="${GITHUB_API_URL:-https://api.github.com}/repos/${GITHUB_REPOSITORY:?is not set}"
	put_comment "$1" "$repository/issues/$PULL_REQUEST/comments" "$repository/issues/comments" PATCH '.user.login == $us'
}

to_gitlab() {
	host=GitLab limit=${COMMENT_LIMIT:-900000}
	is_number "${CI_MERGE_REQUEST_IID:-}" && is_number "${CI_PROJECT_ID:-}" || die "this is no pipeline of a merge request"
	authorization="PRIVATE-TOKEN: ${GITLAB_TOKEN:?is not set}"
	notes="${CI_API_V4_URL:?is not set}/projects/$CI_PROJECT_ID/merge_requests/$CI_MERGE_REQUEST_IID/notes"
	call GET "$CI_API_V4_URL/user"
	us=$(jq -er .id "$room/answer" 2>/dev/null) || die "GitLab does not say whose token this is"
	put_comment "$1" "$notes" "$notes" PUT '(.author.id | tostring) == $us'
}

case ${1:-} in
plan) [ $# -ge 2 ] && shift && make_plan "$@" ;;
github | gitlab)
	[ $# = 2 ] || die "which file?"
	for tool in curl jq; do command -v $tool >/dev/null || die "$tool is missing"; done
	"to_$1" "$2"
	;;
*) die "the first word is plan, github or gitlab" ;;
esac
