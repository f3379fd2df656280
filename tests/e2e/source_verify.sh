#!/bin/bash
# Commits that must be signed: SSH keys of all kinds and OpenPGP, good, wrong, foreign, missing.
cd "$(dirname "$0")/../.." || exit 1
. tests/tap.sh
. tests/rig/git/lib.sh
command -v ssh-keygen >/dev/null || { skip "signed commits" "no ssh-keygen"; finish; }

new_repo repo
for kind in ed25519 ecdsa rsa; do
	ssh-keygen -q -t $kind -N '' -f "$work/$kind"
done
ssh-keygen -q -t ed25519 -N '' -f "$work/stranger"
sign() { # key, message
	put repo a.yaml "$(cluster a)
# $2 $RANDOM"
	git_in repo add -A
	git_in repo -c gpg.format=ssh -c user.signingkey="$1" commit -q -S -m "$2"
}
for kind in ed25519 ecdsa rsa; do
	echo "test@example.org namespaces=\"git\" $(cat "$work/$kind.pub")"
done >"$work/allowed"
probe "git+file://$work/repo?verify-keys=$work/allowed"
for kind in ed25519 ecdsa rsa; do
	sign "$work/$kind" "$kind"
	is "a commit signed with $kind" "changed main@sha1:$(tip repo)" "$(say poll)"
done
good=$(tip repo)
sign "$work/stranger" stranger
is "a stranger's commit is not applied" "failed PermissionDenied *$(tip repo) is not applied*not among the allowed*" "$(say poll)"
git_in repo reset -q --hard "$good"
put repo a.yaml "$(cluster b)"
commit repo unsigned
is "an unsigned commit is not applied" "failed PermissionDenied *$(tip repo) is not applied: the commit is not signed" "$(say poll)"
forged=$(git_in repo cat-file commit "$good" | sed 's/^rsa$/RSA/' | git_in repo hash-object -t commit -w --stdin)
git_in repo update-ref refs/heads/main "$forged"
is "a changed commit is not applied" "failed PermissionDenied *signature is wrong*" "$(say poll)"
git_in repo update-ref refs/heads/main "$good"
is "the good one still is" "unchanged main@sha1:$good" "$(say poll)"
git_in repo update-ref refs/heads/plain "$(git_in repo commit-tree -m plain "$good^{tree}" </dev/null)"
git_in repo -c gpg.format=ssh -c user.signingkey="$work/ed25519" tag -s -m signed signed-tag plain
git_in repo -c tag.gpgsign=false tag -a -m plain plain-tag plain
probe "git+file://$work/repo?verify-keys=$work/allowed&tag=signed-tag"
is "a signed tag vouches for its commit" "changed signed-tag@sha1:*" "$(say poll)"
probe "git+file://$work/repo?verify-keys=$work/allowed&tag=plain-tag"
is "an unsigned one does not" "failed PermissionDenied *neither the commit nor the tag*" "$(say poll)"

allowed_is() { # text, pattern, line of allowed_signers
	echo "$3" >"$work/allowed2"
	probe "git+file://$work/repo?verify-keys=$work/allowed2"
	is "$1" "$2" "$(say poll)"
}
sign "$work/ed25519" last
key=$(cat "$work/ed25519.pub")
allowed_is "a plain public key line" "changed *" "$key"
allowed_is "a key for other things only" "failed PermissionDenied *" "* namespaces=\"file\" $key"
allowed_is "several namespaces" "changed *" "* namespaces=\"file,git\" $key"
allowed_is "a key that is valid no more" "failed PermissionDenied *" "* valid-before=\"20200101\" $key"
allowed_is "a key that is valid now" "changed *" "* valid-after=\"20200101\",valid-before=\"20991231\" $key"
allowed_is "a certificate authority is not supported" "failed PermissionDenied *" "* cert-authority $key"
allowed_is "an empty list allows nobody" "failed PermissionDenied *" "# nobody"
allowed_is "nonsense allows nobody" "failed PermissionDenied *" "* ssh-ed25519 !!!!"
probe "git+file://$work/repo?verify-keys=$work/none"
is "a list that is not there" "failed NotFound *keys*" "$(say poll)"

# --- OpenPGP
if ! command -v gpg >/dev/null || ! command -v gpgv >/dev/null; then
	skip "OpenPGP signatures" "no gpg"
	finish
fi
export GNUPGHOME=$work/gnupg
mkdir -m 700 "$GNUPGHOME"
for who in good other; do
	gpg --batch --quiet --passphrase '' --quick-generate-key "$who@example.org" ed25519 sign never 2>>"$work/gpg.err"
done
gpg --batch --quiet --passphrase '' --quick-generate-key rsa@example.org rsa2048 sign never 2>>"$work/gpg.err"
if ! gpg --armor --export good@example.org >"$work/keys.asc" 2>/dev/null || [ ! -s "$work/keys.asc" ]; then
	skip "OpenPGP signatures" "gpg makes no keys here"
	finish
fi
gpg --armor --export rsa@example.org >>"$work/keys.asc"
sign_pgp() { # who
	put repo a.yaml "$(cluster a)
# $1 $RANDOM"
	git_in repo add -A
	git_in repo -c gpg.program=gpg -c user.signingkey="$1@example.org" commit -q -S -m "pgp $1"
}
probe "git+file://$work/repo?verify-keys=$work/keys.asc"
is "an SSH signature where OpenPGP keys are wanted" "failed PermissionDenied *" "$(say poll)"
for who in good rsa; do
	sign_pgp $who
	is "an OpenPGP signature ($who)" "changed main@sha1:$(tip repo)" "$(say poll)"
done
good=$(tip repo)
sign_pgp other
is "a foreign OpenPGP key" "failed PermissionDenied *not among the allowed*" "$(say poll)"
git_in repo update-ref refs/heads/main \
	"$(git_in repo cat-file commit "$good" | sed 's/^pgp rsa$/pgp RSA/' | git_in repo hash-object -t commit -w --stdin)"
is "a changed commit" "failed PermissionDenied *signature is wrong*" "$(say poll)"
gpgconf --kill all 2>/dev/null
finish
