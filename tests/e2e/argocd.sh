#!/bin/bash
# The Argo CD plugin as cmp-server runs it: a private copy of the repository below _cmp_server, the application's directory
# as working directory, nothing on standard input, arguments untouched, settings in the environment.
cd "$(dirname "$0")/../.." || exit 1
. tests/tap.sh
. tests/e2e/lib.sh
plugin=$B/omniops-argocd
repository=$room/_cmp_server/0b5a/
mkdir -p "$repository/apps/prod" "$repository/shared"

# run DIRECTORY [VARIABLE=VALUE…] ARGUMENT…
run() {
	local directory=$1
	shift
	(cd "$directory" && exec env -i PATH=/usr/bin:/bin "$@" </dev/null)
}
generate() { # VARIABLE=VALUE…: in the application, with the variables that Argo CD always sets
	run "$repository/apps/prod" ARGOCD_APP_NAME=prod ARGOCD_APP_NAMESPACE=omni ARGOCD_APP_REVISION=0123456789abcdef \
		ARGOCD_APP_SOURCE_PATH=apps/prod KUBE_VERSION=1.34 ARGOCD_APP_PARAMETERS=null "$@" "$plugin" generate
}
kinds() { sed -n 's/^kind: //p' "$room/out" | tr '\n' ' '; }
are() { [ "$("$1")" = "$2 " ] || { echo "$("$1"), not $2"; return 1; }; }
stays_silent() { [ ! -s "$room/$1" ] || { cat "$room/$1"; return 1; }; }
says_not() { ! grep -nF -- "$1" "$room/out"; }

cluster prod 2 >"$repository/apps/prod/prod.yaml"

# --- what is printed
check "the objects and a ConfigMap come out" exits 0 generate
check "… in order of version and kind" are kinds "OmniCluster OmniControlPlane OmniWorkers ConfigMap"
check "… with the template in it" says '    kind: ControlPlane'
check "… and nothing is said" stays_silent err
cp "$room/out" "$room/first"
check "… that asks before a cluster is deleted" says 'argocd.argoproj.io/sync-options: Delete=confirm,Prune=confirm'
check "it can be told not to ask" exits 0 generate ARGOCD_APP_PARAMETERS='[{"name":"confirm-delete","string":"false"}]'
check "… and does not" says_not 'Delete=confirm'
check "render-only prints the ConfigMap alone" exits 0 generate ARGOCD_APP_PARAMETERS='[{"name":"mode","string":"render-only"}]'
check "… and no object" are kinds ConfigMap
check "variables do where there is no list" exits 0 run "$repository/apps/prod" PARAM_MODE=render-only "$plugin" generate
check "… as well" are kinds ConfigMap

# --- the same bytes always
same() { # VARIABLE=VALUE…
	exits 0 generate "$@" && cmp "$room/out" "$room/first"
}
check "twice the same" same
check "the same elsewhere" same TZ=Pacific/Chatham LANG=tr_TR.UTF-8 LC_ALL=tr_TR.UTF-8 HOME=/nonexistent TMPDIR=/nonexistent
check "the same at another commit" same ARGOCD_APP_REVISION=ffffffffffffffff ARGOCD_APP_NAME=other KUBE_VERSION=1.35.1
other=$room/_cmp_server/77aa
mkdir -p "$other/apps/prod"
csplit -s -z -f "$room/part" "$repository/apps/prod/prod.yaml" '/^---$/' '{*}'
for part in 02 00 01; do # created in another order; names and order of the files do not show
	cp "$room/part$part" "$other/apps/prod/$((9 - 10#$part)).yaml"
done
check "the same from other files in another place" bash -c "cd '$other/apps/prod' && ARGOCD_APP_NAMESPACE=omni '$plugin' generate | cmp - '$room/first'"

