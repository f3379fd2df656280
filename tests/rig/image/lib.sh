# Runs the program of the container image as Kubernetes would: the image's root read-only, user 65532, /proc, nothing writable but
# what the manifests mount, no new privileges. In the root of the checkout:
#
#   image_can                       can namespaces be made here?
#   image_run ROOT CONFIG SCRIPT [FLAG…]    runs SCRIPT (text for bash) in namespaces of its own: there $root is the root and
#                                   "${omniops[@]}" the program in it; FLAGs are unshare's. ROOT is the unpacked layer,
#                                   CONFIG the image's configuration
#
# Root becomes the user of the image; somebody else seems to be it.
# shellcheck shell=bash

image_flags=()
[ "$(id -u)" = 0 ] || image_flags=(--user --map-root-user)

image_can() { unshare "${image_flags[@]}" --mount --pid --fork --kill-child mount -t tmpfs tmpfs /mnt 2>/dev/null; }

image_run() {
	image_root=$1 image_config=$2 image_script=$3
	shift 3
	unshare "${image_flags[@]}" --mount --pid --fork --kill-child "$@" bash -c '
		root=$1
		mount --bind "$root" "$root" && mount -o remount,bind,ro,nosuid,nodev "$root" || exit 125
		mount -t proc proc "$root/proc" && mount --rbind /dev "$root/dev" || exit 125
		for folder in tmp var/cache/omniops; do
			mount -t tmpfs -o mode=1777,size=64m tmpfs "$root/$folder" || exit 125
		done
		become=(chroot --userspec=65532:65532 --groups= "$root")
		[ "$3" = yes ] || become=(unshare --user --map-user=65532 --map-group=65532 --root="$root" --wd=/ --)
		mapfile -t variables < <(jq -r ".config.Env[]" "$2")
		omniops=(setpriv --no-new-privs -- env -i "${variables[@]}" "PATH=$PATH" "${become[@]}" /usr/bin/omniops)
		eval "$4"
	' image "$image_root" "$image_config" "$([ "${#image_flags[@]}" = 0 ] && echo yes)" "$image_script"
}
