#!/bin/bash
# The client of the Kubernetes API against a real API server: every form of credentials, what refusals become, one connection for
# all, faults on the way, restarts. tests/rig/kube/client.c is driven line by line.
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/tap.sh
. tests/rig/kube/lib.sh
B=${B:-build}
CLIENT=${CLIENT:-$B/tests/rig/kube/client}
kube_need "the client with an API server"
command -v jq >/dev/null && command -v python3 >/dev/null || { skip "the client with an API server" "there is no jq or python3"; finish; }
[ -x "$CLIENT" ] || make -s B="$B" "$B/tests/rig/kube/client" || exit 1
work=$(mktemp -d "${TMPDIR:-/tmp}/kube-client.XXXXXX")
children=
stop() {
	[ -z "$children" ] || kill $children 2>/dev/null
	kube_stop
	rm -rf "$work"
}
trap stop EXIT INT TERM
mkdir "$work/home"
export HOME=$work/home
unset KUBECONFIG KUBERNETES_SERVICE_HOST KUBERNETES_SERVICE_PORT

# --- a client, line by line ---------------------------------------------------------------------------------------------------

begin() { # arguments of the client; its greeting is $answer
	rm -f "$work/in"
	mkfifo "$work/in"
	: >"$work/out"
	"$CLIENT" "$@" <"$work/in" >"$work/out" 2>>"$work/err" &
	client=$!
	children="$children $client"
	exec 8>"$work/in"
	marked=0
	await '^(ready|none)' 20
}

end() { # its status
	exec 8>&-
	wait "$client"
	local status=$?
	cat "$work/out" >>"$work/all"
	return $status
}

mark() { marked=$(wc -l <"$work/out"); }

await() { # regular expression, seconds: the line since the mark is $answer
	local until=$((SECONDS + ${2:-10}))
	while ! answer=$(tail -n "+$((marked + 1))" "$work/out" | grep -m 1 -E "$1"); do
		if [ $SECONDS -ge $until ]; then
			echo "no line matches $1 within ${2:-10} s; there is:"
			tail -n "+$((marked + 1))" "$work/out"
			return 1
		fi
		sleep 0.02
	done
}

ask() { # a line: $answer is what came of it
	mark
	echo "$*" >&8
	await '^(ok|fail|many|counts|closed|unposted|winding)( |$)' 45
}

says() { # regular expression: of the last answer
	grep -qE -- "$1" <<<"$answer" || { echo "says: $answer"; echo "not: $1"; return 1; }
}

asked() { # regular expression, line
	local wanted=$1
	shift
	ask "$@" && says "$wanted"
}

who='send POST /apis/authentication.k8s.io/v1/selfsubjectreviews json {"apiVersion":"authentication.k8s.io/v1","kind":"SelfSubjectReview"}'
maps=/api/v1/namespaces/default/configmaps
counted() { ask counts && sed "s/.* $1=\([0-9]*\).*/\1/" <<<"$answer"; }
count_is() { [ "$(counted "$1")" = "$2" ] || { echo "$1 is $(counted "$1"), not $2"; return 1; }; }
is_me() { asked "\"username\":\"$1\"" "$who"; }
with() { # function, arguments of the client: both have to be content
	local body=$1
	shift
	begin "$@" && $body
	local status=$?
	end || { echo "the client ended with $?"; tail -n 30 "$work/err"; status=1; }
	return $status
}
be() { # the identity, arguments of the client
	wanted=$1
	shift
	with is_wanted "$@"
}
is_wanted() { is_me "$wanted"; }
refused() { # regular expression, arguments: it does not even begin
	local expected=$1
	shift
	begin "$@"
	end
	says "^none $expected"
}

if ! kube_start main; then
	fail "the API server starts"
	finish
