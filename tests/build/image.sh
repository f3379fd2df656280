#!/bin/bash
# The container image: small, the same bytes each time, what OCI asks for, and the program works in it as Kubernetes would
# run it: user 65532, a read-only root, nothing mounted but what the manifests mount, no privilege.
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/tap.sh
. tests/rig/image/lib.sh
room=$(mktemp -d)
trap 'rm -rf "$room"' EXIT
LIMIT_MIB=15

make_it() { (umask "$1" && TZ=$2 SOURCE_DATE_EPOCH=1700000000 make -s B="$B" VERSION="$(cat "$B/version")" image); }
size() { stat -c %s "$1"; }

# --- the archive

image=$B/omniops-image.tar
check "make image succeeds" make_it 022 UTC
[ -s "$image" ] || finish
cp "$image" "$room/first.tar"
small() { [ "$(size "$image")" -lt $((LIMIT_MIB << 20)) ] || { echo "$(size "$image") bytes"; return 1; }; }
check "it is smaller than $LIMIT_MIB MiB" small
echo "# $(size "$image") bytes"
check "a second time, elsewhere" make_it 077 Asia/Tokyo
check "… it has the same bytes" cmp "$image" "$room/first.tar"

mkdir "$room/layout" "$room/image"
tar -xf "$image" -C "$room/layout"
blob() { echo "$room/layout/blobs/${1/://}"; }
of() { jq -er "$2" "$1"; }
manifest=$(blob "$(of "$room/layout/index.json" '.manifests[0].digest')")
config=$(blob "$(of "$manifest" .config.digest)")
layer=$(blob "$(of "$manifest" '.layers[0].digest')")

blobs_are_named_by_content() {
	local file
	for file in "$room"/layout/blobs/sha256/*; do
		[ "$(sha256sum <"$file")" = "${file##*/}  -" ] || { echo "$file"; return 1; }
	done
}
sizes_agree() {
	[ "$(of "$room/layout/index.json" '.manifests[0].size')" = "$(size "$manifest")" ] &&
		[ "$(of "$manifest" .config.size)" = "$(size "$config")" ] && [ "$(of "$manifest" '.layers[0].size')" = "$(size "$layer")" ]
}
layer_is_the_one() { [ "$(of "$config" '.rootfs.diff_ids[0]')" = "sha256:$(gzip -dc "$layer" | sha256sum | cut -c 1-64)" ]; }
docker_finds_the_same() {
	[ "$(of "$room/layout/manifest.json" '.[0] | [.Config, .Layers[0], .RepoTags[0]] | join(" ")')" = \
		"${config#"$room/layout/"} ${layer#"$room/layout/"} omniops:latest" ]
}
full_name() { # NAME: what containerd would call it
	deploy/image/archive.sh "$room/empty" "$room/named.tar" "$1" && tar -xOf "$room/named.tar" index.json |
		jq -er '.manifests[0].annotations["io.containerd.image.name"]'
}
is_called() { [ "$(full_name "$1")" = "$2" ] || { full_name "$1"; return 1; }; }

check "every blob is named by its content" blobs_are_named_by_content
check "the sizes agree" sizes_agree
check "the layer is the one of the configuration" layer_is_the_one
check "docker's list names the same" docker_finds_the_same
mkdir "$room/empty"
check "a name without a host is docker's" is_called omniops:v1.2.3 docker.io/library/omniops:v1.2.3
check "… with a folder, too" is_called team/omniops:v1 docker.io/team/omniops:v1
check "a name with a host stays" is_called registry.example.com:5000/omniops:v1 registry.example.com:5000/omniops:v1
no_tag() { ! deploy/image/archive.sh "$room/empty" "$room/x.tar" registry.example.com:5000/omniops 2>&1; }
check "a name without a tag is refused" no_tag

