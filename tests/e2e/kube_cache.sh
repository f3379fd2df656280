#!/bin/bash
# The cache of custom resources on a real API server: it comes to hold what the server holds, whatever happens to either of them
# and between them, says why it does not yet, and what listeners hear adds up.
#   SEED=N STORM_S=SECONDS ROUNDS=N   of the storm
#   CLUSTERS=N                        of the fleet, 25 objects each
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/tap.sh
. tests/within.sh
. tests/rig/kube/lib.sh
work=$(mktemp -d)
trap 'kube_stop; rm -rf "$work"' EXIT
trap 'exit 1' INT TERM
export TMPDIR=$work
kinds='omniclusters omniconnections omnicontrolplanes omnihelmreleases omnikubeconfigexports omnimachineclasses omnimachines omnisecretsyncs omniworkers'
api=/apis/omni.texashpc.com/v1alpha1

# --- probes -----------------------------------------------------------------------------------------------------------

declare -A in out pid
probe() { # NAME KUBECONFIG ARGUMENT…
	local name=$1 to from
	shift
	mkfifo "$work/$name.in" "$work/$name.out"
	"${PROBE:-$B/tests/rig/kube/cache}" "$@" <"$work/$name.in" >"$work/$name.out" 2>"$work/$name.err" &
	pid[$name]=$!
	exec {to}>"$work/$name.in" {from}<"$work/$name.out"
	in[$name]=$to out[$name]=$from
}
ask() { # NAME WORDS…: sets answer
	echo "${@:2}" >&"${in[$1]}"
	IFS= read -r -t 300 answer <&"${out[$1]}" || answer="the probe has ended: $(cat "$work/$1.err")"
}
gives() { # NAME TEXT WORDS…: the answer begins with TEXT
	ask "$1" "${@:3}"
	[[ $answer == "$2"* ]] || { echo "${*:3}: $answer, not $2"; return 1; }
}
has() { # NAME TEXT WORDS…: it contains it
	ask "$1" "${@:3}"
	[[ $answer == *"$2"* ]] || { echo "${*:3}: $answer, without $2"; return 1; }
}
number() { # NAME KEY WORDS…: prints the number behind KEY=
	ask "$1" "${@:3}"
	sed -n "s/.*\b$2=\([0-9]*\).*/\1/p" <<<"$answer"
}
ends() { # TEXT NAME…: they do, in an orderly way and without a word; not for `check`
	local name to from bad=
	for name in "${@:2}"; do
		to=${in[$name]} from=${out[$name]}
		echo bye >&"$to"
		wait "${pid[$name]}" || bad=$?
		exec {to}>&- {from}<&-
		sed 's/^/# /' "$work/$name.err"
		[ ! -s "$work/$name.err" ] || bad=1
		rm "$work/$name".*
	done
	[ -z "$bad" ] && pass "$1" || fail "$1"
}
# --- what is there ----------------------------------------------------------------------------------------------------

held() { # NAME
	echo list >&"${in[$1]}"
	while IFS= read -r -t 60 answer <&"${out[$1]}" && [[ $answer != end\ * ]]; do echo "$answer"; done
}
truth() { # QUERY [NAMESPACE]
	local kind
	for kind in $kinds; do
		kube_curl "$api${2:+/namespaces/$2}/$kind?$1" |
			jq -r --arg kind "$kind" '.items[] | .metadata | "\($kind) \(.namespace) \(.name) \(.uid) \(.resourceVersion)"'
	done
}
equal() { # NAME [QUERY [NAMESPACE]]: also in the same order
	held "$1" >"$work/held"
	truth "${2:-}" "${3:-}" | LC_ALL=C sort -k 1,1 -k 2,2 -k 3,3 >"$work/truth"
	diff <(LC_ALL=C sort -k 1,1 -k 2,2 -k 3,3 "$work/held") "$work/truth" | head -n 10
	cmp -s <(LC_ALL=C sort -k 1,1 -k 2,2 -k 3,3 "$work/held") "$work/truth" && in_order
}
in_order() { # kind after kind, in each of them
	local kind
	for kind in $kinds; do
		grep "^$kind " "$work/held" | LC_ALL=C sort -c -s -k 2,2 -k 3,3 || return 1
	done
}
holds() { [ "$(number "$1" objects counts)" = "$2" ]; } # NAME COUNT
adds_up() { # NAME: what listeners heard
	ask "$1" told
	local came changed went wrong
	eval "$answer" && ask "$1" counts && eval "$answer"
	[ "$wrong" = 0 ] && [ $((came - went)) = "$objects" ] || { echo "came=$came went=$went wrong=$wrong objects=$objects"; return 1; }
}

