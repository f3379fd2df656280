#!/bin/bash
# The systemd unit: understood by systemd, confined, and its key comes as a credential.
set -u
cd "$ROOT" || exit 1
. tests/tap.sh
room=$(mktemp -d)
trap 'rm -rf "$room"' EXIT
command -v systemd-analyze >/dev/null || { skip "the unit" "there is no systemd-analyze"; finish; }

unit=$room/omniops.service
sed "s#ExecStart=/usr/local/bin/omniops#ExecStart=$OMNIOPS#; /^Documentation=/d" deploy/systemd/omniops.service >"$unit"
understood() { ! systemd-analyze verify --man=no "$unit" 2>&1 | grep -F "$unit" | grep -E 'Unknown|Failed|Invalid|not executable'; }
# From 0, confined, to 10; 1.3 with the network that it needs.
confined() { systemd-analyze security --offline=true --no-pager --threshold=15 "$unit" >"$room/out" 2>&1 || { tail -n 3 "$room/out"; return 1; }; }
offline() { systemd-analyze security --help 2>/dev/null | grep -q -- --offline; }

check "systemd understands the unit" understood
if offline; then check "it is confined" confined; fi
check "the key is a credential" grep -q '^LoadCredential=omni-key:' "$unit"
check "no core file is written" grep -q '^LimitCORE=0$' "$unit"

# Every call that the agent makes is one that the unit allows; @sets are expanded as systemd does.
expand() {
	local word
	for word; do
		case $word in
		@*) expand $(systemd-analyze syscall-filter "$word" | sed -n '2,$ s/^ *\([@a-z0-9_-]*\)$/\1/p') ;;
		*) echo "$word" ;;
		esac
	done
}
allowed() { expand $(sed -n 's/^SystemCallFilter=//p' deploy/systemd/omniops.service) | LC_ALL=C sort -u; }
made() { # "12 read(3, …" and "12 <... read resumed>…"
	sed -nE 's/^[0-9]+ +(<\.\.\. )?([a-z0-9_]+)(\(| resumed).*/\2/p' "$room/calls" | LC_ALL=C sort -u
}
watched() {
	git init -q -b main "$room/repo" && cp examples/fleet/* "$room/repo" && git -C "$room/repo" add . &&
		git -C "$room/repo" -c user.name=t -c user.email=t@example.com commit -q -m first || return
	strace -f -o "$room/calls" "$OMNIOPS" agent --once --omni "dir:$room/omni" --source "git+file://$room/repo" --http 127.0.0.1:0 \
		--cache-dir "$room/cache" --status-dir "$room/status" --timeout 60s
}
none_is_refused() { [ "$(made | wc -l)" -gt 40 ] && ! comm -13 <(allowed) <(made) | grep .; }
if command -v strace >/dev/null && strace -o /dev/null true 2>/dev/null; then
	check "the agent runs, and its calls are seen" watched
	check "the unit allows all of them" none_is_refused
else
	skip "the calls of the agent" "there is no strace"
fi
finish
