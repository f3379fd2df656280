#!/bin/bash
# Hostile trees and careless operators: paths that lead out, secrets in faulty lines, resources of others, broken output.
cd "$(dirname "$0")/../.." || exit 1
. tests/tap.sh
. tests/e2e/lib.sh
tree=$room/tree
mkdir -p "$tree/sub" "$room/outside"
class >"$tree/class.yaml"

# --- files outside of the tree ---
echo 'machine: {network: {hostname: leaked}}' >"$room/outside/leak.yaml"
ln -s "$room/outside/leak.yaml" "$tree/sym.patch"
ln -s sym.patch "$tree/chain.patch"
ln -s ../outside "$tree/linked"
ln -s ../../outside "$tree/sub/deep"
ln -s /proc/self/environ "$tree/env.patch"
ln -s /dev/zero "$tree/zero.patch"
mkfifo "$tree/fifo.patch"
template() { # FILE
	cat <<-END
	kind: Cluster
	name: esc
	kubernetes: {version: v1.35.1}
	talos: {version: v1.13.3}
	patches: [{name: p, file: "$1"}]
	---
	kind: ControlPlane
	machineClass: {name: any, size: 1}
	END
}
stays_inside() { # FILE
	template "$1" >"$tree/t.yaml"
	exits 1 timeout 10 "$OMNIOPS" render -o resources "$tree" || return 1
	! grep -q 'leaked\|PATH=' "$room/out" "$room/err" || return 1
	timeout 20 "$OMNIOPS" agent --once --gate critical --omni "$omni" --http off --source "dir:$tree" >"$room/out" 2>&1 && return 1
	! grep -q 'leaked\|PATH=' "$room/out" && ! grep -rq 'leaked\|PATH=' "$room/omni"
}
for file in ../outside/leak.yaml "$room/outside/leak.yaml" "//${room#/}/outside/leak.yaml" ./../outside/leak.yaml \
	sub/../../outside/leak.yaml './/sub//..//..//outside/leak.yaml' '%2e%2e/outside/leak.yaml' sym.patch chain.patch \
	linked/leak.yaml sub/deep/leak.yaml env.patch zero.patch fifo.patch /proc/self/environ /dev/stdin . .. / ''; do
	check "file \"${file/$room/ROOM}\" is not read" stays_inside "$file"
done
rm "$tree/t.yaml"

# --- secrets in lines with faults ---
planted=Pl4nted
shows_no_secret() { # YAML of a patch
	cluster sec 1 | awk -v patch="$1" '{print} /connectionRef/ {print "  patches:\n  - name: p\n    inline:\n" patch}' >"$tree/sec.yaml"
	for form in text json sarif github; do
		exits 1 omniops validate -o $form "$tree" || return 1
		! grep -q $planted "$room/out" "$room/err" || { grep -h $planted "$room/out" "$room/err"; return 1; }
	done
	exits 1 omniops plan --omni "$omni" "$tree" || return 1
	! grep -q $planted "$room/out" "$room/err"
}
check "a misspelt key" shows_no_secret "      machine: {tokn: ${planted}abc}"
check "a value of the wrong type" shows_no_secret "      machine: {token: {a: ${planted}abc}}"
check "a neighbour on the line" shows_no_secret "      cluster: {token: ${planted}abc, bogus: 1}"
check "a key given twice" shows_no_secret "      cluster:
        token: ${planted}abc
        token: ${planted}abc"
check "below a misspelt key of a registry" shows_no_secret "      machine:
        registries: {config: {ghcr.io: {auth: {username: u, passwrd: ${planted}abc}}}}"
check "in a URL" shows_no_secret "      machine:
        installl: http://user:${planted}@proxy"
check "a broken line" shows_no_secret "      cluster:
        token: ${planted}abc
        foo: ["
rm "$tree/sec.yaml"

hides_password() { # URL
	exits 1 timeout 10 "$OMNIOPS" agent --once --http off --omni "$omni" --source "$1" || return 1
	! grep -q $planted "$room/out" "$room/err"
}
check "of a source with a password" hides_password "git+https://user:$planted@127.0.0.1:1/x.git?ref=main"
check "of a source that is none" hides_password "https://user:$planted@127.0.0.1:1/x.git"

# --- whose it is ---
cluster one 1 >"$tree/one.yaml"
rm "$tree"/*.patch
agent() { timeout 30 "$OMNIOPS" agent --once --gate critical --omni "$omni" --http off --source "dir:$tree" "$@" >"$room/out" 2>&1; }
check "a first apply" agent
hand() { # ID CLUSTER
	mkdir -p "$room/omni/ConfigPatches.omni.sidero.dev"
	cat >"$room/omni/ConfigPatches.omni.sidero.dev/$1.yaml" <<-END
	metadata:
	    namespace: default
	    type: ConfigPatches.omni.sidero.dev
	    id: $1
	    version: 1
	    owner:
	    phase: running
	    created: 2024-01-01T00:00:00Z
	    updated: 2024-01-01T00:00:00Z
	    labels:
	        omni.sidero.dev/cluster: $2
	spec:
	    data: |
	        machine: {network: {hostname: byhand}}
	END
}
hand 900-ui one
hand 500-foreign other
sed -i 's/size: 1/size: 2/' "$tree/one.yaml"
check "a change is applied" agent
check "a patch made by hand stays" exists configpatches 900-ui
taken='patches: [{name: p, idOverride: 500-foreign, inline: {machine: {network: {hostname: taken}}}}]'
sed -i "s|  connectionRef: {name: main}|&\n  $taken|" "$tree/one.yaml"
refuses() { ! agent "$@"; }
check "the patch of another cluster is a conflict" refuses
check "… and stays as it is" grep -q byhand "$room/omni/ConfigPatches.omni.sidero.dev/500-foreign.yaml"
sed -i '/idOverride/d' "$tree/one.yaml"
check "without it all is well again" agent
check "… and it is still there" exists configpatches 500-foreign
sed -i 's/size: 2/size: 1/' "$tree/one.yaml"
check "another owner is refused" refuses --owner somebody-else
check "… and nothing was written" has_workers one 2

# --- a store that cannot be read ---
file=$room/omni/MachineSets.omni.sidero.dev/one-workers.yaml
cp "$file" "$room/keep"
printf 'metadata: [\n' >"$file"
check "a broken file of the store stops the plan" refuses
check "… nothing else is touched" test -e "$room/omni/MachineSets.omni.sidero.dev/one-control-planes.yaml"
cp "$room/keep" "$file"
check "repaired it goes on" agent
check "… to the end" has_workers one 1

# --- output that cannot be written ---
check "a full disk behind the output is an error" bash -c "! '$OMNIOPS' render '$tree' >/dev/full 2>/dev/null"
check "a reader that leaves is no crash" bash -c "set -o pipefail; '$OMNIOPS' render -o resources '$tree' | head -n 1 >/dev/null; [ \$? -lt 128 ] || [ \$? = 141 ]"

# --- a directory that is written in place ---
start_agent --gate critical --source "dir:$tree"
check "the agent is in sync" within 10 is_state one InSync
cp "$tree/one.yaml" "$room/good"
: >"$tree/one.yaml"
sleep 1.5
check "a document that was just emptied removes nothing" exists clusters one
cat "$room/good" >"$tree/one.yaml"
check "written it is in sync" within 15 is_state one InSync
check "nothing was destroyed meanwhile" bash -c "! grep -q '\"msg\":\"destroyed\"' '$room/log'"
stop_agent
finish