machine() { # NAMESPACE NAME [FIELDS]
	cat <<-END
	{"apiVersion": "omni.texashpc.com/v1alpha1", "kind": "OmniMachine", "metadata": {"namespace": "$1", "name": "$2", "labels": {"team": "${3:-a}"},
	"annotations": {"omni.texashpc.com/suspend": "true", "omni.texashpc.com/sync-state": "InSync"}, "finalizers": ["omni.texashpc.com/finalizer"]},
	"spec": {"clusterRef": {"name": "some"}, "machineID": "1b4e28ba-2fa1-11d2-883f-0016d3cca427"}}
	END
}
make() { machine "$@" | kube_ctl create -f - >/dev/null; }
unmake() { # NAMESPACE NAME
	kube_ctl patch omnimachine "$2" -n "$1" --type merge -p '{"metadata": {"finalizers": null}}' >/dev/null &&
		kube_ctl delete omnimachine "$2" -n "$1" >/dev/null
}
define() { kube_ctl apply --server-side -f crds/yaml >/dev/null; }

# --- the story --------------------------------------------------------------------------------------------------------

kube_need "the cache on a real API server"
kube_start a || { fail "the server starts"; finish; }
probe all "$kube_config"
check "without definitions it says what to install" within 20 has all 'omniops crds' kind omniclusters
check "and is not synchronised" gives all 'waiting NotFound' sync 0
check "the definitions are installed" define
check "then it is synchronised, without being started again" gives all synced sync 60
check "nothing is there" holds all 0

for ns in ns-0 ns-1 ns-2; do kube_ctl create namespace $ns >/dev/null; done
probe one "$kube_config" ns-1
probe some "$kube_config" ns-1 'team in (b),other!=x' omnimachines
check "of one namespace" gives one synced sync 30
check "of one kind with certain labels" gives some synced sync 30

make ns-0 first
make ns-1 second
make ns-1 third b
check "what is created comes" within 5 equal all
check "of the namespace" within 5 equal one '' ns-1
check "with the labels" within 5 equal some 'labelSelector=team%3Db' ns-1
check "it is one of two" holds some 1

document='{"apiVersion":"omni.texashpc.com/v1alpha1","kind":"OmniMachine","metadata":{"annotations":{"omni.texashpc.com/suspend":"true"},"labels":{"team":"a"},"name":"first","namespace":"ns-0"},"spec":{"clusterRef":{"name":"some"},"machineID":"1b4e28ba-2fa1-11d2-883f-0016d3cca427"}}'
check "a document is what was declared" gives all "$document" document omnimachine ns-0 first
check "its finalizers are seen" gives all '["omni.texashpc.com/finalizer"]' finalizers omnimachine ns-0 first
check "and all of its annotations" gives all '{"omni.texashpc.com/suspend":"true","omni.texashpc.com/sync-state":"InSync"}' annotations omnimachine ns-0 first
check "its reference, too" has all 'finalizers=ours, reference=some' facts omnimachine ns-0 first
content() { ask all facts omnimachine ns-0 first && sed 's/.*content=\([0-9a-f]*\).*/\1/' <<<"$answer"; }
status() { ask all facts omnimachine ns-0 first && sed 's/.*status=//' <<<"$answer"; }
was_content=$(content) was_status=$(status)
kube_ctl patch omnimachine first -n ns-0 --subresource status --type merge -p '{"status": {"machineID": "x"}}' >/dev/null
kube_ctl annotate omnimachine first -n ns-0 omni.texashpc.com/applied-at=now omni.texashpc.com/requested-at=1 >/dev/null
check "a change of the status is seen" within 5 has all '"machineID":"x"' status omnimachine ns-0 first
check "and those of the agent" within 5 has all requested-at annotations omnimachine ns-0 first
check "the content is the same, the status is another" eval '[ "$(content)" = "$was_content" ] && [ "$(status)" != "$was_status" ]'
kube_ctl patch omnimachine first -n ns-0 --type merge -p '{"spec": {"kernelArgs": ["quiet=1"]}}' >/dev/null
check "a change of the declaration is seen" within 5 has all quiet=1 document omnimachine ns-0 first
check "as another content" eval '[ "$(content)" != "$was_content" ]'
kube_ctl label omnimachine third -n ns-1 team=a --overwrite >/dev/null
check "what does not fit the labels any more is gone" within 5 holds some 0
kube_ctl delete omnimachine first -n ns-0 --wait=false >/dev/null
deleting() { ask all facts omnimachine ns-0 first && [[ $answer =~ deleted=[1-9] ]]; }
check "a deletion that waits is seen" within 5 deleting
kube_ctl patch omnimachine first -n ns-0 --type merge -p '{"metadata": {"finalizers": null}}' >/dev/null
check "and that it is gone" within 5 gives all absent facts omnimachine ns-0 first
check "what listeners heard adds up" adds_up all
check "of the namespace and of the labels, too" eval 'adds_up one && adds_up some'
ends "these end" one some