# The file for container engines says the same.
said() { # INSTRUCTION: its words, of the last stage
	sed -n '/^FROM scratch/,$p' deploy/image/Containerfile | sed -n "s/^$1 //p"
}
engines_agree() {
	[ "$(said USER)" = "$(of "$config" .config.User)" ] && [ "$(said WORKDIR)" = "$(of "$config" .config.WorkingDir)" ] &&
		[ "$(said ENTRYPOINT)" = "$(jq -c .config.Entrypoint "$config")" ] &&
		[ "$(said ENV)" = "$(of "$config" '.config.Env | join(" ")')" ] &&
		[ "$(said LABEL | sed "s/\$VERSION/$(cat "$B/version")/")" = \
			"$(of "$config" '.config.Labels | to_entries | map(.key + "=" + .value) | join(" ")')" ]
}
check "deploy/image/Containerfile makes it with the same settings" engines_agree

# --- what is in it

listed() { tar -tvzf "$layer" --numeric-owner; }
all_root() { ! listed | awk '$2 != "0/0"' | grep .; }
nothing_privileged() { ! listed | awk '$1 ~ /s/' | grep .; }
nobody_writes() { ! listed | awk '$1 ~ /^[-d].......w/ && $1 !~ /t$/' | grep .; }
programs() { tar -xpzf "$layer" -C "$room/image" && find "$room/image" -type f -perm /111 -printf '%P\n' | grep -v '^lib.*/ld-linux'; }
one_program() { [ "$(programs)" = usr/bin/omniops ] || { programs; return 1; }; }
packages_are_recorded() { grep -qx 'Package: libc6' "$room/image/var/lib/dpkg/status.d/libc6" && [ -s "$room/image/usr/share/doc/libc6/copyright" ]; }
check "everything belongs to root" all_root
check "nothing runs with privileges of its own" nothing_privileged
check "nobody may write but where everybody may" nobody_writes
check "one program is in it" one_program
if [ -e /var/lib/dpkg/status ]; then check "scanners find the packages of the libraries" packages_are_recorded; fi

# --- the program in it

says() { grep -qF -- "$1" "$room/out" || { echo "does not say: $1"; cat "$room/out"; return 1; }; }
works() { # SCRIPT, with the examples in /tmp/fleet
	image_run "$room/image" "$config" 'mkdir "$root/tmp/fleet" && mount --bind -o ro examples/fleet "$root/tmp/fleet" || exit 125
		'"$1" --net >"$room/out" 2>&1 || { echo "exits $?"; cat "$room/out"; return 1; }
}

if ! image_can; then
	skip "the program in the image" "no namespaces can be made here"
	finish
fi
check "omniops version" works '"${omniops[@]}" version'
check "… of this build" says "$(cat "$B/version")"
check "omniops render" works '"${omniops[@]}" render /tmp/fleet'
check "… prints a template" says 'kind: Cluster'
check "the root is read-only" works '! "${omniops[@]}" render --out /etc/omniops /tmp/fleet'
check "… and is said to be" says 'Read-only file system'
check "it is nobody special" works '! "${omniops[@]}" render --out /dev/omniops /tmp/fleet'
check "… and is told so" says 'Permission denied'

# The agent as the manifests start it, with a folder in place of Kubernetes and the embedded store in place of Omni.
agent='
"${omniops[@]}" agent --omni dir:/tmp/omni --source dir:/tmp/fleet --sandbox require --http off --log-format json --interval 200ms \
	--cache-dir /var/cache/omniops --status-dir /tmp/status &
agent=$!
in_sync() { [ "$(cat "$root"/tmp/status/*.json | grep -c "\"name\": .*\"state\": \"InSync\"")" = 3 ]; }
for try in $(seq 200); do
	in_sync 2>/dev/null && break
	sleep 0.05
done
in_sync && echo "three are in sync"
kill -TERM $agent
wait $agent
echo "the agent exits with $?"
"${omniops[@]}" get clusters --omni dir:/tmp/omni
'
check "the agent runs in it" works "$agent"
check "… confined by landlock and seccomp" says 'landlock'
check "… with every cluster in sync" says 'three are in sync'
check "… which the store has" says 'Clusters.omni.sidero.dev   gamma'
check "… and ends with 0" says 'the agent exits with 0'
finish
