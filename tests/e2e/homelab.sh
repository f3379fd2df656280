#!/bin/bash
# docs/homelab.md, block by block as it stands, against the real Omni with the provider that it speaks of. Only names of
# hosts, the folder of the service and the hash of a plan are other ones here. The unit is run by what systemd does with
# it: its environment file, its credential, its ExecStart.
#
# Where there is no emulator, the provider makes no machines: blocks `with machines` are run where they are played, with the
# same declarations, and those `with Kubernetes` are skipped.
set -u
cd "$ROOT" || exit 1
. tests/tap.sh
. tests/e2e/lib.sh
. tests/rig/omni/lib.sh
. tests/rig/cosi/lib.sh
trap 'end_service; omni_stop; cosi_stop; rm -rf "$room"' EXIT
trap 'exit 1' INT TERM
omni_need "a fleet at home"
if omni_machines_possible; then
	machines=emulated
	omni_start homelab -provided 8 || { fail "Omni starts"; finish; }
else
	machines=played
	omni_start homelab || { fail "Omni starts"; finish; }
	cosi_need "a fleet at home, with machines"
	cosi_start homelab -play -pace 0.1 || { fail "a server with machines starts"; finish; }
fi

unit=$ROOT/deploy/systemd/omniops.service
mkdir -p "$room/bin" "$room/work" "$room/service"
ln -s "$ROOT/examples" "$room/work/examples"
git init -q --bare -b main "$room/fleet.git"
export room unit ROOT omnictl OMNIOPS omni_endpoint omni_ca
rig_key=$(cat "$omni_key")
export rig_key

# --- the programs that a home has -------------------------------------------------------------------------------------

program() { cat >"$room/bin/$1" && chmod +x "$room/bin/$1"; }
program omnictl <<'END'
#!/bin/sh
OMNI_ENDPOINT=$omni_endpoint OMNI_SERVICE_ACCOUNT_KEY=$rig_key HOME=$room exec "$omnictl" "$@"
END
program omniops <<'END'
#!/bin/sh
exec env -u rig_key "$OMNIOPS" "$@"
END
program sudo <<'END'
#!/bin/sh
exec "$@"
END
# kubectl get nodes, where there is no kubectl: names, and whether they are ready.
program kubectl <<'END'
#!/bin/bash
set -eu
[ "$1 $3 $4" = "--kubeconfig get nodes" ]
server=$(sed -n 's/^ *server: //p' "$2") token=$(sed -n 's/^ *token: //p' "$2")
curl -fsS ${SSL_CERT_FILE:+--cacert "$SSL_CERT_FILE"} -H "Authorization: Bearer $token" "$server/api/v1/nodes" | python3 -c '
import json, sys
for node in json.load(sys.stdin)["items"]:
    conditions = {it["type"]: it["status"] for it in node["status"]["conditions"]}
    print(node["metadata"]["name"], "Ready" if conditions.get("Ready") == "True" else "NotReady")'
END
# systemctl enable --now, restart, reload: what systemd makes of the unit, without its users and name spaces.
program systemctl <<'END'
#!/bin/bash
set -eu
of() { sed -n "s/^$1=//p" "$unit"; }
here() { sed "s#/etc/omniops#$room/etc#g; s#%C#$room/service/cache#g; s#%S#$room/service/state#g" <<<"$1"; }
if [ "$1" = reload ]; then
	[ "$(of ExecReload)" = '/bin/kill -HUP $MAINPID' ]
	exec kill -HUP "$(cat "$room/service/pid")"
fi
if [ -s "$room/service/pid" ]; then
	kill -TERM "$(cat "$room/service/pid")"
	while kill -0 "$(cat "$room/service/pid")" 2>/dev/null; do sleep 0.05; done
fi
variables=()
while IFS= read -r line; do
	case $line in '' | '#'*) ;; *) variables+=("$line") ;; esac