# --- interruptions ------------------------------------------------------------------------------------------------------

kube_order kill && kube_order start
make ns-0 after-restart
check "a server that starts anew is found again" within 60 equal all
check "nothing was lost meanwhile" gives all synced sync 0

kube_fault_start || { fail "a proxy in between"; finish; }
kube_faulty "$kube_config"
probe far "$kube_made"
check "another one by way of it" gives far synced sync 60
check "which sees the same" equal far
relists=$(number far relists counts)
kube_fault_order refuse && kube_fault_order cut
unmake ns-1 second
unmake ns-1 third
make ns-1 third b # another one of that name
make ns-1 fourth
kube_compact && kube_order kill && kube_order start
kube_fault_order accept
check "after so long that the server has forgotten it, it lists again" within 60 equal far
check "the differences are told" adds_up far
check "it was a list" eval '[ "$(number far relists counts)" -gt "$relists" ]'
check "without having been lost" gives far synced sync 0
kube_fault event verb=watch code=410 times=4 ms=100
kube_fault_order cut
check "watches that end with an error go on" within 60 equal far
kube_fault cut verb=watch times=9 ms=200
kube_fault_order cut
make ns-1 fifth
check "watches that break off, too" within 60 equal far
kube_fault garble verb=watch times=3
kube_fault_order cut
make ns-1 sixth
check "and those that say nonsense" within 90 equal far
check "all of it adds up" adds_up far
ends "it ends" far

# --- many at once -------------------------------------------------------------------------------------------------------

check "two thousand come at once" gives all 'filled 2000 failed 0' fill ns-2 many 2000
check "and are there" within 30 equal all
check "every one was told" adds_up all
kube_fault_order clear
kube_fault status verb=watch code=422 times=9
probe paged "$kube_made"
check "a server without streaming lists is asked for pages" gives paged synced sync 60
check "which are all there is" equal paged
check "every kind was listed, one of them in five pages" eval '[ "$(number paged lists counts)" -ge 13 ]'
ends "it ends" paged

# --- rights ---------------------------------------------------------------------------------------------------------------

kube_user reader
probe reader "$kube_made"
check "without rights it says which are needed" within 20 has reader 'has to grant get, list and watch on omnimachines.omni.texashpc.com in all namespaces' kind omnimachines
kube_bind reader get,list,watch omnimachines.omni.texashpc.com
check "one kind is permitted" within 60 gives reader synced kind omnimachines
check "the others are not" gives reader 'failed PermissionDenied' kind omniclusters
all=
for kind in $kinds; do all=$all,$kind.omni.texashpc.com; done
kube_bind reader get,list,watch "${all#,}"
check "all are permitted" gives reader synced sync 60
check "it sees what is there" equal reader
ends "it ends" reader

# --- Secrets --------------------------------------------------------------------------------------------------------------