# --- namespaces
mkdir "$repository/apps/bare"
sed 's/, namespace: omni}/}/' "$repository/apps/prod/prod.yaml" >"$repository/apps/bare/all.yaml"
bare() { run "$repository/apps/bare" "$@" "$plugin" generate; }
check "objects without a namespace are those of the destination" exits 0 bare ARGOCD_APP_NAMESPACE=omni
check "… in every byte" cmp "$room/out" "$room/first"
sed -i '0,/metadata: {name: prod}/s//metadata: {name: prod, namespace: omni}/' "$repository/apps/bare/all.yaml"
check "… and join those that name it" exits 0 bare ARGOCD_APP_NAMESPACE=omni
check "… but not of another" exits 1 bare ARGOCD_APP_NAMESPACE=elsewhere
check "… which is said" complains 'no OmniCluster "prod" is declared in namespace elsewhere'
check "a namespace that is none is refused" exits 1 bare ARGOCD_APP_NAMESPACE=No/Where

# --- parameters
parameter() { exits 1 generate ARGOCD_APP_PARAMETERS="$1"; }
check "an unknown parameter" parameter '[{"name":"mod","string":"x"}]'
check "… is named, with those that are known" complains 'unknown parameter "mod"; the known ones are mode, paths, confirm-delete, allow-empty, rules, job-image'
check "a wrong value" parameter '[{"name":"mode","string":"dry"}]'
check "… is named with the right ones" complains 'parameter mode: "dry" is none of pass-through, render-only, job'
check "a list for a text" parameter '[{"array":["a"],"name":"mode"}]'
check "… is named" complains 'parameter mode: give a string'
check "a text for a list" parameter '[{"name":"paths","string":"a"}]'
check "… is named" complains 'parameter paths: give an array'
check "no list of parameters" parameter '{"name":"mode"}'
check "broken JSON" parameter '[{'
check "parameters that are not filled in" exits 0 generate ARGOCD_APP_PARAMETERS='[{"name":"mode"},{"name":"rules","string":""},{"array":[],"name":"paths"}]'
cluster shared 1 >"$repository/shared/shared.yaml"
check "paths, also beside the application" exits 0 generate ARGOCD_APP_PARAMETERS='[{"array":["prod.yaml","../../shared"],"name":"paths"}]'
check "… are read" says 'name: shared-omni-template'
check "paths as variables" exits 0 run "$repository/apps/prod" PARAM_PATHS_0=prod.yaml PARAM_PATHS_1=../../shared "$plugin" generate
check "… are read" says 'name: shared-omni-template'
mkdir -p "$room/_cmp_server/secret" && cluster secret 1 >"$room/_cmp_server/secret/a.yaml"
check "paths outside of the repository" parameter '[{"array":["../../../secret"],"name":"paths"}]'
check "… are refused" complains 'is not inside of the repository'
check "absolute paths" parameter "[{\"array\":[\"$room/_cmp_server/secret\"],\"name\":\"paths\"}]"
check "… but those inside are read" exits 0 generate ARGOCD_APP_PARAMETERS="[{\"array\":[\"${repository}apps/prod\"],\"name\":\"paths\"}]"
check "a path that is not there" parameter '[{"array":["gone.yaml"],"name":"paths"}]'
check "the parameters for the form" exits 0 "$plugin" parameters
check "… are JSON with every parameter" bash -c "tr -d '\n' <'$room/out' | grep -qE '^\[(\{[^{}]*\},? ?){9}\]\$'"

check "parameters from the Application's environment" exits 0 generate ARGOCD_ENV_MODE=render-only
check "… count" are kinds ConfigMap
check "… less than its parameters" exits 0 generate ARGOCD_ENV_MODE=render-only ARGOCD_APP_PARAMETERS='[{"name":"mode","string":"pass-through"}]'
check "… which win" are kinds "OmniCluster OmniControlPlane OmniWorkers ConfigMap"
check "… also paths" exits 0 generate ARGOCD_ENV_PATHS_0=../../shared ARGOCD_APP_PARAMETERS='[{"array":["prod.yaml"],"name":"paths"}]'
check "… as a whole" says_not 'name: shared'
check "a wrong value there" exits 1 generate ARGOCD_ENV_MODE=dry
check "… is named" complains 'ARGOCD_ENV: parameter mode: "dry"'