done <"$(here "$(of EnvironmentFile)")"
credential=$(of LoadCredential)
mkdir -p "$room/service/credentials"
(umask 077; cp -f "$(here "${credential#*:}")" "$room/service/credentials/${credential%%:*}")
read -ra words <<<"$(here "$(of ExecStart)")"
[ "${words[0]}" = /usr/local/bin/omniops ]
setsid env -i PATH=/usr/bin:/bin "SSL_CERT_FILE=$omni_ca" "CREDENTIALS_DIRECTORY=$room/service/credentials" "${variables[@]}" \
	"$OMNIOPS" "${words[@]:1}" </dev/null >>"$room/log" 2>&1 &
echo $! >"$room/service/pid"
END
end_service() { [ ! -s "$room/service/pid" ] || kill -TERM "$(cat "$room/service/pid")" 2>/dev/null; }

# --- the document -----------------------------------------------------------------------------------------------------

block() { # number: its lines, as they stand
	awk -v wanted="$1" '/^```sh/ { n++; inside = 1; next } /^```/ { inside = 0 } inside && n == wanted' docs/homelab.md
}
with_of() { awk -v wanted="$1" '/^```sh/ && ++n == wanted { print $2 == "with" ? $3 : "" }' docs/homelab.md; }
code_of() { awk -v wanted="$1" '/^```sh/ && ++n == wanted { print $NF ~ /^[0-9]+$/ ? $NF : 0 }' docs/homelab.md; }
blocks=$(grep -c '^```sh' docs/homelab.md)
hash=none
# One shell for all, as for a reader: what a block exports the next one has.
run_block() { # number
	block "$1" | sed "s#git+https://git.example.org/fleet.git#git+file://$room/fleet.git#; s#https://git.example.org#file://$room#
		s#https://omni.example.org#$omni_endpoint#; s#/etc/omniops#$room/etc#g; s#1a2b3c4d5e6f7a8b#$hash#" >"$room/block"
	local code=0 there=omni_in
	[ "$machines" = emulated ] || [ -z "$(with_of "$1")" ] || there=where_played
	(
		cd "$room/work" && PATH=$room/bin:$PATH && export PATH SSL_CERT_FILE="$omni_ca"
		[ ! -s "$room/exports" ] || . "$room/exports"
		"$there" bash -euo pipefail "$room/block"
	) >"$room/out" 2>&1 </dev/null || code=$?
	grep -h '^export ' "$room/block" | sed "s#\$PWD#$room/work#" >>"$room/exports"
	[ "$code" = "$(code_of "$1")" ] || { echo "exits with $code:"; cat "$room/block" "$room/out"; return 1; }
}
where_played() { # what is declared is applied there first
	export OMNI_ENDPOINT=$cosi_endpoint OMNIOPS_OMNI_KEY_FILE=$cosi_key
	"$OMNIOPS" apply --yes --approve-all fleet && "$@"
}
number_of() { awk -v text="$1" '/^```sh/ { n++; inside = 1; next } /^```/ { inside = 0 } inside && index($0, text) { print n; exit }' docs/homelab.md; }
step=0
# runs TEXT TITLE: every block up to and with the one that has this text
runs() {
	local last
	last=$(number_of "$1")
	[ -n "$last" ] || { fail "$2: no block with $1"; return; }
	while [ "$step" -lt "$last" ]; do
		run_next "$2"
	done
}
run_next() { # TITLE: the block after the last one
	step=$((step + 1))
	if [ "$machines" = played ] && [ "$(with_of "$step")" = Kubernetes ]; then
		skip "$1 (block $step)" "no machine emulator"
	else
		check "$1 (block $step)" run_block "$step"
	fi
}
clusters() { omni_in curl -fsS http://127.0.0.1:8080/api/v1/clusters; }
page_says() { clusters | grep -qF -- "$1"; }
workers_there() { omni_ctl get machinesets talos-prod-01-workers -o yaml | sed -n 's/.*machinecount: //p'; }
has_there() { [ "$(workers_there)" = "$1" ]; }
plan_hash_there() { clusters | python3 -c 'import json, sys; print(next(c["plan"]["hash"] for c in json.load(sys.stdin)["clusters"] if c.get("cluster", c.get("name")) == "talos-prod-01"))'; }
# The lines of the README's short form stand in the document, too.
readme_agrees() {
	local line found=0
	while IFS= read -r line; do
		found=$((found + 1))
		grep -qxF -- "$line" docs/homelab.md || { echo "not in docs/homelab.md: $line"; return 1; }
	done < <(awk '/^## At home/ { here = 1 } here && /^```sh/ { inside = 1; next } /^```/ { if (inside) exit } inside' README.md)
	[ "$found" -gt 5 ]
}

if [ "$machines" = emulated ]; then
	check "a provider announces itself, and makes machines" omni_provider_machines proxmox
else
	check "a provider announces itself" omni_provider proxmox
fi
runs "omniops status" "an account"
check "… is an Operator's, as the server says" grep -q 'as omniops' "$room/out"
check "… whose key others cannot read" test "$(stat -c %a "$room/work/omni.key")" = 600
runs infraproviderstatuses "the provider"
check "… is listed" grep -q proxmox "$room/out"
runs "omniops validate" "declarations in Git"
runs "omniops plan" "a plan"
check "… says what would be made" grep -q 'talos-prod-01' "$room/out"
runs "template diff" "an apply"
check "… after which omnictl has nothing to say" test "$(grep -c '^[-+]' "$room/out")" = 0
check "… and there are two workers" has_there 2
runs "health talos-prod-01 --wait" "machines"
check "… are all ready in the end" grep -q '^Cluster "talos-prod-01" RUNNING Ready (5/5)' "$room/out"
runs "get nodes" "a kubeconfig"
[ "$machines" = played ] || check "… shows five nodes" [ "$(grep -c ' Ready$' "$room/out")" = 5 ]
runs "systemctl enable" "the agent"
check "… is in sync" within 30 page_says '"state": "InSync"'
runs "api/v1/clusters" "its page"
check "… has the cluster" grep -q talos-prod-01 "$room/out"
runs "one worker less" "a commit that takes a machine away"
check "… is held" within 20 page_says '"state": "Held"'
hash=$(plan_hash_there)
runs "omniops approve" "an approval"
check "… is carried out" within 20 has_there 1
run_next "the cluster"
check "… is ready without it" grep -q '^Cluster "talos-prod-01" RUNNING Ready (4/4)' "$room/out"
no_key_in_environ() {
	local part
	part=$(cut -c 300-340 "$room/work/omni.key")
	[ -n "$part" ] && ! tr '\0' '\n' <"/proc/$(cat "$room/service/pid")/environ" | grep -qF "$part"
}
check "the service has the key, but not in its environment" no_key_in_environ
old=$(sha256sum <"$room/work/omni.key")
runs "serviceaccount renew" "a new key"
check "… is another one" test "$old" != "$(sha256sum <"$room/work/omni.key")"
check "… and is used" within 30 page_says '"state": "InSync"'
check "every block was run" test "$step" = "$blocks"
check "the README's short form is this document's" readme_agrees
finish
