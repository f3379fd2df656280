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
# From 0, confined, to 10; 3.0 with the network that it needs.
confined() { systemd-analyze security --offline=true --no-pager --threshold=35 "$unit" >"$room/out" 2>&1 || { tail -n 3 "$room/out"; return 1; }; }
offline() { systemd-analyze security --help 2>/dev/null | grep -q -- --offline; }

check "systemd understands the unit" understood
if offline; then check "it is confined" confined; fi
check "the key is a credential" grep -q '^LoadCredential=omni-key:' "$unit"
check "no core file is written" grep -q '^LimitCORE=0$' "$unit"
finish
