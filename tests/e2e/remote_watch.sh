#!/bin/bash
# The agent and a remote Omni that restarts, refuses watches and bookmarks, or lags behind: it works on, sees every change,
# and says no more than there is to say.
cd "$(dirname "$0")/../.." || exit 1
. tests/tap.sh
. tests/e2e/lib.sh
. tests/rig/cosi/lib.sh
trap 'stop_agent; cosi_stop; rm -rf "$room"' EXIT

# Now and then the link asks who answers there, and once more when it did not for a while; nothing else is called.
is_silent() { ! cosi_ask calls | grep -vE 'Watch|Get SysVersions\.system\.sidero\.dev' && [ "$(cosi_ask calls | grep -c 'Get SysVersions')" -le 1 ]; }

cosi_need "the agent on a COSI server"
cosi_start one -tls -controllers
export OMNI_SERVICE_ACCOUNT_KEY
OMNI_SERVICE_ACCOUNT_KEY=$(cat "$cosi_key")
export OMNI_CA_FILE=$cosi_ca
omni=$cosi_endpoint
omniops() { "$OMNIOPS" "$@" --omni-ca-file "$cosi_ca"; }
agent() { start_agent --omni-ca-file "$cosi_ca" --source "git+file://$room/repo?ref=main" --annotate-after 1h "$@"; }
watches() { cosi_ask watches | wc -l; }
has_watches() { [ "$(watches)" -ge "$1" ]; }
logged() { grep -c -- "$1" "$room/log"; }
logs() { [ "$(logged "$2")" = "$1" ] || { echo "not $1 times: $2"; grep -- "$2" "$room/log"; return 1; }; }
size() { cosi_ask "resources?type=MachineSets.omni.sidero.dev&id=one-workers" | sed -n 's/.*machinecount: //p'; }
has_size() { [ "$(size)" = "$1" ]; }
drift() { # somebody sets the size, in Omni
	cosi_ask "resources?type=MachineSets.omni.sidero.dev&id=one-workers" | sed "s/machinecount: .*/machinecount: $1/" >"$room/drift.yaml"
	cosi_order put --data-binary "@$room/drift.yaml" >/dev/null
}

repository one
agent
check "a cluster arrives" within 15 is_state one InSync
check "every type is watched" within 5 has_watches 8
all=$(watches)
drift 1
check "drift is seen when it happens" within 5 has_size 2
cosi_order end >/dev/null
check "the server stops its watches: they come back" within 10 has_watches "$all"
check "… that is told once, and no fault" logs 1 '"level":"info".*the server ended its watches'
check "… nothing is called one" logs 0 '"level":"error"'
drift 1
check "drift is seen after that, too" within 5 has_size 2
cosi_order errored -d text=compacted >/dev/null
check "the server loses the thread: begun again" within 10 has_watches "$all"
drift 1
check "… and drift is seen" within 5 has_size 2
type=type=MachineSets.omni.sidero.dev others=type=Clusters.omni.sidero.dev
cosi_order pause -d $others >/dev/null
cosi_order end -d $others >/dev/null
cosi_order errored -d $type -d text=compacted >/dev/null
drift 1
check "one type begins again while another one goes on" within 10 has_watches "$all"
sleep 0.5
cosi_order resume >/dev/null
check "… which comes later: what changed meanwhile is seen" within 5 has_size 2
cosi_order vanish -d ms=1500 >/dev/null
drift 1
check "what changes while it is away is seen afterwards" within 15 has_size 2
check "the watches are back" within 10 has_watches "$all"
sleep 1
cosi_order reset >/dev/null
sleep 2
check "an unchanged fleet costs no call" is_silent
stop_agent

cosi_order fault -d method=Watch -d code=7 -d times=-1 -d "text=only reading is permitted" >/dev/null
: >"$room/log"
sed -i 's/size: 2/size: 4/' "$room/repo/one.yaml"
commit scale
agent --resync 1s
check "without watches it reads" within 15 has_size 4
check "… and comes to rest" within 10 is_state one InSync
check "that is said once" logs 1 'the key may not watch'
drift 1
check "drift is seen by reading" within 10 has_size 4
finish
