#!/bin/bash
# Git on this machine: what a commit, a force-push, a missing branch, an empty tree, odd entries in a tree do.
cd "$(dirname "$0")/../.." || exit 1
. tests/tap.sh
. tests/rig/git/lib.sh

new_repo repo
put repo clusters/a.yaml "$(cluster a)"
put repo patches/x.yaml 'machine: {}'
put repo README.txt 'hello'
commit repo one
probe "git+file://$work/repo?ref=main&path=clusters"
is "the first poll gives a tree with its revision" "changed main@sha1:$(tip repo)" "$(say poll)"
is "documents below the path are inputs" "file clusters/a.yaml *" "$(all files)"
is "they render in the sandbox" "fleet clusters=1 errors=0 incomplete=0" "$(say render)"
is "nothing changed" "unchanged main@sha1:$(tip repo)" "$(say poll)"
put repo README.txt 'changed'
commit repo two
is "a commit beside the path moves the revision only" "unchanged main@sha1:$(tip repo)" "$(say poll)"
put repo clusters/b.yaml "$(cluster b)"
commit repo three
is "a commit below the path is a change" "changed main@sha1:$(tip repo)" "$(say poll)"
is "a file beside the path can be read" "bytes 12 machine: {}" "$(say read patches/x.yaml)"
put repo patches/x.yaml 'machine: {type: worker}'
commit repo four
is "from then on a change of it is a change" "changed main@sha1:$(tip repo)" "$(say poll)"
is "and is what is read" "bytes 24 machine: {type: worker}" "$(say read patches/x.yaml)"
is "an absent file is absent" "failed NotFound *" "$(say read patches/none.yaml)"
is "no path leads out" "failed Invalid *" "$(say read ../repo/README.txt)"
is "no absolute path" "failed Invalid *" "$(say read /etc/passwd)"

git_in repo reset -q --hard HEAD~2
is "a force-push is followed" "changed main@sha1:$(tip repo)" "$(say poll)"
good=$(tip repo)
git_in repo branch -q -m main other
is "a deleted branch is a failure that names it" "failed NotFound *no branch or tag main*stays as it is" "$(say poll)"
git_in repo branch -q -m other main
is "and when it is back all is well" "unchanged main@sha1:$good" "$(say poll)"
git_in repo rm -q -r --cached clusters && git_in repo commit -q -m gone
is "a path that is gone is a failure" "failed NotFound *path clusters*" "$(say poll)"
git_in repo update-ref refs/heads/main "$(git_in repo commit-tree -m empty 4b825dc642cb6eb9a060e54bf8d69288fbee4904 </dev/null)"
is "an empty tree too" "failed NotFound *" "$(say poll)"
git_in repo reset -q --hard "$good"
echo zzzz >"$work/repo/.git/refs/heads/main"
is "a broken ref too" "failed *" "$(say poll)"
echo "$good" >"$work/repo/.git/refs/heads/main"
is "the tree comes back unchanged" "unchanged main@sha1:$good" "$(say poll)"
is "a file can be read after the reader was let go" "bytes *" "$(say render >/dev/null; say read patches/x.yaml)"
is "after forget it is handed out again" ok "$(say forget)"
is "as a change" "changed main@sha1:$good" "$(say poll)"

new_repo empty
probe "git+file://$work/empty"
is "an empty repository is a failure" "failed NotFound *empty*" "$(say poll)"
probe "git+file://$work/none"
is "no repository at all is a failure" "failed NotFound *" "$(say poll)"

git_in repo tag v1 "$good"
git_in repo -c tag.gpgsign=false tag -a -m annotated v2 "$good"
probe "git+file://$work/repo?tag=v2"
is "an annotated tag" "changed v2@sha1:$good" "$(say poll)"
probe "git+file://$work/repo?ref=v1"
is "ref= takes a tag when there is no such branch" "changed v1@sha1:$good" "$(say poll)"
probe "git+file://$work/repo?commit=$good"
is "a pinned commit" "changed sha1:$good" "$(say poll)"
probe "git+file://$work/repo"
is "without a ref the default branch" "changed main@sha1:$good" "$(say poll)"
git clone -q --bare --depth 1 "file://$work/repo" "$work/shallow.git"
probe "git+file://$work/shallow.git"
is "a shallow clone" "changed main@sha1:$good" "$(say poll)"

