#!/bin/sh
# Writes the root file system of the container image: the program, the libraries that it loads, certificates. No shell, no
# package manager.
#
#   rootfs.sh PROGRAM DIR
#
# The libraries are those of this machine. Linking them statically, as far as Debian has them so, makes the image six
# per cent smaller, and every one of them invisible to who looks for known faults in it; so they stay files, with their
# packages recorded where scanners look.
set -eu
umask 022
program=$1
dir=$2
certificates=${CERTIFICATES:-/etc/ssl/certs/ca-certificates.crt}
[ -s "$certificates" ] || { echo "rootfs.sh: there are no certificates in $certificates; install ca-certificates" >&2; exit 1; }
[ ! -e "$dir" ] || [ -z "$(ls -A "$dir")" ] || { echo "rootfs.sh: $dir is not empty" >&2; exit 1; }

libraries() { # as the loader finds them, and the loader itself
	ldd "$1" | sed -n 's,^[^/]*\(/[^ ]*\) (0x.*,\1,p' | LC_ALL=C sort -u
}

# Who made it, which version, under which licence: as the packages of Debian say.
record() { # FILE…
	for file in "$@"; do
		dpkg-query -S "$(realpath "$file")" "$file" "/usr$file" 2>/dev/null | head -n 1 | cut -d : -f 1
	done | LC_ALL=C sort -u | while read -r package; do
		mkdir -p "$dir/var/lib/dpkg/status.d" "$dir/usr/share/doc/$package"
		dpkg-query -s "$package" >"$dir/var/lib/dpkg/status.d/$package"
		[ ! -e "/usr/share/doc/$package/copyright" ] ||
			cp -L "/usr/share/doc/$package/copyright" "$dir/usr/share/doc/$package/copyright"
	done
}

mkdir -p "$dir/etc/ssl/certs" "$dir/etc/omniops" "$dir/tmp" "$dir/var/cache/omniops" "$dir/dev" "$dir/proc" "$dir/run" "$dir/sys"
chmod 755 "$dir"
# Whoever it runs as; where the root is read-only, something is mounted on both.
chmod 1777 "$dir/tmp" "$dir/var/cache/omniops"
install -D -m 755 "$program" "$dir/usr/bin/omniops"
${STRIP:-strip} --strip-all "$dir/usr/bin/omniops"
libraries "$program" | while read -r library; do
	case ${library##*/} in ld-*) mode=755 ;; *) mode=644 ;; esac
	install -D -m "$mode" "$library" "$dir$library"
done
install -m 644 "$certificates" "$dir/etc/ssl/certs/ca-certificates.crt"
printf 'root:x:0:0:root:/:/nonexistent\nomniops:x:65532:65532:omniops:/var/cache/omniops:/nonexistent\n' >"$dir/etc/passwd"
printf 'root:x:0:\nomniops:x:65532:\n' >"$dir/etc/group"
printf 'hosts: files dns\n' >"$dir/etc/nsswitch.conf"
if command -v dpkg-query >/dev/null; then
	# shellcheck disable=SC2046
	record $(libraries "$program")
fi
