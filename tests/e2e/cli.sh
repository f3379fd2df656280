#!/bin/bash
# The command line as a person uses it: help, examples, plan, apply, approve, delete, exit codes.
cd "$(dirname "$0")/../.." || exit 1
. tests/tap.sh
. tests/e2e/lib.sh

for command in render validate plan apply delete approve status health get snapshot agent crds explain completion version; do
	check "help of $command" exits 0 omniops "$command" --help
done
check "overview" exits 0 omniops
check "the manual page is up to date" bash -c '"$OMNIOPS" help man | cmp - docs/man/omniops.1'
check "an unknown command is named with the nearest" exits 1 omniops rendr
check "… and says so" complains 'is "render" meant?'
check "an unknown flag is named with the nearest" exits 1 omniops plan --aprove x
check "… and says so" complains '--approve'
check "a wrong choice lists the right ones" exits 1 omniops plan --gate low
check "… and says so" complains 'safe, disruptive, destructive, critical'
check "a flag from the environment is checked alike" exits 1 env OMNIOPS_GATE=low "$OMNIOPS" plan
check "… and its name is said" complains OMNIOPS_GATE
for shell in bash zsh fish; do check "completion for $shell" exits 0 omniops completion $shell; done
omniops completion bash >"$room/completion"
check "completion for bash is a script" bash -n "$room/completion"

for example in homelab/plan homelab/kubernetes edge fleet omnictl; do
	check "example $example is valid" exits 0 omniops validate "examples/$example"
	check "example $example is planned" exits 2 omniops plan --omni "dir:$room/ex-${example//\//-}" "examples/$example"
	check "example $example is applied" exits 0 omniops apply --omni "dir:$room/ex-${example//\//-}" "examples/$example"
	check "example $example has an empty plan then" exits 0 omniops plan --omni "dir:$room/ex-${example//\//-}" "examples/$example"
done
check "the homelab says the same as template and as custom resources" bash -c "
	diff <('$OMNIOPS' render -o resources examples/homelab/plan | grep -v '^ *#' | grep -A99 MachineSets) \
	     <('$OMNIOPS' render -o resources examples/homelab/kubernetes | grep -A99 MachineSets)"

mkdir "$room/in"
class >"$room/in/class.yaml"
cluster one 2 >"$room/in/one.yaml"
check "apply creates" exits 0 omniops apply --omni "$omni" "$room/in"
sed -i 's/size: 2/size: 1/' "$room/in/one.yaml"
check "a scale down is held in the plan" exits 3 omniops plan --omni "$omni" "$room/in"
check "as JSON" exits 3 omniops plan -o json --omni "$omni" "$room/in"
check "the JSON is JSON" python3 -c "import json,sys; p=json.load(open('$room/out')); sys.exit(not p['operations'] and not p['clusters'])"
check "as Markdown" exits 3 omniops plan -o markdown --omni "$omni" "$room/in"
check "apply holds it" exits 3 omniops apply --omni "$omni" "$room/in"
check "nothing was written" has_workers one 2
check "a wrong hash approves nothing" exits 3 omniops apply --omni "$omni" --approve 0123456789abcdef "$room/in"
hash=$(omniops plan --omni "$omni" "$room/in" | sed -n 's/.*apply --approve \([0-9a-f]*\).*/\1/p')
check "the right one does" exits 0 omniops apply --omni "$omni" --approve "$hash" "$room/in"
check "it was written" has_workers one 1
check "a dry run writes nothing" bash -c "sed -i 's/size: 1/size: 4/' '$room/in/one.yaml'; '$OMNIOPS' apply -n --omni '$omni' '$room/in'"
check "… indeed" has_workers one 1
check "delete is held" exits 3 omniops delete one --omni "$omni"
check "the cluster is there" exists clusters one
check "approved it goes" exits 0 omniops delete one --omni "$omni" --approve-all
check "the cluster is gone" is_gone clusters one
check "its machine sets, too" is_gone machinesets one-workers
check "deleting it again is an error" exits 1 omniops delete one --omni "$omni" --approve-all
check "status of nothing" exits 1 omniops status one --omni "$omni"

printf 'a: [\n' >"$room/in/broken.yaml"
check "a broken file: nothing is applied" exits 1 omniops apply --omni "$omni" "$room/in"
check "… with its place" complains 'broken.yaml:2:1'
check "… and nothing was" is_gone clusters one
check "no Omni is an error that says what to do" exits 1 omniops status
check "… that is" complains '--omni'
check "an unknown kind of store" exits 1 omniops status --omni nonsense
rm "$room/in/broken.yaml"
check "apply again" exits 0 omniops apply --omni "$omni" "$room/in"
check "snapshot" exits 0 omniops snapshot "$room/shot" --omni "$omni"
check "the snapshot plans like the original" exits 0 omniops plan --omni "dir:$room/shot" "$room/in"
check "standard input" bash -c "'$OMNIOPS' render - <'$room/in/one.yaml' | grep -q 'kind: Cluster'"
check "rendering to files" exits 0 omniops render --out "$room/rendered" "$room/in"
check "… makes one per cluster" test -s "$room/rendered/one.yaml"
finish
