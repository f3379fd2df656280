#!/bin/bash
# A snapshot of an Omni: everything as it was, secrets as marks, and plans against it say the same as against the original.
cd "$(dirname "$0")/../.." || exit 1
. tests/tap.sh
. tests/e2e/lib.sh

mkdir "$room/in"
class >"$room/in/class.yaml"
cluster one 2 >"$room/in/one.yaml"
cat >>"$room/in/one.yaml" <<'END'
---
apiVersion: omni.texashpc.com/v1alpha1
kind: OmniCluster
metadata: {name: two, namespace: omni}
spec:
  connectionRef: {name: main}
  kubernetes: {version: v1.35.1}
  talos: {version: v1.13.3}
  patches:
  - name: login
    inline:
      machine:
        registries:
          config:
            ghcr.io: {auth: {username: robot, password: correct-horse-battery}}
        sysctls: {net.ipv4.ip_forward: "1"}
  - name: plain
    inline: {machine: {network: {hostname: plain-name}}}
---
apiVersion: omni.texashpc.com/v1alpha1
kind: OmniControlPlane
metadata: {name: two, namespace: omni}
spec:
  clusterRef: {name: two}
  machineClass: {name: any, size: 3}
END
template() { # PASSWORD: a patch that is written as text in a file
	mkdir -p "$room/in/t"
	printf 'kind: Cluster\nname: three\nkubernetes: {version: v1.35.1}\ntalos: {version: v1.13.3}\npatches:\n- {name: file, file: p.yaml}\n---\nkind: ControlPlane\nmachineClass: {name: any, size: 3}\n' >"$room/in/t/three.yaml"
	printf '# token: not-even-in-comments\nmachine:\n  env:\n    API_TOKEN: %s # why\n    PLACE: here\n' "$1" >"$room/in/t/p.yaml"
}
template hunter2-and-more
check "a fleet with secrets is applied" exits 0 omniops apply --omni "$omni" "$room/in"
# what is torn down stays so in a snapshot
cat >"$room/omni/MachineClasses.omni.sidero.dev/leaving.yaml" <<'END'
metadata: {type: MachineClasses.omni.sidero.dev, id: leaving, version: 7, phase: tearingDown, created: 2026-01-02T03:04:05Z, updated: 2026-01-02T03:04:06Z, finalizers: [somebody]}
spec: {matchlabels: [omni.sidero.dev/arch = arm64]}
END

check "a snapshot is made" exits 0 omniops snapshot "$room/shot" --omni "$omni"
check "… and says how many resources" complains 'resources saved'
check "… of every type" complains 'MachineClasses.omni.sidero.dev'
check "only into an empty directory" exits 1 omniops snapshot "$room/shot" --omni "$omni"
check "… and says so" complains 'not empty'
check "with all the secrets as they are, when asked" exits 0 omniops snapshot "$room/open" --omni "$omni" --keep-secrets
everything() { for type in $(cd "$room/omni" && ls -d *.dev); do "$OMNIOPS" get "$type" -o yaml --omni "$1"; done; }
check "the open one is the same to the last byte" bash -c "$(declare -f everything); room='$room'; diff <(everything '$omni') <(everything 'dir:$room/open')"
check "version, date, phase and finalizers are kept" exits 0 omniops get machineclasses leaving -o yaml --omni "dir:$room/shot"
for words in 'version: 7' 'phase: tearingDown' 'created: 2026-01-02T03:04:05Z' '- somebody'; do check "… $words" says "$words"; done

check "no secret is in the snapshot" bash -c "! grep -rE 'correct-horse|hunter2|not-even' '$room/shot'"
check "but they are in the open one" grep -rqE 'correct-horse' "$room/open"
check "what is no secret can be read" grep -rq 'hostname: plain-name' "$room/shot"
check "others cannot read it" bash -c "[ \$(stat -c %a '$room/open') = 700 ]"

# plans: without changes, with changes beside the secret, with another secret
same_plans() { # text and JSON, their hashes, and the exit codes; how a secret is shown is another every time
	local form online offline code_online code_offline
	for form in text json; do
		online=$("$OMNIOPS" plan -o $form --omni "$omni" "$room/in" 2>&1); code_online=$?
		offline=$("$OMNIOPS" plan -o $form --omni "dir:$1" "$room/in" 2>&1); code_offline=$?
		online=${online//"$omni"/} offline=${offline//"dir:$1"/}
		online=$(sed -E 's/\((secret|text) [0-9a-f]{8}\)/(\1)/g' <<<"$online")
		offline=$(sed -E 's/\((secret|text) [0-9a-f]{8}\)/(\1)/g' <<<"$offline")
		[ "$code_online" = "$code_offline" ] && [ "$online" = "$offline" ] ||
			{ diff <(echo "$online") <(echo "$offline"); echo "exit $code_online, $code_offline"; return 1; }
	done
}
check "nothing changed: the plans are equal" same_plans "$room/shot"
check "… and empty" exits 0 omniops plan --omni "dir:$room/shot" "$room/in"
check "… also with the open one" same_plans "$room/open"
sed -i 's/size: 2/size: 1/; s/plain-name/new-name/' "$room/in/one.yaml"
check "changes without secrets: the plans are equal, with their hashes" same_plans "$room/shot"
check "… and hold something" exits 3 omniops plan --omni "dir:$room/shot" "$room/in"
sed -i 's/ip_forward: "1"/ip_forward: "0"/' "$room/in/one.yaml"
check "a change beside a secret: the plans are equal, with their hashes" same_plans "$room/shot"
check "… which is the change" bash -c "'$OMNIOPS' plan --omni 'dir:$room/shot' '$room/in' | grep -q ip_forward"
sed -i 's/correct-horse/wrong-horse/' "$room/in/one.yaml"
check "another secret is a change" same_plans "$room/shot"
template hunter3
check "also where the patch is a text" bash -c "'$OMNIOPS' plan --omni 'dir:$room/shot' '$room/in' | grep -q three"
check "no secret is shown" bash -c "! '$OMNIOPS' plan --omni 'dir:$room/shot' '$room/in' | grep -E 'horse|hunter'"

check "a snapshot is not written" exits 1 omniops apply --omni "dir:$room/shot" --approve-all "$room/in"
check "… and says why" bash -c "cat '$room/out' '$room/err' | grep -q 'is a snapshot'"
check "a snapshot of a snapshot" exits 0 omniops snapshot "$room/again" --omni "dir:$room/shot"
check "… plans alike" same_plans "$room/again"
sed -i 's/^complete: true/complete: false/' "$room/again/snapshot.yaml"
check "one that was not finished is not used" exits 1 omniops plan --omni "dir:$room/again" "$room/in"
check "… and says so" complains 'not finished'
finish