fi
kube_account apps deployer || fail "there is a service account"
account=system:serviceaccount:apps:deployer
token=$(cat "$kube_mounted/token")
mounted=$kube_mounted
token_config=$kube_made
config() { # the user, more of the cluster: a kubeconfig in $work
	cat >"$work/config" <<-END
		apiVersion: v1
		kind: Config
		clusters: [{name: rig, cluster: {server: "${server:-$kube_url}"${2-, certificate-authority: ca.crt}}}]
		users: [{name: me, user: {$1}}]
		contexts: [{name: rig, context: {cluster: rig, user: me, namespace: apps}}, {name: other, context: {cluster: rig, user: me}}]
		current-context: rig
	END
}
cp "$kube_ca" "$work/ca.crt"
cp "$kube_dir/pki/admin.crt" "$kube_dir/pki/admin.key" "$work"
admin="client-certificate: admin.crt, client-key: ./admin.key"

# --- credentials --------------------------------------------------------------------------------------------------------------

check "a client certificate" be admin --kubeconfig "$kube_config"
check "a token" be $account --kubeconfig "$token_config"
config "$admin"
check "certificate and key in files beside the kubeconfig" be admin --kubeconfig "$work/config"

turns() { # a token file that becomes good after it was refused
	asked "^fail Unauthenticated POST .*401" "$who" || return 1
	echo "$token" >"$work/token"
	is_me $account
}
echo refused-token >"$work/token"
config "tokenFile: token"
check "a token file is read again when the server refuses it" with turns --kubeconfig "$work/config"

in_a_pod() { says "^ready https://127.0.0.1:$kube_port apps$" && is_me $account; }
export KUBERNETES_SERVICE_HOST=127.0.0.1 KUBERNETES_SERVICE_PORT=$kube_port
check "what a pod finds" with in_a_pod --pod "$mounted"
unset KUBERNETES_SERVICE_HOST KUBERNETES_SERVICE_PORT
listed() { KUBECONFIG=/nonexistent::$1 be "$2"; }
check "a list of files, of which some do not exist" listed "$token_config:$kube_config" $account
mkdir -p "$work/home/.kube" && cp "$kube_config" "$work/home/.kube/config"
check "the one in the home directory" be admin
rm -r "$work/home/.kube"
check "when there is none, all places are named" refused \
	"NotFound .*KUBERNETES_SERVICE_HOST is not set.*KUBECONFIG is not set.*\.kube/config does not exist.*--kubeconfig"
check "a context that is not there is told with those that are" refused \
	'NotFound .*there is no context "none"; there is: rig, other' --kubeconfig "$work/config" --context none

cat >"$work/program" <<'END'
#!/bin/bash
cd "$(dirname "$0")" || exit 1
echo run >>runs
printf '%s' "$KUBERNETES_EXEC_INFO" >info
printf '%s' "${EXTRA:-}" >extra
case ${1:-} in
slow) sleep 1000 & echo $! >child; wait ;;
wrong) echo "log in first" >&2; exit 3 ;;
esac
echo "{\"kind\":\"ExecCredential\",\"apiVersion\":\"client.authentication.k8s.io/v1\",\"status\":{\"token\":\"$(cat given)\"$(cat expires)}}"
END
chmod +x "$work/program"
program() { # argument
	config "exec: {apiVersion: client.authentication.k8s.io/v1, command: ./program, args: [${1:-}], interactiveMode: Never,
		provideClusterInfo: true, installHint: get it from the shelf, env: [{name: EXTRA, value: more}]}"
	rm -f "$work/runs"
	: >"$work/expires"
	echo "$token" >"$work/given"
}
runs() { [ "$(grep -c run "$work/runs")" = "$1" ] || { echo "ran $(grep -c run "$work/runs") times, not $1"; return 1; }; }
three_times() { is_me $account && is_me $account && is_me $account && runs 1; }
program
check "a program is not run unless that is allowed" refused "PermissionDenied .*--allow-exec-credentials" --kubeconfig "$work/config"
check "it was not" test ! -e "$work/runs"
check "when it is, it runs once for many requests" with three_times --kubeconfig "$work/config" --allow-exec
check "it is told of the cluster" jq -e '.kind == "ExecCredential" and .spec.interactive == false and
	(.spec.cluster.server | startswith("https://")) and (.spec.cluster["certificate-authority-data"] | length > 100)' "$work/info"
