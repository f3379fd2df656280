#!/bin/bash
# Many clusters: what is unchanged costs no call, a cluster that is stuck slows nobody, drift is seen at once, state stands
# on the Cluster, secrets stand nowhere.
cd "$(dirname "$0")/../.." || exit 1
. tests/tap.sh
. tests/e2e/lib.sh

FLEET=${FLEET:-200}
port=$(free_port)
metrics() { curl -s -m 5 "http://127.0.0.1:$port/metrics"; }
metric() { metrics | sed -n "s/^$1 //p"; }
calls() { metrics | grep '^omni_agent_omni_calls_total'; }
in_sync() { [ "$(metric 'omni_agent_clusters{state="InSync"}')" = "$1" ]; }
is_idle() { [ "$(metric omni_agent_queue_depth)$(metric omni_agent_queue_running)" = 00 ]; }
# Nothing has run for a moment.
settle() { within 20 is_idle && sleep 0.5 && within 20 is_idle; }
annotation() { "$OMNIOPS" get clusters "$1" -o yaml --omni "$omni" 2>/dev/null | sed -n "s,^ *omni.texashpc.com/$2: ,,p"; }
is_marked() { [ "$(annotation "$1" "$2")" = "$3" ]; }
version() { "$OMNIOPS" get clusters "$1" -o yaml --omni "$omni" | sed -n 's/^ *version: //p'; }
file_of() { grep -l "^ *id: $1\$" -r "$room/omni" | head -n 1; }
run() { start_agent --source "git+file://$room/repo?ref=main" --http "127.0.0.1:$port" --annotate-after 1h "$@"; } # settling.sh has that

git init -q -b main "$room/repo"
class >"$room/repo/class.yaml"
for ((i = 1; i <= FLEET; i++)); do cluster "c$i" 2 >"$room/repo/c$i.yaml"; done
commit "a fleet"
run
check "$FLEET clusters of one commit arrive" within 60 in_sync "$FLEET"
settle
before=$(calls)
commit "nothing changes"
sleep 1
check "a commit that changes nothing makes no call" [ "$before" = "$(calls)" ]
plans=$(metric omni_agent_plans_total)
sed -i 's/size: 2/size: 4/' "$room/repo/c7.yaml"
commit "one of them"
check "a commit that changes one cluster arrives" within 10 has_workers c7 4
settle
check "… and plans no other" [ $(($(metric omni_agent_plans_total) - plans)) -le 3 ]

check "who applied it is recorded" [ "$(annotation c7 owner)" = omniops ]
check "and what" [ "$(annotation c7 applied-hash)" = "$("$OMNIOPS" get clusters c7 -o yaml --omni "$omni" | grep -o '[0-9a-f]\{64\}' | head -n 1)" ]
check "and which revision" bash -c "[[ '$(annotation c7 applied-revision)' == main@sha1:* ]]"
versions=$(version c1)-$(version c7)
kill -HUP "$agent_pid"
sleep 1
settle
check "looking again writes nothing" [ "$versions" = "$(version c1)-$(version c7)" ]
stop_agent
run --resync 1s
check "after a restart all are in sync" within 30 in_sync "$FLEET"
settle
before=$(calls)
sleep 2.5
check "a resync of what is unchanged makes no call" [ "$before" = "$(calls)" ]
check "a restart writes nothing" [ "$versions" = "$(version c1)-$(version c7)" ]
check "the agent is small" [ "$(metric process_resident_memory_bytes | cut -d. -f1)" -lt 50331648 ]

sed -i 's/machinecount: 4/machinecount: 2/' "$(file_of c7-workers)"
check "drift is undone within a second" within 1 has_workers c7 4

