#!/bin/sh
# Installs what is missing for building (`setup.sh build`), for every test (`setup.sh check`), for the servers of
# tests/rig (`setup.sh rig`) or for Go programs (`setup.sh go`: prints the path of a recent go). A second run finds
# everything and costs nothing.
set -eu

BUILD="gcc libc6-dev make pkg-config git ca-certificates libgit2-dev libyaml-dev libcurl4-openssl-dev zlib1g-dev libjansson-dev
	libmicrohttpd-dev libprotobuf-c-dev protobuf-c-compiler libssl-dev libzstd-dev libseccomp-dev"
RIG="ca-certificates curl unzip util-linux"
CHECK="$RIG libcmocka-dev clang binutils openssl openssh-client openssh-server gnupg procps python3 python3-yaml jq"

# The Go toolchain for tests, as the module registry of Go packs it; renew all three together.
GO_MIN=1.26.6
GO_VERSION=1.26.8
GO_SHA256_amd64=30c2b1bf7dcc88d3eb0a1364e47ddd9128edb3110a30e8a0ef61cd5856b31de7
GO_SHA256_arm64=02b36b6787b3ac767668f630e2998df45a3b1f9ffee08d1bf3ef6487cd658d99

say() { echo "setup: $*" >&2; }
die() { say "$*"; exit 1; }

# --- packages -------------------------------------------------------------------------------------------------------

missing_packages() { # names: those that dpkg does not know as installed
	installed=$(dpkg-query -W -f '${db:Status-Status} ${Package}\n' "$@" 2>/dev/null | sed -n 's/^installed //p')
	for package in "$@"; do
		echo "$installed" | grep -qx "$package" || echo "$package"
	done
}

install_packages() {
	missing=$(missing_packages "$@" | tr '\n' ' ')
	[ -n "$missing" ] || return 0
	root=
	if [ "$(id -u)" != 0 ]; then
		command -v sudo >/dev/null || die "these packages are missing, and there is no sudo to install them: $missing"
		root=sudo
	fi
	say "installing $missing"
	$root apt-get update -qq || say "the package lists could not be renewed; trying with those that are here"
	# shellcheck disable=SC2086
	$root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null ||
		die "apt-get could not install $missing"
}

# Not Debian: look for what the packages provide, and name what is missing as Debian does.
find_elsewhere() { # command:package…
	missing=
	for pair in "$@"; do
		case $pair in
		*.pc:*) pkg-config --exists "${pair%%.pc:*}" 2>/dev/null || missing="$missing ${pair#*:}" ;;
		*) command -v "${pair%%:*}" >/dev/null || missing="$missing ${pair#*:}" ;;
		esac
	done
	[ -z "$missing" ] || die "please install (names of Debian's packages):$missing"
}

build_commands="gcc:gcc make:make pkg-config:pkg-config git:git protoc-c:protobuf-c-compiler libgit2.pc:libgit2-dev
	yaml-0.1.pc:libyaml-dev libcurl.pc:libcurl4-openssl-dev zlib.pc:zlib1g-dev jansson.pc:libjansson-dev libmicrohttpd.pc:libmicrohttpd-dev libprotobuf-c.pc:libprotobuf-c-dev
	openssl.pc:libssl-dev libzstd.pc:libzstd-dev libseccomp.pc:libseccomp-dev"
rig_commands="curl:curl unzip:unzip unshare:util-linux nsenter:util-linux setpriv:util-linux flock:util-linux"
check_commands="$rig_commands cmocka.pc:libcmocka-dev clang:clang ssh-keygen:openssh-client gpg:gnupg
	readelf:binutils python3:python3 openssl:openssl jq:jq"

packages() { # all package names, all commands
	if command -v dpkg-query >/dev/null && command -v apt-get >/dev/null; then
		# shellcheck disable=SC2086
		install_packages $1
	else
		# shellcheck disable=SC2086
		find_elsewhere $2
	fi
}

# --- Go for the test rig ------------------------------------------------------------------------------------------------

is_recent() { # path of a go
	version=$(GOTOOLCHAIN=local "$1" env GOVERSION 2>/dev/null | sed 's/^go//; s/[^0-9.].*//') || return 1
	[ -n "$version" ] && [ "$(printf '%s\n' "$GO_MIN" "$version" | sort -V | head -n 1)" = "$GO_MIN" ]
}

download_go() { # directory: becomes the unpacked toolchain
	case $(uname -m) in
	x86_64) arch=amd64 sum=$GO_SHA256_amd64 ;;
	aarch64) arch=arm64 sum=$GO_SHA256_arm64 ;;
	*) die "no Go toolchain is pinned for $(uname -m); install Go $GO_MIN or newer" ;;
	esac
	proxies=${GOPROXY:-$(go env GOPROXY 2>/dev/null || true)}
	mkdir -p "${1%/*}"
	work=$(mktemp -d "${1%/*}/.go.XXXXXX")
	trap 'rm -rf "$work"' EXIT
	name=v0.0.1-go$GO_VERSION.linux-$arch
	for proxy in $(echo "${proxies:-https://proxy.golang.org}" | tr ',|' '  '); do
		case $proxy in direct | off) continue ;; esac
		say "getting Go $GO_VERSION for the tests"
		curl -fsSL --retry 3 --max-time 600 -o "$work/go.zip" "${proxy%/}/golang.org/toolchain/@v/$name.zip" && break
	done
	[ -s "$work/go.zip" ] || die "no module proxy had the Go toolchain; install Go $GO_MIN or newer"
	echo "$sum  $work/go.zip" | sha256sum -c --status || die "the Go toolchain has another checksum than expected"
	unzip -q "$work/go.zip" -d "$work"
	root="$work/golang.org/toolchain@$name"
	chmod +x "$root"/bin/* "$root"/pkg/tool/*/*
	mv "$root" "$1" 2>/dev/null || [ -x "$1/bin/go" ] # another run was faster
	rm -rf "$work"
	trap - EXIT
}

find_go() {
	on_path=$(command -v go || true)
	if [ -n "$on_path" ] && is_recent "$on_path"; then
		echo "$on_path"
		return
	fi
	cached=${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/omniops/go-$GO_VERSION
	[ -x "$cached/bin/go" ] || download_go "$cached"
	echo "$cached/bin/go"
}

case ${1:-build} in
build) packages "$BUILD" "$build_commands" ;;
check)
	packages "$BUILD $CHECK" "$build_commands $check_commands"
	find_go >/dev/null
	;;
rig)
	packages "$RIG" "$rig_commands"
	find_go >/dev/null
	;;
go) find_go ;;
*) die "usage: $0 [build|check|rig|go]" ;;
esac
