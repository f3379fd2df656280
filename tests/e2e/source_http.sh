#!/bin/bash
# Git over http and https: fetches, tokens, certificate authorities, redirects, hosts that hang or ask for quiet, and a
# cache that is damaged, interrupted or stale.
cd "$(dirname "$0")/../.." || exit 1
. tests/tap.sh
. tests/rig/git/lib.sh
command -v python3 >/dev/null || { skip "git over http" "no python3"; finish; }

new_repo seed
put seed clusters/a.yaml "$(cluster a)"
put seed patches/x.yaml 'machine: {}'
commit seed one
mkdir "$work/srv"
git clone -q --bare "$work/seed" "$work/srv/repo.git"
git init -q --bare -b main "$work/srv/empty.git"
push() { git_in seed push -q --force "$work/srv/repo.git" "${1:-main}"; }
serve_http "$work/srv" "$work/port"
base=git+http://127.0.0.1:$port

probe "$base/repo.git?ref=main&path=clusters"
is "a first fetch" "changed main@sha1:$(tip seed)" "$(say poll)"
is "brings the documents" "file clusters/a.yaml *" "$(all files)"
is "and what they name" "bytes 12 *" "$(say read patches/x.yaml)"
repo=$(echo "$work"/cache/git-*/repo.git)
is "the cache is private" "drwx------" "$(stat -c %A "$work"/cache/git-*)"
: >"$work/srv/requests.log"
is "an unchanged poll" "unchanged main@sha1:$(tip seed)" "$(say poll)"
is "is one request" "1" "$(wc -l <"$work/srv/requests.log")"
put seed clusters/b.yaml "$(cluster b)"
commit seed two
push
is "a push arrives" "changed main@sha1:$(tip seed)" "$(say poll)"
is "with both files" "2" "$(all files | wc -l)"
git_in seed reset -q --hard HEAD~1
put seed clusters/c.yaml "$(cluster c)"
commit seed forced
push
is "a force-push arrives" "changed main@sha1:$(tip seed)" "$(say poll)"
is "and is the truth" "file clusters/a.yaml * file clusters/c.yaml *" "$(all files | tr '\n' ' ')"
git -C "$work/srv/repo.git" update-ref -d refs/heads/main
git -C "$work/srv/repo.git" update-ref refs/heads/other "$(tip seed)"
is "a deleted branch keeps what is there" "failed NotFound *no branch or tag main*" "$(say poll)"
push
is "and is fine when it is back" "unchanged main@sha1:$(tip seed)" "$(say poll)"
probe "$base/empty.git"
is "an empty repository is a failure" "failed NotFound *empty*" "$(say poll)"
probe "$base/none.git"
is "no repository" "failed NotFound *" "$(say poll)"
probe "$base/repo.git?commit=$(tip seed HEAD~1)"
is "a commit that no ref names" "changed sha1:$(tip seed HEAD~1)" "$(say poll)"
probe "$base/repo.git?commit=0123456789012345678901234567890123456789"
is "a commit that does not exist" "failed *" "$(say poll)"

# --- hosts
probe "git+http://127.0.0.1:1/repo.git"
is "an unreachable host" "failed Unavailable *" "$(say poll)"
PROBE_TIMEOUT_MS=1500 probe "$base/slow/repo.git"
begin=$(date +%s)
is "a host that hangs is left at the deadline" "failed Timeout *" "$(say poll)"
is "soon" "1" "$(($(date +%s) - begin < 10))"
probe "$base/limited/repo.git"
is "a host that asks for quiet" "failed Unavailable *429*" "$(say poll)"
is "is heard" "retry-after 7000" "$(IFS= read -r -t 5 line <&8; echo "$line")"
probe "$base/moved/repo.git?path=clusters"
is "a redirect on the same host" "changed main@sha1:*" "$(say poll)"
probe "$base/elsewhere/repo.git"
is "a redirect to another host is refused" "failed Invalid *127.0.0.2*" "$(say poll)"

# --- the cache
probe "$base/repo.git?ref=main&path=clusters"
is "another process uses the cache" "changed main@sha1:$(tip seed)" "$(say poll)"
for pack in "$repo"/objects/pack/*.pack; do
	chmod u+w "$pack"
	head -c 40 /dev/urandom | dd of="$pack" bs=1 seek=60 conv=notrunc 2>/dev/null
done
is "after damage forget" ok "$(say forget)"
probe "$base/repo.git?ref=main&path=clusters"
is "a damaged cache is made anew" "changed main@sha1:$(tip seed)" "$(say poll)"
rm -rf "$repo/refs" && echo nonsense >"$repo/config"
probe "$base/repo.git?ref=main&path=clusters"
is "a broken cache too" "changed main@sha1:$(tip seed)" "$(say poll)"
touch "$repo/objects/pack/pack_git2_abc" "$repo/config.lock" "$repo/HEAD.lock"
put seed clusters/d.yaml "$(cluster d)"
commit seed four
push
is "left-overs of a killed fetch do not matter" "changed main@sha1:$(tip seed)" "$(say poll)"
check "and are gone" test ! -e "$repo/objects/pack/pack_git2_abc"
head -c 3000000 /dev/urandom >"$work/seed/big.bin"
commit seed big
push
PROBE_MAX_FETCH=1000000 probe "$base/repo.git?ref=main"
is "a fetch beyond the limit is stopped" "failed TooBig *" "$(say poll)"

# --- tokens
serve_http "$work/srv" "$work/port2" --token s3cr3t
base=git+http://127.0.0.1:$port
probe "$base/repo.git"
is "without a token" "failed Unauthenticated *401*token-file=*" "$(say poll)"
echo wrong >"$work/token"
probe "$base/repo.git?token-file=$work/token"
is "with the wrong token" "failed Unauthenticated *refused the token*" "$(say poll)"
echo s3cr3t >"$work/token"
is "a token that was replaced is used at the next poll" "changed main@sha1:$(tip seed)" "$(say poll)"
PROBE_TOKEN=s3cr3t probe "$base/repo.git?token-env=PROBE_TOKEN&user=oauth2"
is "from the environment" "changed main@sha1:$(tip seed)" "$(say poll)"
probe "$base/repo.git?token-env=PROBE_TOKEN_NOT_SET"
is "a variable that is not set" "failed Unauthenticated *PROBE_TOKEN_NOT_SET*" "$(say poll)"
check "the token is nowhere in the cache" sh -c "! grep -r s3cr3t '$work/cache'"

# --- https, TLS 1.3, an address in the certificate
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj /CN=test -keyout "$work/key.pem" \
	-out "$work/cert.pem" -addext "subjectAltName=IP:127.0.0.1,DNS:localhost" 2>/dev/null
serve_http "$work/srv" "$work/port3" --cert "$work/cert.pem" --key "$work/key.pem"
probe "git+https://127.0.0.1:$port/repo.git"
is "an unknown authority is refused" "failed Unauthenticated *ca-file=*" "$(say poll)"
probe "git+https://127.0.0.1:$port/repo.git?ca-file=$work/cert.pem"
is "with its own CA file" "changed main@sha1:$(tip seed)" "$(say poll)"
probe "git+https://localhost:$port/repo.git?ca-file=$work/none.pem"
is "a CA file that is not there" "failed *" "$(say poll)"
check "the cache of one address is never another's" test "$(ls "$work/cache" | wc -l)" -gt 3
finish