# --- odd trees
new_repo odd
put odd c/a.yaml "$(cluster a)"
ln -s a.yaml "$work/odd/c/inside.yaml"
ln -s ../../../etc/passwd "$work/odd/c/outside.yaml"
ln -s /etc/passwd "$work/odd/c/absolute.yaml"
ln -s ../c "$work/odd/c/loop"
ln -s circle2.yaml "$work/odd/c/circle1.yaml"
ln -s circle1.yaml "$work/odd/c/circle2.yaml"
put odd c/lfs.yaml "version https://git-lfs.github.com/spec/v1
oid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393
size 12345"
put odd c/.hidden.yaml "$(cluster hidden)"
git_in odd add -A
git_in odd update-index --add --cacheinfo "160000,$good,c/module"
git_in odd commit -q -m odd
probe "git+file://$work/odd?path=c"
is "odd entries do not stop the tree" "changed *" "$(say poll)"
notes=$(all notes)
is "a link out of the tree is an error" "*note error LinkUnreadable c/outside.yaml *" "$notes"
is "an absolute link too" "*note error LinkUnreadable c/absolute.yaml *" "$notes"
is "links in a circle too" "*note error LinkUnreadable c/circle1.yaml *" "$notes"
is "a linked directory is a warning" "*note warning LinkedDirectory c/loop *" "$notes"
is "a submodule is an error" "*note error Submodule c/module *" "$notes"
is "an LFS pointer is an error" "*note error LfsPointer c/lfs.yaml *" "$notes"
is "links inside are followed, hidden files are not read" "file c/a.yaml *
file c/inside.yaml *" "$(all files)"
is "the fleet knows that it is incomplete" "fleet clusters=* incomplete=1" "$(say render)"
is "a link cannot be read out of the tree" "failed Invalid *" "$(say read c/outside.yaml)"
is "a linked directory can be read through" "bytes *" "$(say read c/loop/a.yaml)"

# --- crafted trees, limits
blob=$(cluster a | git_in odd hash-object -w --stdin)
for name in .. .git .GIT a/b; do
	tree=$( (printf '100644 %s\0' "$name"; printf '%s' "$blob" | sed 's/../\\x&/g' | xargs -0 printf '%b') |
		git_in odd hash-object -t tree -w --literally --stdin)
	git_in odd update-ref refs/heads/crafted "$(git_in odd commit-tree -m crafted "$tree" </dev/null)"
	probe "git+file://$work/odd?ref=crafted"
	is "a crafted entry $name refuses the revision" "failed Invalid *crafted*" "$(say poll)"
done
twice=$(printf '%s' "$blob" | sed 's/../\\x&/g')
tree=$(printf "100644 a.yaml\\0${twice}100644 a.yaml\\0${twice}" |
	git_in odd hash-object -t tree -w --literally --stdin)
git_in odd update-ref refs/heads/crafted "$(git_in odd commit-tree -m crafted "$tree" </dev/null)"
probe "git+file://$work/odd?ref=crafted"
is "the same name twice too" "failed Invalid *crafted*" "$(say poll)"
new_repo big
put big a.yaml "$(cluster a)"
head -c 300000 /dev/zero | tr '\0' '#' >"$work/big/big.yaml"
commit big one
PROBE_MAX_FILE=100000 probe "git+file://$work/big"
is "a file that is too big" "changed *" "$(say poll)"
is "is an error" "note error FileTooBig big.yaml 300000 bytes*" "$(all notes)"

for url in "https://example.org/x" "git@host:org/repo" "git+https://user:pass@host/x" "git+http://example.org/x" \
	"git+file://relative" "git+https://host/x?nonsense=1" "git+https://host/x?path=../up" "dir:/x?ref=main" \
	"git+https://host/x?commit=123" "git+https:///x"; do
	is "refused: $url" "failed Invalid *" "$("$program" "$url" </dev/null)"
done
finish
