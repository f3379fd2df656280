#!/bin/bash
# Charts of repositories and registries as the agent finds them (tests/rig/helm/charts.c), from a server with TLS, credentials and
# faults (tests/rig/helm/server); and the same choice of versions as the real Helm's.
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/tap.sh
. tests/within.sh
. tests/gobuild.sh
. tests/gotool.sh
B=${B:-build}
make -s B="$B" "$B/tests/rig/helm/charts" || exit 1
case $B in /*) charts=$B/tests/rig/helm/charts ;; *) charts=$PWD/$B/tests/rig/helm/charts ;; esac
go_need helm/charts || { skip "charts from a server" "it cannot be built: $(go_reason)"; finish; }
room=$(mktemp -d "${TMPDIR:-/tmp}/helm-charts.XXXXXX")
children=
stop() {
	[ -z "$children" ] || kill $children 2>/dev/null
	rm -rf "$room"
}
trap stop EXIT INT TERM
unset HTTPS_PROXY https_proxy HTTP_PROXY http_proxy ALL_PROXY all_proxy

serve() { # NAME FLAG…: its address is $url
	mkdir -p "$room/$1"
	"$go_dir/charts" -dir "$room/$1" "${@:2}" >"$room/$1/err" 2>&1 8>&- &
	children="$children $!"
	within 10 test -s "$room/$1/url" && url=$(cat "$room/$1/url") && log=$room/$1/log
}
serve tls -tls -user me:password-of-charts 1.0.0 1.1.0 1.2.0-rc.1 0.9.0+b1 2.0.0 || exit 1
host=${url#https://} ca=$room/tls/ca.crt

# --- an agent that asks, line by line -----------------------------------------------------------------------------------

begin() { # CACHE FLAG…
	end
	rm -f "$room/in"
	mkfifo "$room/in"
	: >"$room/out"
	"$charts" "$room/$1" "${@:2}" <"$room/in" >"$room/out" 2>&1 &
	asker=$!
	exec 8>"$room/in"
}
end() {
	[ -z "${asker:-}" ] || { exec 8>&-; wait "$asker"; }
	asker=
}
answered() { [ "$(grep -c -E '^(OK|FAIL|OPEN|COUNTS)' "$room/out")" -ge "$1" ]; }
ask() { # a command: what it answers is in $room/answer
	local lines count
	lines=$(wc -l <"$room/out")
	count=$(($(grep -c -E '^(OK|FAIL|OPEN|COUNTS)' "$room/out") + ${answers:-1}))
	echo "$*" >&8
	within 30 answered "$count" >"$room/within" || { cat "$room/within"; return 1; }
	[ "${*#*again}" = "$*" ] || sleep 0.05 # a note comes behind
	tail -n "+$((lines + 1))" "$room/out" >"$room/answer"
}
tells() { # regular expression, a command
	ask "${@:2}" && grep -qE -- "$1" "$room/answer" || { echo "nothing is like «$1» in:"; cat "$room/answer"; return 1; }
}
requests() { wc -l <"$log"; }
costs() { # requests, a command
	local before
	before=$(requests)
	ask "${@:2}" || return
	[ $(($(requests) - before)) = "$1" ] || { echo "should cost $1 requests:"; tail -n "+$((before + 1))" "$log"; cat "$room/answer"; return 1; }
}
order() { curl -sS --cacert "$ca" "$url/order/$1"; }
archives() { find "$room/$1/archives" -name '*.tgz' | wc -l; }

# --- a repository ---------------------------------------------------------------------------------------------------------

begin one "$ca"
check "an exact version costs an index and an archive" costs 2 "find $url/charts demo 1.0.0"
digest=$(cut -d ' ' -f 4 "$room/answer")
check "what came has the digest that the index names" eval 'curl -sS --cacert "$ca" "$url/charts/demo-1.0.0.tgz" | sha256sum | grep -q "^$digest"'
check "the second time it costs nothing" costs 0 "find $url/charts demo 1.0.0"
check "the archive can be had" tells '^OPEN [1-9]' open
check "another version costs its archive" costs 1 "find $url/charts/ demo 1.1.0"
check "a range that leads to a known archive costs nothing" costs 0 "find $url/charts demo ^1"
check "and leads to the highest" tells '^OK demo 1\.1\.0 ' "find $url/charts demo ^1"
check "a slash at the end is none" costs 0 "find $url/charts// demo 1.1.0"
check "asked again, an index that did not change is not sent" costs 1 "find $url/charts demo 1.0.0 again"
check "says the server" eval 'tail -n 1 "$log" | grep -q "index.yaml 304"'
check "two at the same time cost as much as one" eval 'answers=2 costs 1 "twice $url/charts demo 2.0.0"'
begin one "$ca"
check "a restart costs nothing" costs 0 "find $url/charts demo 1.0.0"
check "nor does a range that was looked for" costs 0 "find $url/charts demo ^1"

check "without digests and with whole addresses" tells '^OK demo 1\.1\.0 ' "find $url/bare demo 1.1.0"
check "JSON is an index, too" tells '^OK demo 1\.1\.0 ' "find $url/json demo 1.1.0"
check "an archive with another digest is refused" tells '^FAIL Invalid .* has the digest [0-9a-f]{64}, and should have' "find $url/wrong demo 1.1.0"
check "a missing version is missed, and what there is is told" tells '^FAIL NotFound .*"9\.9\.9"; the highest of 5 is 2\.0\.0' "find $url/charts demo 9.9.9"
check "so is a missing chart" tells '^FAIL NotFound .*has no chart "none"' "find $url/charts none 1.0.0"
check "and a missing repository" tells '^FAIL (NotFound|Invalid) ' "find $url/charts/none demo 1.0.0"
check "half an index is refused, with the place" tells '^FAIL Invalid the index of the repository: line 4' "find $url/broken demo 1.0.0"
check "an index without end, too" tells '^FAIL TooBig .*index' "find $url/huge demo 1.0.0"
check "so is a circle" tells '^FAIL Invalid .*in a circle' "find $url/circle demo 1.0.0"
check "nobody waits for ever" tells '^FAIL Timeout ' "find $url/slow demo 1.0.0 within=300"
begin two
check "another authority is not trusted" tells "^FAIL Unauthenticated .*certificate" "find $url/charts demo 1.0.0"
check "unless it is named for the repository" tells '^OK demo 1\.0\.0' "find $url/charts demo 1.0.0 ca=$ca"
check "whose chart is nobody else's" tells '^FAIL Unauthenticated' "find $url/charts demo 1.0.0"
begin one "$ca"

check "who has no credentials is told so" tells '^FAIL Unauthenticated .*asks for credentials' "find $url/locked demo 1.0.0"
check "nor wrong ones" tells '^FAIL Unauthenticated .*were refused' "find $url/locked demo 1.0.0 user=me password=wrong"
check "with the right ones" tells '^OK demo 1\.0\.0' "find $url/locked demo 1.0.0 user=me password=password-of-charts"
check "what these found is not for those without" tells '^FAIL Unauthenticated' "find $url/locked demo 1.0.0"
begin three "$ca"
check "an archive may be on another host" tells '^OK demo 1\.0\.0' "find $url/away demo 1.0.0 user=me password=password-of-charts"
check "which gets no credentials" eval 'grep -E "^there GET .*tgz 200" "$log" | tail -n 1 | grep -qvE "Basic|Bearer"'
check "the host itself did" eval 'grep "^here GET /away" "$log" | grep -q Basic'
check "credentials in an address are refused, and not told" tells '^FAIL Invalid [^@]*Secret$' "find https://me:password-of-charts@$host/charts demo 1.0.0"
check "files are no repository" tells '^FAIL Invalid' "find file:///etc demo 1.0.0"
check "nor is a path a chart" tells '^FAIL Invalid .*no name of a chart' "find $url/charts ../demo 1.0.0"
check "a version that is none is refused" tells '^FAIL Invalid the version of the chart' "find $url/charts demo one"

# --- a registry -----------------------------------------------------------------------------------------------------------

begin oci "$ca"
check "a chart of a registry costs a manifest and an archive" costs 2 "find oci://$host/team demo 1.0.0"
check "its manifest is told" tells '^OK demo 1\.0\.0 [0-9a-f]{64} sha256:[0-9a-f]{64} oci://' "find oci://$host/team demo 1.0.0"
manifest=$(cut -d ' ' -f 5 "$room/answer")
check "the second time it costs nothing, as a whole reference" costs 0 "find - oci://$host/team/demo 1.0.0"
check "the name twice is the name" costs 0 "find oci://$host/team/demo demo 1.0.0"
check "asked again it costs the manifest" costs 1 "find - oci://$host/team/demo 1.0.0 again"
check "a range reads all pages of tags" tells '^OK demo 2\.0\.0 ' "find - oci://$host/team/demo >=1"
check "a build stands in a tag" tells '^OK demo 0\.9\.0\+b1 ' "find - oci://$host/team/demo 0.9.0+b1"
check "a tag in the reference" tells '^OK demo 1\.1\.0 ' "find - oci://$host/team/demo:1.1.0 1.1.0"
check "has to agree with the version" tells '^FAIL Invalid .*let them agree' "find - oci://$host/team/demo:1.1.0 1.0.0"
check "a digest in the reference" tells "^OK demo 1\\.0\\.0 .*@$manifest" "find - oci://$host/team/demo@$manifest 1.0.0"
check "is what it is, and never asked for again" costs 0 "find - oci://$host/team/demo@$manifest 1.0.0"
check "with another version it is refused" tells '^FAIL Invalid .*is version 1\.0\.0 of the chart, and 1\.1\.0' "find - oci://$host/team/demo@$manifest 1.1.0"
check "what is not there" tells '^FAIL NotFound oci://.*:3\.0\.0 is not there' "find - oci://$host/team/demo 3.0.0"
check "a registry that wants credentials" tells '^OK demo 1\.0\.0' "find - oci://$host/basic/demo 1.0.0 user=me password=password-of-charts"
check "one that wants a token" tells '^OK demo 1\.0\.0' "find - oci://$host/token/demo 1.0.0 user=me password=password-of-charts"
begin tokens "$ca"
check "and has its archives elsewhere" tells '^OK demo 1\.1\.0' "find - oci://$host/token/demo 1.1.0 user=me password=password-of-charts"
check "where the token does not go" eval 'grep -E "^there GET /v2/team/demo/blobs" "$log" | tail -n 1 | grep -qvE "Basic|Bearer"'
check "without credentials it says so" tells '^FAIL Unauthenticated .*asks for credentials' "find - oci://$host/token/demo 1.0.0"
check "wrong ones are refused" tells '^FAIL Unauthenticated .*were refused' "find - oci://$host/token/demo 1.0.0 user=me password=wrong"
check "not without TLS" tells '^FAIL (Unavailable|Protocol|Invalid|NotFound)' "find - oci://$host/team/demo 1.0.0 plain"
tls_url=$url tls_log=$log
serve plain 1.0.0
check "unless it has none" eval 'tells "^OK demo 1\\.0\\.0" "find - oci://${url#http://}/team/demo 1.0.0 plain"'
check "and that has to be said" tells '^FAIL Unavailable' "find - oci://${url#http://}/basic/demo 1.0.0"
url=$tls_url log=$tls_log

# --- what changes -----------------------------------------------------------------------------------------------------------

begin changes "$ca"
ask "find $url/charts demo 1.0.0"
first=$(cat "$room/answer")
order publish/1.5.0
check "what was published since is found" tells '^OK demo 1\.5\.0 ' "find $url/charts demo ^1 again"
order republish
check "an exact version stays what it was" eval 'ask "find $url/charts demo 1.0.0 again" && [ "$(head -n 1 "$room/answer")" = "$first" ]'
check "and it is told that there is another" grep -q '^NOTE .*published again under the same version' "$room/answer"
check "also later" tells '^NOTE .*published again' "find $url/charts demo 1.0.0"
check "it is taken when that is wanted" eval 'ask "find $url/charts demo 1.0.0 changed" && [ "$(head -n 1 "$room/answer")" != "$first" ]'
check "then nothing is to be told" eval 'ask "find $url/charts demo 1.0.0 again" && ! grep -q NOTE "$room/answer"'
digest=$(cut -d ' ' -f 4 <"$room/answer")
order fail
check "a source that fails does not matter" tells "^OK demo 1\\.0\\.0 $digest" "find $url/charts demo 1.0.0 again"
check "but it is told" grep -q '^NOTE the source of the chart cannot be asked: .*HTTP 500' "$room/answer"
check "it matters for what is not known" tells '^FAIL Unavailable ' "find $url/charts demo 1.1.0 again"
check "an archive that is known can be had" eval 'ask "find $url/charts demo 1.0.0" && tells "^OPEN" open'
order heal
check "then all is well again" eval 'ask "find $url/charts demo 1.0.0 again" && ! grep -q NOTE "$room/answer"'
printf x | dd of="$room/changes/archives/$digest.tgz" bs=1 seek=20 conv=notrunc 2>/dev/null
check "a broken archive of the cache is fetched again" tells '^OPEN' open
rm "$room/changes/archives/$digest.tgz"
check "so is a missing one" tells '^OPEN' open
rm "$room/changes/archives/$digest.tgz"
order republish
check "unless the source has other content by now" tells '^FAIL Conflict .*has other content by now' open

begin small "$ca" 600
for version in 1.0.0 1.1.0 1.2.0-rc.1 2.0.0; do ask "find $url/charts demo $version"; done
check "the cache has its bound" test "$(archives small)" -le 2
check "what is gone from it is fetched again" eval 'ask "find $url/charts demo 1.0.0" && tells "^OPEN" open'
end
check "no credentials in the cache" eval '! grep -rq "password-of-charts" "$room"/*/found "$room"/*/indexes "$room"/*/archives'
check "nothing half-done in the cache" eval '! find "$room" -name "*.tmp" | grep .'

