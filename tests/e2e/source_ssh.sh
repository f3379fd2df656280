#!/bin/bash
# Git over ssh with a server of our own on loopback: keys, pass phrases, host keys.
cd "$(dirname "$0")/../.." || exit 1
. tests/tap.sh
. tests/rig/git/lib.sh
sshd=$(command -v sshd || echo /usr/sbin/sshd)
[ -x "$sshd" ] || { skip "git over ssh" "no sshd"; finish; }

mkdir -p "$work/ssh" && chmod 700 "$work/ssh"
ssh-keygen -q -t ed25519 -N '' -f "$work/ssh/host"
ssh-keygen -q -t ecdsa -N '' -f "$work/ssh/host_ecdsa"
ssh-keygen -q -t rsa -b 2048 -N '' -f "$work/ssh/host_rsa"
ssh-keygen -q -t ed25519 -N '' -f "$work/ssh/client"
ssh-keygen -q -t ed25519 -N 'open sesame' -f "$work/ssh/locked"
ssh-keygen -q -t ecdsa -N '' -f "$work/ssh/ecdsa"
ssh-keygen -q -t ed25519 -N '' -f "$work/ssh/stranger"
cat "$work"/ssh/{client,locked,ecdsa}.pub >"$work/ssh/authorized"
port=$(free_port)
cat >"$work/ssh/config" <<EOF
Port $port
ListenAddress 127.0.0.1
HostKey $work/ssh/host
HostKey $work/ssh/host_ecdsa
HostKey $work/ssh/host_rsa
AuthorizedKeysFile $work/ssh/authorized
PasswordAuthentication no
KbdInteractiveAuthentication no
UsePAM no
StrictModes no
PidFile none
PermitRootLogin prohibit-password
EOF
mkdir -p /run/sshd 2>/dev/null
"$sshd" -D -e -f "$work/ssh/config" 2>"$work/ssh/log" &
started+=($!)
user=$(id -un)
for _ in $(seq 100); do
	ssh-keyscan -p "$port" 127.0.0.1 >"$work/ssh/known_all" 2>/dev/null && [ -s "$work/ssh/known_all" ] && break
	sleep 0.1
done
if ! ssh -F none -p "$port" -i "$work/ssh/client" -o BatchMode=yes -o UserKnownHostsFile="$work/ssh/known_all" \
	"$user@127.0.0.1" true 2>"$work/ssh/err"; then
	skip "git over ssh" "sshd does not let us in here: $(tail -n 1 "$work/ssh/err")"
	finish
fi

new_repo repo
put repo clusters/a.yaml "$(cluster a)"
commit repo one
url=git+ssh://$user@127.0.0.1:$port$work/repo
options="path=clusters&known-hosts=$work/ssh/known_all"
probe "$url?$options&ssh-key-file=$work/ssh/client"
is "with an ed25519 key, all kinds of host keys known" "changed main@sha1:$(tip repo)" "$(say poll)"
is "unchanged" "unchanged main@sha1:$(tip repo)" "$(say poll)"
put repo clusters/b.yaml "$(cluster b)"
commit repo two
is "a commit arrives" "changed main@sha1:$(tip repo)" "$(say poll)"
is "and renders" "fleet clusters=2 errors=0 incomplete=0" "$(say render)"
probe "$url?$options&ssh-key-file=$work/ssh/ecdsa"
is "with an ECDSA key" "changed main@sha1:$(tip repo)" "$(say poll)"
printf 'open sesame\n' >"$work/ssh/phrase"
probe "$url?$options&ssh-key-file=$work/ssh/locked&ssh-passphrase-file=$work/ssh/phrase"
is "with a pass phrase" "changed main@sha1:$(tip repo)" "$(say poll)"
probe "$url?$options&ssh-key-file=$work/ssh/locked"
is "without it" "failed Un* *" "$(say poll)"
probe "$url?$options&ssh-key-file=$work/ssh/stranger"
is "with a key that is not allowed" "failed Unauthenticated *refused the SSH key*" "$(say poll)"
probe "$url?$options&ssh-key-file=$work/ssh/none"
is "with no key file" "failed NotFound *SSH key*" "$(say poll)"
probe "$url?known-hosts=$work/ssh/known_all"
is "without a key" "failed Invalid *ssh-key-file=*" "$(say poll)"
printf '[127.0.0.1]:%s %s\n' "$port" "$(cut -d' ' -f1,2 "$work/ssh/stranger.pub")" >"$work/ssh/known_wrong"
probe "$url?known-hosts=$work/ssh/known_wrong&ssh-key-file=$work/ssh/client"
is "another host key" "failed Unauthenticated *host key of 127.0.0.1*SHA256:*" "$(say poll)"
grep ssh-rsa "$work/ssh/known_all" >"$work/ssh/known_rsa"
probe "$url?known-hosts=$work/ssh/known_rsa&ssh-key-file=$work/ssh/client"
is "only an RSA host key is known" "failed Invalid *ed25519*" "$(say poll)"
probe "$url?known-hosts=$work/ssh/nothing&ssh-key-file=$work/ssh/client"
is "no known hosts" "failed NotFound *known hosts*" "$(say poll)"
probe "git+ssh://$user@127.0.0.1:$port$work/none?$options&ssh-key-file=$work/ssh/client"
is "no such repository" "failed *" "$(say poll)"
probe "git+ssh://$user@127.0.0.1:1/x?$options&ssh-key-file=$work/ssh/client"
is "nobody answers" "failed Unavailable *" "$(say poll)"
check "no key is in the cache" sh -c "! grep -rl 'PRIVATE KEY' '$work/cache'"
finish