check "and has its variables" grep -qx more "$work/extra"
new_token() {
	asked "^fail Unauthenticated" "$who" || return 1
	echo "$token" >"$work/given"
	sleep 1.2 # not more often than once a second
	is_me $account
}
program
echo stale >"$work/given"
check "it runs again when what it gave is refused" with new_token --kubeconfig "$work/config" --allow-exec
expiring() {
	is_me $account || return 1
	sleep 2.2
	: >"$work/expires"
	is_me $account && is_me $account && runs 2
}
program
printf ',"expirationTimestamp":"%s"' "$(date -u -d '+2 seconds' +%Y-%m-%dT%H:%M:%SZ)" >"$work/expires"
check "and when it has expired" with expiring --kubeconfig "$work/config" --allow-exec
complains() { asked '^fail Unauthenticated .*program", ended with status 3: log in first; get it from the shelf' "$who" && runs 1; }
program wrong
check "one that fails is told with its last word, and where to get it" with complains --kubeconfig "$work/config" --allow-exec
program
sed -i 's|./program|./absent|' "$work/config"
no_program() { asked '^fail Unauthenticated .*absent", cannot be started: No such file.*; get it from the shelf' "$who"; }
check "one that is not there" with no_program --kubeconfig "$work/config" --allow-exec
slow() {
	echo "start GET /version json" >&8
	until [ -s "$work/child" ]; do sleep 0.02; done
}
program slow
gone() { # or dead, and nobody has asked how it ended
	for _ in $(seq 50); do
		grep -qs '^State:.[^Z]' "/proc/$(cat "$work/child")/status" || return 0
		sleep 0.02
	done
	cat "/proc/$(cat "$work/child")/status"
	return 1
}
check "one that is slow does not hold up the end" with slow --kubeconfig "$work/config" --allow-exec
check "and ends with what it has started" gone

config "token: \"$token\", as: jane, as-uid: u1, as-groups: [a, b], as-user-extra: {example.org/team: [red]}"
kube_ctl create clusterrolebinding as --clusterrole=cluster-admin --serviceaccount=apps:deployer >/dev/null
kube_until_can yes $account impersonate users --all-namespaces
is_jane() { is_me jane && says '"uid":"u1"' && says '"groups":\["a","b","system:authenticated"\]' && says '"example.org/team":\["red"\]'; }
check "as somebody else, with groups and what else there is" with is_jane --kubeconfig "$work/config"
kube_ctl delete clusterrolebinding as >/dev/null

check "a foreign kubeconfig with a token" be $account --foreign "$token_config"
program
check "one with a program" refused 'Invalid .*exec is refused: .*put a token into it' --foreign <(sed 's/, certificate-authority: ca.crt//' "$work/config")
config "$admin"
check "one with files" refused 'Invalid .*certificate-authority is refused: .*certificate-authority-data' --foreign "$work/config"

# --- certificates, names, proxies ----------------------------------------------------------------------------------------------

