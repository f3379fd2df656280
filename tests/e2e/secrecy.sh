#!/bin/bash
# The key is where it is used and nowhere else: not in a core file of the agent, as text, as packets or as the number that
# signs; not in its environment; not in that of its Git and rendering children while they run.
set -u
cd "$ROOT" || exit 1
. tests/tap.sh
. tests/e2e/lib.sh
. tests/rig/cosi/lib.sh
trap 'stop_agent; cosi_stop; rm -rf "$room"' EXIT

cosi_need "where secrets are"
cosi_start one -tls -controllers -account ci:Operator || exit 1
export OMNI_ENDPOINT=$cosi_endpoint SSL_CERT_FILE=$cosi_ca
repository demo
# What of a key must not be found, one hexadecimal line each: windows of the text, of what it encodes, of the armour and
# of the packets, and the secret numbers themselves.
python3 - "$cosi_key" >"$room/needles" <<'END'
import base64, json, sys
text = open(sys.argv[1], "rb").read().strip()
inner = base64.b64decode(text)
armour = json.loads(inner)["pgp_key"].encode()
body = armour.replace(b"\r", b"").split(b"\n\n", 1)[1].split(b"\n=")[0].split(b"-----")[0]
packets = base64.b64decode(body.replace(b"\n", b""))
secrets, at = [], 0
while at < len(packets):  # the last number of a secret-key packet, in front of its checksum
    new, tag = packets[at] & 0x40, packets[at] & 0x3F
    if new:
        first = packets[at + 1]
        size, head = (first, 2) if first < 192 else (((first - 192) << 8) + packets[at + 2] + 192, 3)
    else:
        tag, width = tag >> 2, 1 << (packets[at] & 3)
        size, head = int.from_bytes(packets[at + 1:at + 1 + width], "big"), 1 + width
    if tag in (5, 7):
        secrets.append(packets[at + head + size - 2 - 31:at + head + size - 2])
    at += head + size
assert secrets
def windows(data, size=32):
    return [data[i:i + size] for i in range(0, len(data) - size, size)]
private = secrets[0]
begin = packets.find(private)
needles = windows(text) + [private, private[::-1]]
encoded = base64.b64encode(packets)  # the lines of the armour that hold the number
lines = body.split(b"\n")
needles += [line for line in lines if begin * 4 // 3 < sum(len(l) for l in lines[:lines.index(line) + 1]) and len(line) > 16][:2]
for needle in needles:
    print(needle.hex())
END
finds() { # file: says what it finds; true when there is something
	python3 - "$room/needles" "$1" <<-'END'
	import mmap, sys
	needles = [bytes.fromhex(line) for line in open(sys.argv[1])]
	with open(sys.argv[2], "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
	    found = [n for n, needle in enumerate(needles) if data.find(needle) >= 0]
	print(f"{len(found)} of {len(needles)} found: {found[:10]}")
	sys.exit(0 if found else 1)
	END
}
finds_none() { ! finds "$1"; }
check "the key itself is found where it is" finds "$cosi_key"

# --- the agent's memory and environment -------------------------------------------------------------------------------

agent() { # how; in the room, where the kernel would write a core file
	rm -rf "$room/status"
	(
		cd "$room" && ulimit -c unlimited
		if [ "$1" = variable ]; then
			OMNI_SERVICE_ACCOUNT_KEY=$(cat "$cosi_key") && export OMNI_SERVICE_ACCOUNT_KEY
		else
			export OMNIOPS_OMNI_KEY_FILE=$cosi_key
		fi
		exec "$OMNIOPS" agent --source "git+file://$room/repo" --http off --interval 100ms --cache-dir "$room/cache" \
			--status-dir "$room/status" --log-format json 2>>"$room/log"
	) &
	agent_pid=$!
}
dump() { gcore -o "$room/core" "$agent_pid" >"$room/gcore" 2>&1 || { cat "$room/gcore"; return 1; }; }
abort_it() {
	rm -f "$room"/core*
	kill -ABRT "$agent_pid"
	wait "$agent_pid"
	mv "$room"/core* "$room/dumped"
}
has_url() { grep -qaF "$cosi_endpoint" "$room/core.$agent_pid"; }
environment_is_clean() { tr '\0' '\n' <"/proc/$agent_pid/environ" >"$room/environ" && grep -q OMNI_ENDPOINT "$room/environ" && finds_none "$room/environ"; }
for how in variable file; do
	agent "$how"
	check "a key of a $how: the agent works" within 20 is_state demo InSync
	check "… its environment is without the key" environment_is_clean
	if command -v gcore >/dev/null; then
		check "… a core file is written" dump
		check "… that holds ordinary memory" has_url
		check "… and nothing of the key" finds_none "$room/core.$agent_pid"
		rm -f "$room/core.$agent_pid"
	else
		skip "a core file of the agent" "there is no gcore"
	fi
	if [ "$(cat /proc/sys/kernel/core_pattern)" = core ]; then
		abort_it 2>/dev/null
		check "… nor in the one that the kernel writes" finds_none "$room/dumped"
		rm -f "$room/dumped"
	else
		skip "… nor in the one that the kernel writes" "core files go elsewhere here"
		stop_agent
	fi
	agent_pid=
done

# --- children ---------------------------------------------------------------------------------------------------------

children_are_clean() { # every child that is seen while revisions come in
	python3 - "$agent_pid" "$room/needles" "$room/repo" <<-'END'
	import os, subprocess, sys, time
	agent, repo = sys.argv[1], sys.argv[3]
	needles = [bytes.fromhex(line) for line in open(sys.argv[2])]
	seen, bad, last, end = {}, [], 0, time.monotonic() + 6
	while time.monotonic() < end:
	    if time.monotonic() - last > 0.3:
	        with open(repo + "/demo.yaml", "a") as file:
	            file.write("# again\n")
	        subprocess.run(["git", "-C", repo, "commit", "-q", "-a", "-m", "again"], check=True)
	        last = time.monotonic()
	    for task in os.listdir(f"/proc/{agent}/task"):
	        try:
	            children = open(f"/proc/{agent}/task/{task}/children").read().split()
	        except OSError:
	            continue
	        for pid in children:
	            try:
	                words = open(f"/proc/{pid}/cmdline", "rb").read().split(b"\0")
	                environ = open(f"/proc/{pid}/environ", "rb").read()
	            except OSError:
	                continue
	            if len(words) > 1 and words[1] != b"agent":  # behind its exec
	                seen[words[1].decode()] = seen.get(words[1].decode(), 0) + 1
	                if any(needle in environ or needle in b"\0".join(words) for needle in needles) or b"SERVICE_ACCOUNT_KEY" in environ:
	                    bad.append((pid, words))
	print("seen:", seen, "bad:", bad)
	sys.exit(0 if len(seen) >= 2 and not bad else 1)
	END
}
agent variable
check "another agent works" within 20 is_state demo InSync
check "Git and rendering children have nothing of the key while they run" children_are_clean
check "nor does the log" finds_none "$room/log"
finish