# One cluster hangs in its teardown.
file=$(file_of c1-workers)
sed -i 's/^\( *\)phase: running/&\n\1finalizers:\n\1    - SomebodyElse/' "$file"
check "somebody holds on to a machine set" grep -q SomebodyElse "$file"
git -C "$room/repo" rm -q c1.yaml
commit "remove c1"
check "its removal is held" within 10 is_state c1 Held
"$OMNIOPS" approve c1 "$(plan_hash c1)" --omni "$omni" 2>/dev/null
check "approved it is under way" within 10 is_state c1 Progressing
sed -i 's/size: 2/size: 3/' "$room"/repo/c[2-6].yaml
start=$(date +%s%N)
commit "five others"
for i in 2 3 4 5 6; do within 10 has_workers c$i 3; done
check "the others are not slowed" [ $((($(date +%s%N) - start) / 1000000)) -lt 3000 ]
check "it still waits" is_state c1 Progressing
sed -i '/SomebodyElse/d; /finalizers:$/d' "$file"
check "and goes when it is let go" within 15 is_gone clusters c1
stop_agent

# Drift is only reported.
run --drift report
check "with --drift report all are in sync" within 30 in_sync $((FLEET - 1))
sed -i 's/machinecount: 4/machinecount: 5/' "$(file_of c7-workers)"
check "drift is reported" within 5 is_state c7 OutOfSync
check "… on the Cluster, too" within 5 is_marked c7 sync-state OutOfSync
check "… with its size" [ "$(annotation c7 drift)" = "+0 ~1 -0" ]
check "… and not undone" has_workers c7 5
"$OMNIOPS" approve c7 "$(plan_hash c7)" --omni "$omni" 2>/dev/null
check "approved it is undone" within 10 has_workers c7 4
check "and its marks go" within 5 bash -c "! '$OMNIOPS' get clusters c7 -o yaml --omni '$omni' | grep -qE 'sync-state|drift|approve'"

# Suspended, in Git and in Omni; a policy that outlives the declaration.
sed -i '0,/^spec:/s/^spec:/spec:\n  suspend: true/; s/size: 4/size: 9/' "$room/repo/c7.yaml"
commit suspend
check "suspended in Git" within 10 is_state c7 Suspended
check "… nothing is written" has_workers c7 4
sed -i '0,/^spec:/s/^spec:/spec:\n  deletePolicy: {orphan: true}/; s/size: 2/size: 3/' "$room/repo/c8.yaml"
commit orphan
check "an orphan policy is recorded" within 10 is_marked c8 delete-policy orphan
stop_agent
sed -i '/suspend: true/d; s/size: 9/size: 4/' "$room/repo/c7.yaml"
git -C "$room/repo" rm -q c8.yaml
commit "remove c8"
run
check "an orphan stays, also when it was removed while the agent was down" within 10 grep -q 'left in Omni (deletePolicy.orphan)' "$room/log"
check "… indeed" exists clusters c8
check "… and is nobody's" [ -z "$(annotation c8 owner)" ]
stop_agent

# What may be secret.
token=ghp_Zk8sQ2vN4xR7tY1uW3pL5mB9cD0eF6aHjK
cat >>"$room/repo/c9.yaml" <<END
---
apiVersion: omni.texashpc.com/v1alpha1
kind: OmniWorkers
metadata: {name: c9-extra, namespace: omni}
spec:
  clusterRef: {name: c9}
  workerSetName: extra
  machineClass: {name: any, size: 1}
  patches:
    - name: registry
      inline:
        machine:
          env: {REGISTRY_TOKEN: $token}
END
commit "a token"
run --log-level debug
check "a patch with a token is applied" within 30 exists machinesets c9-extra
sed -i "s/REGISTRY_TOKEN: ghp_/REGISTRY_TOKEN: ghp_X/" "$room/repo/c9.yaml"
commit "another token"
sleep 1
settle
check "plans do not show it" bash -c "! '$OMNIOPS' plan --omni 'dir:$room/none' '$room/repo/c9.yaml' -o json | grep -q 4xR7tY1uW3pL5m"
check "the state does not" bash -c "! curl -s http://127.0.0.1:$port/api/v1/state | grep -q 4xR7tY1uW3pL5m"
check "nor metrics and page" bash -c "! { curl -s http://127.0.0.1:$port/metrics; curl -s http://127.0.0.1:$port/; } | grep -q 4xR7tY1uW3pL5m"
stop_agent
check "nor logs and status files" bash -c "! grep -rq 4xR7tY1uW3pL5m '$room/log' '$room/status'"
finish