says_of() { asked "$wanted" get $maps; }
fails() { # regular expression, arguments of the client
	wanted="^fail $1"
	shift
	with says_of "$@"
}
openssl req -x509 -newkey rsa:2048 -nodes -keyout "$work/other.key" -out "$work/other.crt" -days 1 -subj /CN=other 2>/dev/null
config "$admin" ", certificate-authority: other.crt"
check "a wrong authority" fails "Unavailable .*authority that is not known here .*certificate-authority-data" --kubeconfig "$work/config"
renewed() {
	asked "^fail Unavailable" get /version || return 1
	cp "$kube_ca" "$work/renewed.crt"
	asked "^ok" get /version
}
cp "$work/other.crt" "$work/renewed.crt"
config "$admin" ", certificate-authority: renewed.crt"
check "an authority is read again when it does not do" with renewed --kubeconfig "$work/config"
config "$admin" ""
check "no authority: the system's do not know it" fails "Unavailable .*authority that is not known here" --kubeconfig "$work/config"
config "$admin" ", insecure-skip-tls-verify: true"
check "no verification, if one insists" be admin --kubeconfig "$work/config"
config "client-certificate: admin.crt, client-key: other.key"
check "a key that is not the certificate's" refused "Invalid .*key is not that of its certificate" --kubeconfig "$work/config"
config "client-certificate: admin.crt"
check "a certificate without a key" refused 'Invalid .*user "me": client-key is missing' --kubeconfig "$work/config"
config "$admin" ", certificate-authority: ca.crt, tls-server-name: kubernetes.default.svc"
check "another name of the certificate" be admin --kubeconfig "$work/config"
config "$admin" ", certificate-authority: ca.crt, tls-server-name: example.org"
check "a name that is not in it" fails "Unavailable .*certificate is for another name .*tls-server-name" --kubeconfig "$work/config"
make_expired() { # name
	mkdir -p "$work/ca/new" && : >"$work/ca/index" && echo 1001 >"$work/ca/serial"
	printf '[ca]\ndefault_ca=a\n[a]\ndatabase=%s\nserial=%s\nnew_certs_dir=%s\npolicy=p\n[p]\ncommonName=supplied\norganizationName=optional\n' \
		"$work/ca/index" "$work/ca/serial" "$work/ca/new" >"$work/ca/config"
	openssl req -new -newkey rsa:2048 -nodes -keyout "$work/$1.key" -out "$work/$1.csr" -subj "/O=system:masters/CN=$1" 2>/dev/null
	openssl ca -batch -config "$work/ca/config" -in "$work/$1.csr" -out "$work/$1.crt" -cert "$kube_ca" -keyfile "$kube_dir/pki/ca.key" -md sha256 \
		-startdate 20200101000000Z -enddate 20200102000000Z -extfile <(printf 'subjectAltName=IP:127.0.0.1\n') 2>"$work/openssl.log"
}
if make_expired late; then
	config "client-certificate: late.crt, client-key: late.key"
	check "a client certificate that has expired" fails "Unauthenticated .*401.*expired on 2020-01-02" --kubeconfig "$work/config"
	port=$(kube_free_port)
	openssl s_server -accept "$port" -cert "$work/late.crt" -key "$work/late.key" -www -quiet >/dev/null 2>&1 &
	children="$children $!"
	for _ in $(seq 100); do (: <>"/dev/tcp/127.0.0.1/$port") 2>/dev/null && break; sleep 0.02; done
	server=https://127.0.0.1:$port config "$admin"
	check "a server's certificate that has expired" fails "Unavailable .*certificate has expired .*clock" --kubeconfig "$work/config"
else
	fail "openssl makes certificates of the past"
	sed 's/^/# /' "$work/openssl.log"
fi