# --- secrets
mkdir "$repository/apps/secret"
sed 's/^  talos:.*/&\n  patches: [{name: files, inline: {machine: {registries: {config: {a: {auth: {password: hunter2}}}}}}}]/' "$repository/apps/prod/prod.yaml" >"$repository/apps/secret/all.yaml"
hidden() { sed -n 's/^ *password: //p' "$room/out" | tail -n 1; }
secret() { exits 0 run "$repository/apps/secret" "$@" "$plugin" generate && hidden >>"$room/hidden"; }
check "a secret" secret
check "… is a hash" grep -qxE 'sha256:[0-9a-f]{12}' "$room/hidden"
check "with a key" secret OMNIOPS_MASK_KEY=one
check "… it is another" bash -c "sed -n 2p '$room/hidden' | grep -qxE 'keyed:[0-9a-f]{12}'"
check "the same key again" secret OMNIOPS_MASK_KEY=one
check "another key" secret OMNIOPS_MASK_KEY=two
check "… is another hash" bash -c "[ \$(sort -u '$room/hidden' | wc -l) = 3 ]"

# --- files of the repository
mkdir -p "$repository/patches" && echo 'machine: {sysctls: {a: b}}' >"$repository/patches/sysctl.yaml"
sed 's/^  talos:.*/&\n  templateRoot: .\n  patches: [{name: sysctl, file: patches\/sysctl.yaml}]/' "$repository/apps/prod/prod.yaml" >"$repository/apps/with-file.yaml"
check "a patch file anywhere in the repository" exits 0 generate ARGOCD_APP_PARAMETERS='[{"array":["../with-file.yaml"],"name":"paths"}]'
check "… is named in the template" says 'file: patches/sysctl.yaml'
check "… and shown beside it" says '  name: prod-omni-files'
check "… with what it says" bash -c "sed -n '/patches_sysctl.yaml: |/,/^---/p' '$room/out' | grep -q 'machine: {sysctls: {a: b}}'"
cp "$room/out" "$room/before"
echo 'machine: {sysctls: {a: c}, registries: {config: {a: {auth: {password: hunter2}}}}}' >"$repository/patches/sysctl.yaml"
check "… so that a change of it is seen" exits 0 generate ARGOCD_APP_PARAMETERS='[{"array":["../with-file.yaml"],"name":"paths"}]'
check "… in it alone" bash -c "diff '$room/before' '$room/out' | grep -c '^[<>]' | grep -qxE '[2-9]|1[0-2]'"
check "… without secrets" bash -c "grep -q 'sha256:' '$room/out' && ! grep hunter2 '$room/out'"
sed 's/patches\/sysctl/..\/secret\/a/' "$repository/apps/with-file.yaml" >"$repository/apps/outside.yaml"
check "… but none outside" parameter '[{"array":["../outside.yaml"],"name":"paths"}]'

# --- job
job() { generate ARGOCD_ENV_MODE=job ARGOCD_ENV_JOB_IMAGE=reg/omniops:v1 "$@"; }
{ class; echo ---; cat "$repository/apps/with-file.yaml"; echo ---; cluster asleep 1 | sed '0,/^spec:/s//&\n  suspend: true/'; } >"$repository/apps/job.yaml"
job_paths='[{"array":["../job.yaml"],"name":"paths"}]'
check "a Job has to know its image" exits 1 generate ARGOCD_ENV_MODE=job
check "… which is said" complains 'parameter job-image'
check "… and its Omni" exits 1 job ARGOCD_APP_PARAMETERS="$job_paths"
check "… which is said" complains 'OmniMachineClass/any: mode job has to know which Omni'
check "… and only a gate that there is" exits 1 job ARGOCD_ENV_JOB_GATE=open
check "with all of it" exits 0 job ARGOCD_APP_PARAMETERS="$job_paths" ARGOCD_ENV_JOB_ENDPOINT="$omni" ARGOCD_ENV_JOB_SECRET=key
check "… it comes behind the ConfigMaps" are kinds "ConfigMap ConfigMap ConfigMap ConfigMap Secret Job"
cp "$room/out" "$room/job"
check "… the same each time" exits 0 job ARGOCD_APP_PARAMETERS="$job_paths" ARGOCD_ENV_JOB_ENDPOINT="$omni" ARGOCD_ENV_JOB_SECRET=key
check "… in every byte" cmp "$room/out" "$room/job"
check "… with what looks secret in the Secret alone" bash -c "sed '/^kind: Secret/,/^---/d' '$room/job' | grep -c hunter2 | grep -qx 0 && grep -q hunter2 '$room/job'"
{ cat "$repository/apps/job.yaml"; printf -- '---\napiVersion: omni.texashpc.com/v1alpha1\nkind: OmniConnection\nmetadata: {name: main, namespace: omni}\nspec: {endpoint: "https://omni.example.org", auth: {serviceAccountSecretRef: {name: it, key: is}}}\n'; } >"$repository/apps/connected.yaml"
check "an OmniConnection says where, too" exits 0 job ARGOCD_APP_PARAMETERS='[{"array":["../connected.yaml"],"name":"paths"}]'
check "… in the arguments" says '- https://omni.example.org'
check "… and whose key" says 'secretName: it'
cat >"$room/lay.py" <<'END'
# What the kubelet and the container runtime make of it: files in the folder given, arguments on standard output.
import os, sys, yaml
documents = list(yaml.safe_load_all(open(sys.argv[1])))
job = [d for d in documents if d['kind'] == 'Job'][0]['spec']['template']['spec']
secrets = {d['metadata']['name']: d['stringData'] for d in documents if d['kind'] == 'Secret'}
for source in job['volumes'][0]['projected']['sources']:
    for item in source['secret']['items']:
        path = os.path.join(sys.argv[2], item['path'])
        os.makedirs(os.path.dirname(path), exist_ok=True)
        open(path, 'w').write(secrets[source['secret']['name']][item['key']])