# --- the real one -----------------------------------------------------------------------------------------------------------

export HOME=$room/home HELM_CACHE_HOME=$room/home/c HELM_CONFIG_HOME=$room/home/k HELM_DATA_HOME=$room/home/d
tool_home=${go_tools:-}
if go_tool helm.sh/helm/v4/cmd/helm v4.2.3 && [ -n "$tool_home" ]; then
	begin real "$ca"
	same_as_helm() { # VERSION
		local theirs ours
		theirs=$("$tool" show chart demo --repo "$url/charts" --version "$1" --ca-file "$ca" 2>/dev/null | sed -n 's/^version: //p')
		ask "find $url/charts demo $1" || return
		ours=$(sed -n 's/^OK demo \([^ ]*\) .*/\1/p' "$room/answer")
		[ "$ours" = "$theirs" ] || { echo "Helm takes «$theirs», we take «$ours»"; return 1; }
	}
	for version in 1.0.0 v1.0.0 1 1.x 1.0 '~1.0' '^1' '>=1.0.0-0' '*' '>=1,<2' '<1' '1.2.0-rc.1' '~1.2.0-0' 0.9.0 '!=2.0.0' '=1.1.0' '1.0||2.0' 3; do
		check "Helm chooses the same for $version" same_as_helm "$version"
	done
	check "Helm finds the registry to be one" eval '"$tool" show chart "oci://$host/team/demo" --version 1.1.0 --ca-file "$ca" 2>/dev/null | grep -q "^version: 1.1.0"'
else
	skip "Helm chooses the same" "it cannot be built: $(go_tool_reason)"
fi
finish