python3 tests/rig/kube/connect.py "$work/proxied" &
children="$children $!"
for _ in $(seq 200); do [ -s "$work/proxied" ] && break; sleep 0.02; done
config "$admin" ", certificate-authority: ca.crt, proxy-url: \"http://127.0.0.1:$(head -n 1 "$work/proxied")\""
check "by way of a proxy" be admin --kubeconfig "$work/config"
check "it was asked for a tunnel" grep -qx "127.0.0.1:$kube_port" "$work/proxied"
config "$admin" ", certificate-authority: ca.crt, tls-server-name: kubernetes, proxy-url: \"http://127.0.0.1:$(head -n 1 "$work/proxied")\""
check "a proxy, and another name" be admin --kubeconfig "$work/config"
config "$admin" ", certificate-authority: ca.crt, proxy-url: \"http://127.0.0.1:$(kube_free_port)\""
check "a proxy that is not there" fails "Unavailable .*look at proxy-url" --kubeconfig "$work/config"
proxied_by_environment() { https_proxy=http://127.0.0.1:1 be admin --kubeconfig "$kube_config"; }
check "this machine is reached without the environment's proxy" proxied_by_environment

# --- what is refused --------------------------------------------------------------------------------------------------------------

begin --kubeconfig "$kube_config"
map() { printf '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"%s"%s}}' "$1" "${2:-}"; }
check "what is made is answered" asked '^ok .*"name":"one"' "send POST $maps json $(map one)"
check "404" asked '^fail NotFound GET /api/v1/namespaces/default/configmaps/none: there is none \(404\): configmaps "none" not found$' get $maps/none
check "409, of one that is there" asked '^fail AlreadyExists .*409' "send POST $maps json $(map one)"
check "409, of one that was changed" asked '^fail Conflict .*409.*modified' \
	"send PUT $maps/one json $(map one ',"resourceVersion":"1"')"
check "422" asked '^fail Invalid .*422.*metadata.name' "send POST $maps json $(map NOT_A_NAME)"
check "400" asked '^fail Invalid .*400' "send POST $maps json {\"apiVersion\":\"v1\",\"kind\":\"Secret\",\"metadata\":{\"name\":\"x\"}}"
check "405" asked '^fail Unsupported .*405' "send PUT $maps json $(map one)"
check "a state that is not there yet" asked '^fail FailedPrecondition .*504' get "$maps?resourceVersion=999999999" 10000
check "an answer that is larger than allowed" asked '^fail TooBig .*more than 100 bytes' get "$maps 5000 100"
check "a path with a blank in it" asked '^fail ' get "/api%zz"
warned="send POST $maps?fieldValidation=Warn json {\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"generateName\":\"w-\"},\"odd\":1}"
ask "$warned"
ask "$warned"
check "what the server warns of is logged once" test "$(grep -c 'API server warns.*unknown field .*odd' "$work/err")" = 1
check "the client's own thread is told that it cannot wait" asked '^fail Bug' call-inside /version
end || fail "the client ends in order"
kube_user nobody
check "403" fails 'PermissionDenied GET /api/v1/namespaces/default/configmaps: this is forbidden \(403\): .*User "nobody" cannot list' \
	--kubeconfig "$kube_made" </dev/null

# --- one connection, watches, timers ------------------------------------------------------------------------------------------

watching="$maps?watch=1&resourceVersion=0&allowWatchBookmarks=true"
begin --kubeconfig "$kube_config"
for i in 1 2 3 4 5 6 7 8 9; do
	echo "open w$i $watching 90000" >&8
done
check "a hundred calls at once, and nine watches" asked '^many 100 0 $' many 100 /version
check "they share one connection" count_is connections 1
mark
kube_ctl create configmap seen >/dev/null
check "a watch tells what comes" await '^w9 line .*"type":"ADDED".*"name":"seen"'
big() { # bytes
	printf '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"big"},"data":{"a":"'
	head -c "$1" /dev/zero | tr '\0' a
	printf '"}}'
}
mark
big 900000 | kube_ctl create -f - >/dev/null
check "also a line that comes in many pieces" await '^w1 line 900[0-9]{3} '
check "a watch is closed" asked '^closed$' close w1
mark
kube_ctl delete configmap seen big >/dev/null
check "the others go on" await '^w2 line .*"type":"DELETED".*"name":"seen"'
sleep 0.1
check "and the closed one is silent" test -z "$(tail -n "+$((marked + 1))" "$work/out" | grep '^w1 ')"
echo "open none /api/v1/namespaces/default/nonsense?watch=1 90000" >&8
check "a watch of what is not there ends with that" await '^none end NotFound .*404'
echo "open short $watching&timeoutSeconds=1 90000" >&8
check "one that the server ends ends well" await '^short end None $'
mark
printf 'post 300 later\npost 0 soon\npost 100 never\nunpost never\n' >&8
check "what is posted runs at its time" await '^posted later'
check "in order, and not what was taken back" test "$(tail -n "+$((marked + 1))" "$work/out" | grep ^posted | tr '\n' ' ')" = "posted soon posted later "
end || fail "the client ends in order while watches are open"

# --- faults on the way ------------------------------------------------------------------------------------------------------------

kube_fault_start
kube_faulty "$kube_config"
cp "$kube_made" "$work/faulty"
begin --kubeconfig "$work/faulty"
took() { # milliseconds at least, at most; then as asked
	local least=$1 most=$2 from
	shift 2
	from=$(date +%s%3N)
	asked "$@" || return 1
	local took=$(($(date +%s%3N) - from))
	[ $took -ge "$least" ] && [ $took -le "$most" ] || { echo "it took $took ms: $answer"; return 1; }
}
struck() { [ "$(kube_struck)" = "$1" ] || { echo "struck $(kube_struck) times, not $1"; return 1; }; }
ask get /version
kube_fault status code=429 retry_after=1 verb=list times=2
check "429 with Retry-After is waited for" took 2000 6000 '^ok' get $maps
check "and counted" count_is throttled 2
kube_fault status code=429 retry_after=30 verb=list times=1
check "but not beyond the deadline" took 0 1000 '^fail Unavailable .*429' get $maps 5000
kube_fault status code=503 retry_after=1 verb=create times=1
check "a write that was turned away goes once more" took 1000 5000 '^ok .*"name":"two"' "send POST $maps json $(map two)"
kube_fault status code=503 times=1 verb=list
check "503 without Retry-After is the caller's" asked '^fail Unavailable .*503' get $maps
kube_fault reset verb=list times=1
check "a read after a broken connection goes once more" asked '^ok' get $maps
kube_fault lost verb=create times=1
check "a write whose answer was lost does not" asked '^fail Unavailable .*connection' "send POST $maps json $(map three)"
check "the server has it, once" struck 1
check "as one sees" asked '^ok .*"name":"three"' get $maps/three
kube_fault garble verb=list times=1
check "what is no JSON" asked '^fail Protocol .*not JSON' get $maps
kube_fault hang verb=list times=1
check "no answer at all ends with the deadline" took 900 3000 '^fail Timeout .*no answer of .* within 1.0 s' get $maps 1000
kube_fault goaway verb=list times=1
ask get $maps
kube_fault_order clear >/dev/null
check "a connection that takes no more requests is followed by another" asked '^many 50 0 $' many 50 $maps
kube_fault stall bytes=0 verb=watch times=1
mark
echo "open still $watching 1500" >&8
check "a silent watch is broken off" await '^still end Timeout .*silent for 1\.[5-9] s' 5
kube_fault cut ms=300 verb=watch times=1
mark
echo "open cut $watching 90000" >&8
check "a cut one ends as lost" await '^cut end Unavailable .*connection was lost' 5
kube_fault_order clear >/dev/null
mark
echo "open w $watching 90000" >&8
await '^w opened'
mark
kube_fault_order cut >/dev/null
check "when the connection is cut, watches end at once" await '^w end Unavailable' 2
check "and the next call has another one" asked '^ok' get /version
kube_fault_order refuse >/dev/null
kube_fault_order cut >/dev/null
sleep 0.1
check "nobody there: told quickly" took 0 2500 '^fail Unavailable .*(no connection|connection was lost|no TLS connection)' get /version
kube_fault_order accept >/dev/null
check "and back again" asked '^ok' get /version
kube_fault_order http1 >/dev/null
check "a server with HTTP/1.1 only" asked '^many 100 0 $' many 100 /version
kube_fault_order http2 >/dev/null
end || fail "the client ends in order after all this"

ends_early() { # what is under way when it winds down
	kube_fault hang verb=list times=1
	kube_fault delay ms=700 verb=create times=1
	printf '%s\n' "open w $watching 90000" "start GET $maps json" "start POST $maps json $(map four)" >&8
	await '^w opened' || return 1
	sleep 0.3
	ask wind 5000
	marked=0
	await '^w end Cancelled' && await '^started fail Cancelled' && await '^started ok .*"name":"four"' &&
		asked '^ok .*"name":"five"' "send POST $maps json $(map five)" || return 1
	mark
	echo "open v $watching 90000" >&8
	await '^v end Cancelled'
}
check "winding down: reads end, writes and what comes later do not" with ends_early --kubeconfig "$work/faulty"
slow_down() { # 5 at once, then 20 a second
	took 600 3000 '^many 20 0 $' many 20 /version
}
check "requests come at the rate that was set" with slow_down --kubeconfig "$kube_config" --rate 20 --burst 5

# --- the server restarts ----------------------------------------------------------------------------------------------------------

expired="$maps?limit=1&continue=$(printf '{"v":"meta.k8s.io/v1","rv":1,"start":"a\\u0000"}' | base64 -w 0 | tr '+/' '-_' | tr -d =)"
restart() {
	echo "open w $watching 90000" >&8
	await '^w opened' || return 1
	mark
	kube_order kill
	await '^w end Unavailable' 2 && took 0 2500 '^fail Unavailable' get /version || return 1
	kube_order start
	asked '^ok' get /version || return 1
	mark
	echo "open w $watching 90000" >&8
	await '^w opened' && asked '^fail FailedPrecondition .*this state is too old \(410\)' get "$expired"
}
kube_compact
check "the API server restarts, and has forgotten what is old" with restart --kubeconfig "$kube_config"
frozen() { # nobody waits long, and the watch would wait for ever
	echo "open w $watching 90000" >&8
	await '^w opened' && asked '^ok' get /version || return 1
	kube_order freeze
	mark
	took 900 3000 '^fail Timeout' get /version 1000
	local status=$? from=$SECONDS
	until tail -n "+$((marked + 1))" "$work/out" | grep -q '^w end' || [ $((SECONDS - from)) -gt 20 ]; do
		echo "get /version 3000" >&8
		sleep 1
	done
	marked=0
	await '^w end Unavailable .*has been silent for 1[0-9]\.. s and is taken for dead' || status=1
	kube_order continue
	sleep 3 # what was asked meanwhile
	asked '^ok' get /version && return $status
}
check "it does not answer for a while: the connection is taken for dead" with frozen --kubeconfig "$kube_config"

# The same where threads meet, with the thread sanitizer, which tells what it finds in the end; built by `make check`.
crowd() {
	for i in 1 2 3 4 5 6 7 8 9; do
		echo "open w$i $watching 90000" >&8
	done
	asked '^many 100 0 $' many 100 /version && asked '^closed$' close w3 || return 1
	mark
	kube_ctl create configmap crowd >/dev/null
	printf 'post 300 later\npost 100 never\nunpost never\nopen w3 %s 90000\n' "$watching" >&8
	await '^w9 line .*"name":"crowd"' && await '^posted later' && await '^w3 opened'
	kube_ctl delete configmap crowd >/dev/null
}
if [ -x "$B/tsan/tests/rig/kube/client" ] && [ "$CLIENT" = "$B/tests/rig/kube/client" ]; then
	CLIENT=$B/tsan/tests/rig/kube/client
	kube_ctl delete configmap four five >/dev/null
	check "tsan: many calls, and watches that come and go" with crowd --kubeconfig "$kube_config"
	check "tsan: winding down" with ends_early --kubeconfig "$work/faulty"
	program
	echo stale >"$work/given"
	check "tsan: a program" with new_token --kubeconfig "$work/config" --allow-exec
fi

secret_free() { ! grep -F -e "$token" -e "$(sed -n 2p "$work/admin.key")" -e "$(sed -n 2p "$kube_dir/pki/admin.key")" "$work/all" "$work/err"; }
check "neither tokens nor keys were ever told" secret_free
finish
