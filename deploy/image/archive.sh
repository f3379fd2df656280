#!/bin/sh
# Packs a root file system as a container image: an OCI layout in one tar file, which `docker load`, `podman load`,
# `ctr images import`, `kind load image-archive` and `skopeo copy oci-archive:` take. No container engine is needed, and
# the same files give the same bytes.
#
#   archive.sh ROOTFS FILE NAME:TAG         SOURCE_DATE_EPOCH: the time of everything in it; VERSION: for its label
set -eu
umask 022
rootfs=$1
file=$2
name=$3
case ${name##*/} in *:?*) ;; *) echo "archive.sh: \"$name\" has no tag, as in omniops:latest" >&2; exit 1 ;; esac
epoch=${SOURCE_DATE_EPOCH:-0}
version=${VERSION:-unknown}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
blobs=$work/layout/blobs/sha256
mkdir -p "$blobs"

pack() { # DIR FILE NAME…: a tar file without anything of this machine
	(
		cd "$1"
		out=$2
		shift 2
		LC_ALL=C tar --create --file "$out" --format ustar --sort name --mtime "@$epoch" --owner 0 --group 0 --numeric-owner "$@"
	)
}
sum() { sha256sum "$1" | cut -c 1-64; }
size() { stat -c %s "$1"; }
keep() { # FILE: becomes a blob; sets digest and bytes
	digest=$(sum "$1")
	bytes=$(size "$1")
	mv "$1" "$blobs/$digest"
}

case $(uname -m) in
x86_64) architecture=amd64 ;;
aarch64) architecture=arm64 ;;
*) architecture=$(uname -m) ;;
esac
created=$(date -u -d "@$epoch" +%Y-%m-%dT%H:%M:%SZ)
# docker and containerd spell out what `docker run omniops:latest` leaves out: a host has a dot or a port.
case $name in
*.*/* | *:*/* | localhost/*) full=$name ;;
*/*) full=docker.io/$name ;;
*) full=docker.io/library/$name ;;
esac

pack "$rootfs" "$work/layer.tar" .
diff_id=$(sum "$work/layer.tar")
gzip -9 -n "$work/layer.tar"
keep "$work/layer.tar.gz"
layer=$digest layer_bytes=$bytes

cat >"$work/config" <<END
{"architecture":"$architecture","os":"linux","created":"$created",
"config":{"User":"65532:65532","WorkingDir":"/","Entrypoint":["/usr/bin/omniops"],
"Env":["PATH=/usr/bin","HOME=/var/cache/omniops","XDG_CACHE_HOME=/var/cache","SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt"],
"Labels":{"org.opencontainers.image.title":"omniops","org.opencontainers.image.version":"$version","org.opencontainers.image.licenses":"Apache-2.0"}},
"rootfs":{"type":"layers","diff_ids":["sha256:$diff_id"]},
"history":[{"created":"$created","created_by":"omniops $version"}]}
END
keep "$work/config"
config=$digest config_bytes=$bytes

cat >"$work/manifest" <<END
{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json",
"config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"sha256:$config","size":$config_bytes},
"layers":[{"mediaType":"application/vnd.oci.image.layer.v1.tar+gzip","digest":"sha256:$layer","size":$layer_bytes}]}
END
keep "$work/manifest"

printf '{"imageLayoutVersion":"1.0.0"}' >"$work/layout/oci-layout"
cat >"$work/layout/index.json" <<END
{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[
{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"sha256:$digest","size":$bytes,
"platform":{"architecture":"$architecture","os":"linux"},
"annotations":{"io.containerd.image.name":"$full","org.opencontainers.image.ref.name":"${name##*:}"}}]}
END
# What docker looked for before it knew OCI layouts.
cat >"$work/layout/manifest.json" <<END
[{"Config":"blobs/sha256/$config","RepoTags":["$name"],"Layers":["blobs/sha256/$layer"]}]
END
mkdir -p "$(dirname "$file")"
pack "$work/layout" "$work/image" blobs index.json manifest.json oci-layout
mv "$work/image" "$file"