for argument in job['containers'][0]['args']:
    print(argument.replace('/omniops/declarations', sys.argv[2]).replace('/omniops/key/key', '/dev/null'))
END
if ! python3 -c 'import yaml' 2>/dev/null; then
	skip "what the Job runs" "Python's yaml is missing"
elif [ ! -x "$OMNIOPS" ]; then
	skip "what the Job runs" "omniops is not built"
else
	python3 "$room/lay.py" "$room/job" "$room/laid" >"$room/arguments"
	mapfile -t arguments <"$room/arguments"
	check "the Job applies" exits 0 omniops "${arguments[@]}"
	check "… the cluster" test -s "$room/omni/Clusters.omni.sidero.dev/prod.yaml"
	check "… its patch file" grep -rq hunter2 "$room/omni/ConfigPatches.omni.sidero.dev"
	check "… the machine class" test -s "$room/omni/MachineClasses.omni.sidero.dev/any.yaml"
	check "… and not what is suspended" test ! -e "$room/omni/Clusters.omni.sidero.dev/asleep.yaml"
	check "the Job once more" exits 0 omniops "${arguments[@]}"
fi

# --- nothing, or not all
mkdir "$repository/apps/empty" && printf 'replicas: 3\n' >"$repository/apps/empty/values.yaml"
printf 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n' >"$repository/apps/empty/other.yaml"
check "no declaration is an error" exits 1 run "$repository/apps/empty" "$plugin" generate
check "… that says what to look at" complains 'spec.source.path'
check "… and nothing is printed" stays_silent out
check "unless that is meant" exits 0 run "$repository/apps/empty" "$plugin" generate --allow-empty
check "… or as a parameter" exits 0 run "$repository/apps/empty" PARAM_ALLOW_EMPTY=true "$plugin" generate
check "… then the rest comes out" are kinds ConfigMap
mkdir "$repository/apps/broken"
cp "$repository/apps/prod/prod.yaml" "$repository/apps/broken/a.yaml"
printf 'apiVersion: v1\nkind: Secret\nmetadata: {name: s}\nstringData: {password: hunter2}\n---\na: [hunter2\n' >"$repository/apps/broken/b.yaml"
check "one broken file" exits 1 run "$repository/apps/broken" "$plugin" generate
check "… and nothing is printed" stays_silent out
check "… is located from the top of the repository" complains 'apps/broken/b.yaml:'
check "… without its text" bash -c "! grep hunter2 '$room/err'"
check "… what and where in the first line" bash -c "head -n 1 '$room/err' | grep -qE '^apps/broken/b.yaml:[0-9]+:[0-9]+: error: '"
check "… the sum of it in the last" bash -c "tail -n 1 '$room/err' | grep -qE '^[0-9]+ errors?, nothing is generated$'"
for i in $(seq 300); do
	printf 'apiVersion: omni.texashpc.com/v1alpha1\nkind: OmniCluster\nmetadata: {name: c%s}\nspec: {nonsense: 1}\n---\n' "$i"