kube_ctl create secret generic key -n ns-0 --from-literal=serviceAccountKey=value-1 >/dev/null
kube_account ns-0 keeper
kube_bind ns-0/keeper get secrets ns-0
keeper=$kube_made
probe keeper "$keeper" ns-0
check "a Secret is read" gives keeper 'value value-1' secret ns-0 key serviceAccountKey
check "a key that is not there is named" gives keeper 'failed NotFound the Secret ns-0/key has no key "other"' secret ns-0 key other
check "so is a Secret that is not there" gives keeper 'failed NotFound there is no Secret nokey' secret ns-0 nokey x
check "a Secret that may not be read" gives keeper 'failed PermissionDenied a Role in the namespace ns-1' secret ns-1 key x
check "a name leads nowhere else" gives keeper 'failed Invalid' secret ns-0 ../../pods x
probe watcher "$kube_config" ns-0
kube_mark
check "one is waited for" gives watcher ok await ns-0 key
check "one that is not there, too" gives watcher ok await ns-0 later
check "twice is once" gives watcher ok await ns-0 key
watches_two() { [ "$(kube_count 'watch secrets')" = 2 ]; }
check "each has one watch" within 10 watches_two
kube_ctl create secret generic other -n ns-0 --from-literal=x=y >/dev/null
sleep 0.5
check "what is there at the beginning is no change, nor is another Secret" gives watcher changed=0 secrets
kube_ctl patch secret key -n ns-0 -p '{"stringData": {"serviceAccountKey": "value-2"}}' >/dev/null
check "a change is told" within 5 gives watcher changed=1 secrets
check "and read" gives watcher 'value value-2' secret ns-0 key serviceAccountKey
kube_ctl create secret generic later -n ns-0 --from-literal=x=y >/dev/null
check "that one comes, too" within 5 gives watcher changed=2 secrets
kube_ctl delete secret later -n ns-0 >/dev/null
check "and that it goes" within 5 gives watcher changed=3 secrets
kube_order kill && kube_order start
kube_ctl patch secret key -n ns-0 -p '{"stringData": {"serviceAccountKey": "value-3"}}' >/dev/null
check "a change after a restart is told" within 60 gives watcher changed=4 secrets
check "where only get is granted" gives keeper ok await ns-0 key
check "it is said that it is polled" within 20 has keeper 'polled: the Secret ns-0/key is asked for once a minute' secrets
ends "both end" keeper watcher

# --- a storm --------------------------------------------------------------------------------------------------------------

seed=${SEED:-$((SRANDOM % 100000))}
RANDOM=$seed
echo "# SEED=$seed"
kube_faulty "$kube_config"
probe storm "$kube_config" ns-none
for round in $(seq "${ROUNDS:-1}"); do
	probe "calm$round" "$kube_made"
	gives "calm$round" synced sync 60 >/dev/null
	echo "storm ${STORM_S:-12} $((seed + round))" >&"${in[storm]}"
	until=$((SECONDS + ${STORM_S:-12}))
	while [ $SECONDS -lt $until ]; do
		case $((RANDOM % 6)) in
		0) kube_compact ;;
		1) kube_fault_order cut ;;
		2) kube_fault cut verb=watch times=1 ms=$((RANDOM % 900)) ;;
		3) kube_fault event verb=watch code=410 times=1 ms=$((RANDOM % 900)) ;;
		4) kube_fault cut verb=watch times=2 bytes=$((RANDOM % 9000)) ;;
		5) [ $((RANDOM % 3)) != 0 ] || { kube_order kill && kube_order start; } ;;
		esac
		sleep 0.$((RANDOM % 9))
	done
	IFS= read -r -t 60 answer <&"${out[storm]}"
	echo "# $answer"
	kube_fault_order clear
	check "after storm $round what is held is what is there" within 90 equal "calm$round"
	check "and adds up" adds_up "calm$round"
	ask "calm$round" counts
	echo "# $answer"
	ends "it ends" "calm$round"
done
check "the one that was there all the time has the same" within 60 equal all
check "and adds up" adds_up all
ends "all end" all storm

# --- a fleet --------------------------------------------------------------------------------------------------------------

clusters=${CLUSTERS:-200} count=$((25 * ${CLUSTERS:-200}))
kube_stop a
kube_start b || { fail "another server starts"; finish; }
define
export PROBE_DEAF=1
probe empty "$kube_config"
gives empty synced sync 60 >/dev/null
rss_empty=$(number empty rss counts)
kube_order kill # which would not expect that many objects have one resource version
check "a fleet of $clusters clusters is written" tests/rig/kube/fill.py "$kube_etcd" "$clusters"
kube_order start
probe fleet "$kube_config"
ask fleet sync 200
echo "# $answer"
check "it is read" holds fleet $count
ask fleet counts
echo "# $answer (empty: $rss_empty)"
bytes=$(number fleet bytes counts) rss=$(number fleet rss counts)
check "25,000 objects fit into 16 MiB" [ $((bytes / count * 25000)) -lt $((16 << 20)) ]
[ -n "${PROBE:-}" ] || # sanitizers have memory of their own
	check "so they do as the kernel sees it, but for what reading them took" [ $((rss - rss_empty)) -lt $((count * 671 / 1024 + 4096)) ]
check "it is all there is" equal fleet
ends "they end" empty fleet
finish
