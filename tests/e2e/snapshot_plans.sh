#!/bin/bash
# Plans against a snapshot are those against the Omni itself: operations, order, risks, differences, verdicts and hashes, for
# every example and for made-up clusters whose secrets stand in all kinds of places; and their hashes are good for approval.
set -u
cd "$ROOT" || exit 1
. tests/tap.sh
. tests/e2e/lib.sh
seed=${SEED:-1} rounds=${N:-20}

plan() { # store, input: the plan as JSON, without its store and what is random in it
	"$OMNIOPS" plan -o json --omni "$1" --gate safe "$2" 2>"$room/plan.err" | sed -E "s#$1##g; s/\((secret|text) [0-9a-f]{8}\)/(\1)/g"
	[ "${PIPESTATUS[0]}" != 1 ]
}
hash_of() { "$OMNIOPS" plan -o json --omni "$1" --gate safe "$2" 2>/dev/null | jq -r .hash; }
shot() { rm -rf "$room/shot" && "$OMNIOPS" snapshot "$room/shot" --omni "$omni" 2>"$room/plan.err" || { cat "$room/plan.err"; return 1; }; }
fill() { rm -rf "$room/omni" && "$OMNIOPS" apply --omni "$omni" --approve-all --yes "$1" >"$room/plan.err" 2>&1 || { cat "$room/plan.err"; return 1; }; }
equal() { # input
	plan "$omni" "$1" >"$room/online" && plan "dir:$room/shot" "$1" >"$room/offline" || { cat "$room/plan.err"; return 1; }
	cmp -s "$room/online" "$room/offline" || { diff "$room/online" "$room/offline"; return 1; }
}
operations() { jq '.operations | length' "$room/online"; }

# --- examples ---------------------------------------------------------------------------------------------------------

changed() { # folder: what a pull request may do to it
	find "$1" -name '*.yaml' -exec sed -i -E 's/(maxSize|size|machineCount): *([0-9])/\1: 1/; s/v1\.13\.3/v1.13.4/; s/vm_ssd/vm_hdd/; s/(ip_forward|certificates): .*/\1: "0"/' {} +
}
example() { # folder
	cp -r "$1" "$room/example" && fill "$room/example" && shot && equal "$room/example" && [ "$(operations)" = 0 ] || return 1
	changed "$room/example" && equal "$room/example" && [ "$(operations)" -gt 0 ] && rm -rf "$room/omni" "$room/shot" || return 1
	mkdir "$room/empty.$2" && "$OMNIOPS" snapshot "$room/shot" --omni "dir:$room/empty.$2" 2>/dev/null
	omni=dir:$room/empty.$2 equal "$room/example" && [ "$(operations)" -gt 0 ]
	local ok=$?
	rm -rf "$room/example" "$room/shot"
	return $ok
}
number=0
for folder in examples/fleet examples/edge examples/homelab/kubernetes examples/homelab/plan examples/omnictl; do
	number=$((number + 1))
	check "$folder: unchanged, changed and new" example "$folder" $number
done

# --- made-up clusters -------------------------------------------------------------------------------------------------

cat >"$room/make.py" <<'END'
import random, sys
folder, seed, turn = sys.argv[1], sys.argv[2], int(sys.argv[3])
base = random.Random(f"{seed}/base")       # what both turns have in common
chance = random.Random(f"{seed}/{turn}")   # what a pull request changes
secrets = ["hunter2", "correct-horse", "Tr0ub4dor&3aAbBcCdDeE", "x", "ünïcode-päss", "with: colon # and more", "line\\nbreak", "0", "yes"]
def pick(kind, options):
    """The same in both turns, but for a few places."""
    value = base.choice(options)
    other = chance.choice(options)
    return other if turn and chance.random() < 0.3 else value
def secret(): return pick("secret", secrets)
def word(): return pick("word", ["a", "b", "plain", "1", "true", "some longer text that will have to be folded by the writer of documents somewhere"])
def quote(text): return '"' + text.replace('"', '\\"') + '"'
def patch(indent):
    lines = base.choice([
        lambda: ["machine:", f"  env: {{API_TOKEN: {quote(secret())}, PLACE: {quote(word())}}}"],
        lambda: ["machine:", "  registries:", "    config:", "      ghcr.io:", f"        auth: {{username: {quote(word())}, password: {quote(secret())}}}"],
        lambda: ["machine:", "  files:", f"  - {{path: /var/etc/{base.randint(0, 9)}, op: create, permissions: 0o600, content: {quote('password=' + secret())}}}"],
        lambda: ["machine:", f"  sysctls: {{net.core.somaxconn: {quote(str(pick('n', [1, 2, 3])))}}}"],
        lambda: ["cluster:", "  inlineManifests:", f"  - name: m{base.randint(0, 9)}", f"    contents: {quote('kind: Secret' + chr(92) + 'nstringData: {k: ' + 'AbCdEfGhIjKlMnOpQrSt0123' + word() + '}')}"],
        lambda: ["machine:", f"  env: {{A_TOKEN: {quote(secret())}, B_TOKEN: {quote(secret())}, C_SECRET: {quote(secret())}}}"],
    ])()
    return [indent + line for line in lines]