done >"$repository/apps/broken/b.yaml"
check "many faults" exits 1 run "$repository/apps/broken" "$plugin" generate
check "… are not all told" bash -c "[ \$(wc -l <'$room/err') -le 100 ] && tail -n 2 '$room/err' | grep -qE '^\.\.\. and [0-9]+ more$'"
check "… in plain text" bash -c "! grep -q \$'\\033' '$room/err'"
chmod 000 "$repository/apps/broken/a.yaml"
if [ -r "$repository/apps/broken/a.yaml" ]; then
	skip "an unreadable file" "everything is readable for this user"
else
	check "an unreadable file" exits 1 run "$repository/apps/broken" "$plugin" generate
fi
check "an output that cannot be written is an error" bash -c "cd '$repository/apps/prod' && ! '$plugin' generate >/dev/full 2>/dev/null"

# --- walls
mkdir "$repository/apps/many"
for i in {1..99}; do cluster "c$i" 1; echo ---; done >"$repository/apps/many/all.yaml"
enclosed() { # while its output is not taken it stays, and can be looked at
	local pid i
	mkfifo "$room/pipe"
	(cd "$repository/apps/many" && exec env -i "$@" "$plugin" generate </dev/null >"$room/pipe") &
	pid=$!
	exec 9<"$room/pipe"
	for i in {1..100}; do
		grep -qE '^Seccomp:.*[12]$' "/proc/$pid/status" && break
		sleep 0.05
	done
	grep -E '^(NoNewPrivs|Seccomp):' "/proc/$pid/status" >"$room/walls"
	cat <&9 >/dev/null
	exec 9<&-
	rm "$room/pipe"
	wait "$pid"
}
check "it runs" enclosed
if grep -q 'Seccomp:.*2' "$room/walls"; then
	check "… behind walls" grep -q 'NoNewPrivs:.*1' "$room/walls"
	check "… unless they are not wanted" enclosed OMNIOPS_SANDBOX=off
	check "… and are not there" grep -q 'Seccomp:.*0' "$room/walls"
else
	skip "… behind walls" "a sanitizer, or no seccomp here"
fi
check "another word for walls is an error" exits 1 generate OMNIOPS_SANDBOX=none
check "… that knows the right ones" complains 'auto, require or off'

# --- discover
discover() { run "$1" "$plugin" discover; }
check "a directory with custom resources is found" exits 0 discover "$repository/apps/prod"
check "… by a file" says prod.yaml
check "one without is not" exits 0 discover "$repository/apps/empty"
check "… and no error" stays_silent out
check "a cluster template is found" exits 0 discover examples/omnictl
check "… by a file" says staging.yaml
check "a raw resource is found" exits 0 discover examples/homelab/plan/machine-classes
check "… by a file" says matrix-control-plane.yaml
echo 'resources: [prod.yaml]' >"$repository/apps/prod/kustomization.yaml"
check "one for kustomize is left to kustomize" exits 0 discover "$repository/apps/prod"
check "… as no match" stays_silent out
check "its file is no object to apply" exits 0 generate
rm "$repository/apps/prod/kustomization.yaml"

# --- the command line
check "help" exits 0 "$plugin" --help
check "version" exits 0 "$plugin" version
check "an unknown command" exits 1 "$plugin" genrate
check "… is named" complains 'unknown command "genrate"'
check "an unknown flag" exits 1 "$plugin" generate --nonsense
check "… with nothing on standard output" stays_silent out
plugin_yaml() { sed -n "s/^ *command: \[\(.*\)\]$/\1/p" plugin-argocd/plugin.yaml; }
check "plugin.yaml names commands that exist" bash -c "[ -n '$(plugin_yaml)' ] && for c in generate parameters; do grep -q \"command: .*omniops-argocd, \$c\" plugin-argocd/plugin.yaml || exit 1; done"

# --- examples
for example in homelab/kubernetes homelab/plan edge fleet omnictl argocd/clusters; do
	check "example $example" exits 0 run "examples/$example" "$plugin" generate
done
finish
