#!/bin/bash
# Directories: plain ones, git-sync's link, a kubelet volume; also while they flip all the time.
cd "$(dirname "$0")/../.." || exit 1
. tests/tap.sh
. tests/rig/git/lib.sh

# --- a plain directory
mkdir -p "$work/plain/sub"
cluster a >"$work/plain/a.yaml"
cluster b >"$work/plain/sub/b.yaml"
echo 'machine: {}' >"$work/plain/x.patch"
probe "dir:$work/plain"
is "a plain directory" "changed sha256:*" "$(say poll)"
is "its documents" "file a.yaml * file sub/b.yaml *" "$(all files | tr '\n' ' ')"
is "rendered" "fleet clusters=2 errors=0 incomplete=0" "$(say render)"
is "other files can be read" "bytes 12 *" "$(say read x.patch)"
is "nothing happens by itself" quiet "$(say wait 300)"
is "nothing changed" "unchanged sha256:*" "$(say poll)"
echo '# comment' >>"$work/plain/sub/b.yaml"
is "a write wakes up" event "$(say wait 3000)"
is "and is a change" "changed sha256:*" "$(say poll)"
touch "$work/plain/a.yaml"
is "a touch is none" "unchanged sha256:*" "$(say poll)"
echo 'machine: {type: worker}' >"$work/plain/x.patch"
is "a patch file counts" "changed sha256:*" "$(say poll)"
mkdir "$work/plain/new" && say wait 1000 >/dev/null && say poll >/dev/null
cluster c >"$work/plain/new/c.yaml"
is "new directories are watched" event "$(say wait 3000)"
is "and read" "changed sha256:*" "$(say poll)"
chmod 000 "$work/plain/a.yaml"
if [ ! -r "$work/plain/a.yaml" ]; then
	is "an unreadable file" "changed *" "$(say poll)"
	is "is an error" "note error Unreadable a.yaml *" "$(all notes)"
else
	skip "an unreadable file" "root reads everything"
fi
chmod 644 "$work/plain/a.yaml"
mkdir -p "$work/plain/.git" && touch "$work/plain/.git/index.lock"
cluster d >"$work/plain/d.yaml"
is "while git writes the directory is not read" "failed Unavailable *index.lock*" "$(say poll)"
rm "$work/plain/.git/index.lock"
is "afterwards it is" "changed sha256:*" "$(say poll)"
mv "$work/plain" "$work/away"
is "a directory that is gone is a failure" "failed NotFound *stays as it is*" "$(say poll)"
mkdir "$work/plain"
is "an empty one too" "failed NotFound *taken for a mistake*" "$(say poll)"
rmdir "$work/plain" && mv "$work/away" "$work/plain"
is "it is fine when it is back" "unchanged sha256:*" "$(say poll)"
head -c 2000000 /dev/zero | tr '\0' x >"$work/plain/big.bin"
is "a big file beside" "changed *" "$(say poll)"
is "is read when it is asked for" "bytes 2000000 *" "$(say read big.bin)"
is "and counts from then on" "unchanged *" "$(say poll)"
printf y | dd of="$work/plain/big.bin" bs=1 conv=notrunc 2>/dev/null
is "when it changes" "changed *" "$(say poll)"
mkdir -p "$work/top/in"
cluster t >"$work/top/in/t.yaml"
echo one >"$work/top/beside.txt"
ln -s ../../plain/a.yaml "$work/top/in/link.yaml"
probe "dir:$work/top?path=in"
is "a path inside" "changed *" "$(say poll)"
is "a link out of the directory is an error" "note error LinkUnreadable in/link.yaml *" "$(all notes)"
is "paths are relative to the directory" "file in/t.yaml *" "$(all files)"
is "a file beside the path" "bytes 4 one" "$(say read beside.txt)"
echo two >"$work/top/beside.txt"
is "counts once it was read" "changed *" "$(say poll)"
is "only once" "unchanged *" "$(say poll)"

# --- git-sync: worktrees and a link that is renamed over the old one
publish() { # number
	local hash
	hash=$(printf '%040x' "$1")
	mkdir -p "$work/sync/.worktrees/$hash"
	for name in a b c d e f g h; do
		printf '# %s\nkind: Cluster\nname: %s\n' "$1" "$name" >"$work/sync/.worktrees/$hash/$name.yaml"
	done
	ln -s ".worktrees/$hash" "$work/sync/tmp-link"
	mv -T "$work/sync/tmp-link" "$work/sync/current"
}
mkdir -p "$work/sync"
probe "dir:$work/sync/current"
is "before the first sync it is not ready" "failed NotFound *does not exist (yet)*" "$(say poll)"
publish 1
is "the first sync wakes up" event "$(say wait 3000)"
is "with the commit as revision" "changed sha1:$(printf '%040x' 1)" "$(say poll)"
publish 2
is "a flip wakes up" event "$(say wait 3000)"
is "and is read" "changed sha1:$(printf '%040x' 2)" "$(say poll)"
echo "# more" >>"$work/sync/.worktrees/$(printf '%040x' 2)/a.yaml"
is "writes behind the link do not wake up" quiet "$(say wait 300)"
rm -rf "$work/sync/.worktrees/$(printf '%040x' 1)"

publish 3
say poll >/dev/null

mixed=0
results=0
(
	for number in $(seq 10 400); do
		publish "$number"
		rm -rf "$work/sync/.worktrees/$(printf '%040x' $((number - 1)))"
	done
	touch "$work/done"
) &
while [ ! -e "$work/done" ]; do
	case $(say poll) in changed*) ;; *) continue ;; esac
	results=$((results + 1))
	lines=$(for name in a b c d e f g h; do say read $name.yaml; done | sort -u)
	[ "$(wc -l <<<"$lines")" = 1 ] && continue
	mixed=$((mixed + 1))
	printf '# mixed: %s\n' "${lines//$'\n'/ | }"
done
wait $!
is "no tree is mixed while the link flips ($results trees)" 0 "$mixed"
say poll >/dev/null
is "the last flip is what is read" "bytes * # 400" "$(say read a.yaml)"
rm "$work/sync/current"
is "a link that is gone is not ready" "failed NotFound *" "$(say poll)"

# --- kubelet: files are links into ..data
flip() { # number
	mkdir "$work/volume/..$1"
	cluster "k$1" >"$work/volume/..$1/a.yaml"
	ln -s "..$1" "$work/volume/..data_tmp"
	mv -T "$work/volume/..data_tmp" "$work/volume/..data"
	rm -rf "$work/volume/..$(($1 - 1))"
}
mkdir -p "$work/volume"
flip 1
ln -s ..data/a.yaml "$work/volume/a.yaml"
probe "dir:$work/volume"
is "a kubelet volume" "changed sha256:*" "$(say poll)"
is "its file" "file a.yaml *" "$(all files)"
flip 2
is "an update wakes up" event "$(say wait 3000)"
is "and is read" "changed sha256:*" "$(say poll)"
(for number in $(seq 3 200); do flip "$number"; done; touch "$work/done2") &
bad=0
while [ ! -e "$work/done2" ]; do
	case $(say poll) in failed\ NotFound*) bad=$((bad + 1)) ;; esac
done
wait $!
is "it is never taken for empty while it flips" 0 "$bad"
say poll >/dev/null
is "the last update is what is read" "fleet clusters=1 *" "$(say render)"
finish