def comment(): return pick("comment", ["", " # token: in-a-comment", " # harmless"])
names = [f"c{i}" for i in range(2)]
with open(f"{folder}/class.yaml", "w") as out:
    out.write("metadata: {namespace: default, type: MachineClasses.omni.sidero.dev, id: any}\n"
              f"spec:\n  matchlabels: [{quote('omni.sidero.dev/arch = ' + pick('arch', ['amd64', 'arm64']))}]\n")
for name in names:
    if turn and chance.random() < 0.2:
        continue
    docs = [["kind: Cluster", f"name: {name}", "kubernetes: {version: v1.35.1}", f"talos: {{version: {pick('v', ['v1.13.3', 'v1.13.4'])}}}",
             f"annotations: {{note: {quote(word())}, api-token: {quote(secret().replace(chr(92), ''))}}}", "patches:"]]
    for i in range(base.randint(1, 4)):
        written = patch("    ")
        if base.random() < 0.5:
            docs[0] += [f"- name: p{i}", "  inline:"] + written
        else:
            with open(f"{folder}/{name}-{i}.yaml", "w") as out:
                out.write("\n".join(line[4:] for line in written) + comment() + "\n")
            docs[0] += [f"- name: p{i}", f"  file: {name}-{i}.yaml"]
    docs.append(["kind: ControlPlane", "machineClass: {name: any, size: 3}", "patches:", "- name: cp", "  inline:"] + patch("    "))
    for i in range(base.randint(0, 2)):
        docs.append(["kind: Workers", f"name: w{i}", f"machineClass: {{name: any, size: {pick('size', [1, 2, 3])}}}"])
    with open(f"{folder}/{name}.yaml", "w") as out:
        out.write("\n---\n".join("\n".join(doc) for doc in docs) + "\n")
END
made_up() { # seed
	rm -rf "$room/was" "$room/will" && mkdir "$room/was" "$room/will"
	python3 "$room/make.py" "$room/was" "$1" 0 && python3 "$room/make.py" "$room/will" "$1" 1 || return 1
	fill "$room/was" && shot && equal "$room/was" && [ "$(operations)" = 0 ] && equal "$room/will" || { echo "seed $1"; return 1; }
	total=$((total + $(operations)))
	grep -q '(secret)' "$room/online" && shown=$((shown + 1))
	return 0
}
total=0 shown=0
all_made_up() {
	local i
	for i in $(seq "$rounds"); do made_up "$seed-$i" || return 1; done
	echo "$total operations, secrets in $shown plans"
	[ $total -gt "$rounds" ] && [ $shown -gt $((rounds / 4)) ]
}
check "$rounds made-up fleets (SEED=$seed): the plans are equal" all_made_up

# --- what a hash says of secrets ---------------------------------------------------------------------------------------

mkdir "$room/one"
one() { # token, sysctl
	printf 'kind: Cluster\nname: one\nkubernetes: {version: v1.35.1}\ntalos: {version: v1.13.3}\npatches:\n- name: p\n  inline: {machine: {env: {A_TOKEN: "%s", B_TOKEN: "%s"}, sysctls: {a: "%s"}}}\n---\nkind: ControlPlane\nmachines: []\n' \
		"$1" "${3:-b}" "$2" >"$room/one/one.yaml"
}
hash_when() { # token and sysctl in Omni; token and sysctl declared: over the snapshot
	one "$1" "$2" "${5:-b}" && fill "$room/one" && shot && one "$3" "$4" "${6:-b}" && equal "$room/one" && hash_of "dir:$room/shot" "$room/one"
}
a=$(hash_when old 0 new 1)
check "a plan has a hash" test ${#a} = 64
check "… the same every time" test "$(hash_when old 0 new 1)" = "$a"
check "… whatever the secret was that goes" test "$(hash_when older 0 new 1)" = "$a"
check "… but another for another secret that comes" test "$(hash_when old 0 newer 1)" != "$a"
check "… and when the secret stays" test "$(hash_when new 0 new 1)" != "$a"
check "… and when it was at another place" test "$(hash_when old 0 new 1 new b)" != "$a"
check "… and for anything else" test "$(hash_when old 2 new 1)" != "$a"

# --- approval ----------------------------------------------------------------------------------------------------------

hash_when old 0 new 1 >/dev/null
check "the plan is held" exits 3 omniops apply --omni "$omni" --gate safe --yes "$room/one"
check "another plan's hash does not let it through" exits 3 omniops apply --omni "$omni" --gate safe --yes --approve "${a//[0-7]/8}" "$room/one"
check "the hash of the snapshot's does" exits 0 omniops apply --omni "$omni" --gate safe --yes --approve "$(hash_of "dir:$room/shot" "$room/one")" "$room/one"
check "… and it is done" bash -c "grep -rq 'A_TOKEN: new' '$room/omni'"
finish
