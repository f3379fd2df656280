#!/bin/bash
# validate --online: faults that only an Omni knows, in every form, with nothing written; and without the flag nothing is asked.
set -u
cd "$ROOT" || exit 1
. tests/tap.sh
. tests/e2e/lib.sh
. tests/rig/omni/lib.sh
trap 'omni_stop; rm -rf "$room"' EXIT
trap 'exit 1' INT TERM

# --- a directory knows classes ------------------------------------------------------------------------------------------

mkdir "$room/in"
cluster one 2 >"$room/in/one.yaml"
check "a class that is not in the documents is fine offline" exits 0 omniops validate "$room/in"
check "… also where an Omni is named" exits 0 env OMNI_ENDPOINT=https://127.0.0.1:1 "$OMNIOPS" validate "$room/in"
check "online it has to be there" exits 1 omniops validate --online --omni "$omni" "$room/in"
check "… told at its place" says 'one.yaml:14:24: error: OmniControlPlane/one: spec.machineClass.name: there is no machine class "any"'
check "… and counted" says '2 errors'
check "as annotations, too" exits 1 omniops validate --online -o github --omni "$omni" "$room/in"
check "… at the line" says 'one.yaml,line=14'
class >"$room/in/class.yaml"
check "one among the documents is there" exits 0 omniops validate --online --omni "$omni" "$room/in"
check "… and nothing was written" bash -c "! '$OMNIOPS' get machineclasses --omni '$omni' | grep -q any"
echo '- nonsense: [' >"$room/in/bad.yaml"
check "other faults are told besides" exits 1 omniops validate --online --omni "$omni" "$room/in"
check "… as ever" says 'bad.yaml:'
check "an Omni that does not answer is an error" exits 1 omniops validate --online --omni http://127.0.0.1:1 --timeout 1s "$room/in"
check "… beside what was found" says 'bad.yaml:'
rm "$room/in/bad.yaml"

# --- the real one knows versions ----------------------------------------------------------------------------------------

omni_need "a real Omni knows versions"
omni_start facts || { fail "Omni starts"; finish; }
omni_account see Reader
export OMNI_ENDPOINT=$omni_endpoint SSL_CERT_FILE=$omni_ca OMNIOPS_OMNI_KEY_FILE=$omni_dir/see.key
online() { omni_in "$OMNIOPS" validate --online "$@" "$room/in"; }
check "versions are offered" within 20 omni_offers 1.13.3 1.35.1
check "what Omni has is fine, and a reader may ask" exits 0 online
sed -i 's/v1.13.3/v1.13.99/' "$room/in/one.yaml"
check "a version that it does not offer is a fault" exits 1 online
check "… at its place" says 'one.yaml:7:20: error: OmniCluster/one: spec.talos.version'
check "… for programs, too" exits 1 online -o json
check "… with the line" bash -c "python3 -c 'import json; print(json.load(open(\"$room/out\")))' | grep -q \"'line': 7\""
check "… and offline none" exits 0 omniops validate "$room/in"
check "nothing was written" test -z "$(omni_ctl get clusters 2>/dev/null | tail -n +2)"
finish
