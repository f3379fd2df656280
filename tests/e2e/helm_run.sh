#!/bin/bash
# The Helm program as the agent runs it: what it finds, what it cannot do, how it is ended, whose lock it holds. First a program that
# tells and tries (tests/rig/helm/fake.c), then the real Helm, 4 and 3, with a real API server.
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/tap.sh
. tests/within.sh
. tests/port.sh
. tests/gotool.sh
. tests/rig/kube/lib.sh
B=${B:-build}
make -s B="$B" "$B/tests/rig/helm/drive" "$B/tests/rig/helm/fake" || exit 1
drive=$PWD/$B/tests/rig/helm/drive fake=$PWD/$B/tests/rig/helm/fake
case $B in /*) drive=$B/tests/rig/helm/drive fake=$B/tests/rig/helm/fake ;; esac
room=$(mktemp -d "${TMPDIR:-/tmp}/helm-run.XXXXXX")
children=
stop() {
	[ -z "$children" ] || kill -KILL $children 2>/dev/null
	kube_stop
	rm -rf "$room"
}
trap stop EXIT INT TERM
umask 077
mkdir "$room/programs" && cp "$fake" "$room/programs/helm" && fake=$room/programs/helm
cache=$room/cache
walls=auto
program=$fake
abi=$(python3 -c 'import ctypes; print(max(0, ctypes.CDLL(None).syscall(444, None, 0, 1)))' 2>/dev/null) || abi=0

cat >"$room/kubeconfig" <<-'END'
	apiVersion: v1
	users: [{name: agent, user: {token: token-of-the-cluster}}]
END
echo '{"password":"hunter2hunter2"}' >"$room/values"
echo chart >"$room/chart"
echo secret >"$room/secret"

# --- one run, and what came of it -------------------------------------------------------------------------------------

run() { # VERB KEY=VALUE…: its output is in $room/out
	"$drive" "$cache" "$program" "$walls" "$1" kubeconfig="$room/kubeconfig" values="$room/values" chart="$room/chart" "${@:2}" \
		>"$room/out" 2>&1
}
fake_does() { run install "description=say told $1 exit 1" "${@:2}"; }
told() { grep -qE -- "$1" "$room/out" || { echo "nothing is like «$1» in:"; cat "$room/out"; return 1; }; }
not_told() { ! grep -E -- "$1" "$room/out"; }
ends() { # what the first line is
	[ "$(head -n 1 "$room/out")" = "$1" ] || { echo "should be $1:"; cat "$room/out"; return 1; }
}
lock_is() { [ "$("$drive" "$cache" "$fake" auto lock one default web)" = "$1" ]; }
nothing_left() { [ -z "$(ls -A "$cache/run")" ] || { ls -A "$cache/run"; return 1; }; }
running() { # ID of the driver: Helm is at its work below it, no longer the child that becomes Helm, nor the question for its version
	local id words
	for id in $(pgrep -P "$1"); do
		words=$(tr '\0' ' ' <"/proc/$id/cmdline") 2>/dev/null
		case $words in omniops*) ;; *--kubeconfig*) helm_pid=$id && return ;; esac
	done
	return 1
}
gone() { [ ! -e "/proc/$1" ] || [ "$(sed 's/.*) //' "/proc/$1/stat" 2>/dev/null | cut -c 1)" = Z ]; }
begin() { # VERB KEY=VALUE…: in the background
	"$drive" "$cache" "$program" "$walls" "$1" kubeconfig="$room/kubeconfig" values="$room/values" chart="$room/chart" "${@:2}" \
		>"$room/out" 2>&1 &
	driver=$!
	children="$children $driver"
	within 10 running "$driver" && children="$children $helm_pid"
}

# --- what it finds ----------------------------------------------------------------------------------------------------

export KUBERNETES_SERVICE_HOST=10.0.0.1 HELM_KUBETOKEN=stray KUBECONFIG=/stray HELM_DEBUG=1 GODEBUG=x STRAY=stray
exec 9<"$room/secret"
check "it runs" fake_does tell
check "nothing of the agent's environment gets there" not_told '10\.0\.0\.1|stray|HELM_DEBUG|GODEBUG|HELM_KUBE'
variables() {
	diff - <(grep ^ENV "$room/out" | sed 's/^ENV //; s/=.*//' | sort) <<-'END'
		DOCKER_CONFIG
		GOMAXPROCS
		GOMEMLIMIT
		HELM_CACHE_HOME
		HELM_CONFIG_HOME
		HELM_CONTENT_CACHE
		HELM_DATA_HOME
		HELM_DRIVER
		HELM_MAX_HISTORY
		HELM_NO_PLUGINS
		HELM_PLUGINS
		HELM_REGISTRY_CONFIG
		HELM_REPOSITORY_CACHE
		HELM_REPOSITORY_CONFIG
		HOME
		KUBECACHEDIR
		NO_COLOR
		PATH
		TMPDIR
		XDG_CACHE_HOME
		XDG_CONFIG_HOME
		XDG_DATA_HOME
	END
}
check "its environment is what it needs" variables
check "its directory is empty and its own" told '^CWD \(directory of Helm\)/cwd$'
check "the API is remembered for each cluster by itself" told "^ENV KUBECACHEDIR=$cache/kube/[0-9a-f]{64}$"
check "standard input and output lead nowhere" told '^FD 0 /dev/null' && check "nor output" told '^FD 1 /dev/null'
check "what it says goes to memory" told '^FD 2 /memfd:errors'
check "the kubeconfig is sealed memory that can be read twice" told '^FD 3 /memfd:kubeconfig \(deleted\) 17 \[apiVersion: v1\] \[apiVersion: v1\]$'
check "so are the values, a secret of which is not told" told '^FD 4 /memfd:values \(deleted\) 17 .*password'
check "it has the lock of its release" told "^FD 5 $cache/locks/[0-9a-f]{64}"
check "the chart is the file that was open" told "^FD 6 $room/chart 0 \[chart\]"
check "no other descriptor gets there" not_told '^FD ([789]|[0-9]{2})'
check "no core file" told '^LIMIT core 0$' && check "no endless file" told '^LIMIT file 67108864$'
check "no privileges to gain, a session of its own" told '^PRIVILEGES 1 SESSION 1$'
check "nothing of values and kubeconfig in its arguments" not_told '^ARG.*(hunter2|token-of)'
check "nothing is left behind" nothing_left

# --- what it cannot do ------------------------------------------------------------------------------------------------

port=$(free_port) other=$(free_port)
python3 - "$port" "$other" "$room/socket" <<-'END' &
	import signal, socket, sys
	kept = []
	for port in sys.argv[1:3]:
	    s = socket.socket(); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1); s.bind(("127.0.0.1", int(port))); s.listen(); kept.append(s)
	s = socket.socket(socket.AF_UNIX); s.bind(sys.argv[3]); s.listen(); kept.append(s)
	signal.pause()
END
children="$children $!"
within 10 test -S "$room/socket"

tries="read $room/secret read /etc/shadow read /proc/$$/environ write $room/new write $HOME/.stray run /bin/true connect $other connect $port unix $room/socket mount $room signal $$"
fake_does "$tries" server="https://127.0.0.1:$port/k8s"
if [ "$abi" -ge 1 ]; then
	check "a file of the agent cannot be read" told "^REFUSED read $room/secret: Permission"
	check "nor one of the system" told '^REFUSED read /etc/shadow'
	check "nor the agent's environment" told "^REFUSED read /proc/$$/environ"
	check "nothing can be written elsewhere" told "^REFUSED write $room/new" && check "nor at home" told "^REFUSED write $HOME/.stray"
	check "no other program can be run" told '^REFUSED run /bin/true'
else
	skip "files are out of reach" "the kernel has no Landlock"
fi
if [ "$abi" -ge 4 ]; then
	check "no port but that of the API server can be reached" told "^REFUSED connect $other"
else
	skip "no port but that of the API server can be reached" "the kernel's Landlock has no network"
fi
if [ "$abi" -ge 6 ]; then
	check "no other process can be signalled" told "^REFUSED signal $$"
else
	skip "no other process can be signalled" "the kernel's Landlock has no scopes"
fi
check "the API server can be reached" told "^DONE connect $port"
check "no daemon of the machine can be" told "^REFUSED unix $room/socket"
check "nothing can be mounted" told '^REFUSED mount'
check "no file was made" test ! -e "$room/new"
walls=off fake_does "read $room/secret write $room/new run /bin/true connect $other unix $room/socket"
check "all of that is the walls' doing" told "^DONE read $room/secret"
check "also the network" told "^DONE connect $other"
check "and the daemons" told "^DONE unix $room/socket"
walls=require fake_does "tell"
if [ "$abi" -ge 1 ]; then check "required walls are there" ends "EXITED 1"; else check "required walls are missed" told '^FAIL Unsupported .*Landlock'; fi

# --- what is told -------------------------------------------------------------------------------------------------------

run install "description=say the_value_hunter2hunter2_and_token-of-the-cluster exit 1" secret=hunter2hunter2
check "secrets are not told" told '^the value \*\*\* and \*\*\*$'
run install
check "success says nothing" test "$(cat "$room/out")" = "EXITED 0"
run install "description=exit 3"
check "a silent failure is one" told '^Helm ended with status 3$'
run install "description=say oops die 11"
check "so is a death" told '^Helm was killed by signal 11 .*: oops$'
run install "description=flood"
check "who writes without end is stopped" told '^Helm was killed by signal 25 '
run install "release=-x"
check "names are names" told '^FAIL Invalid .*"-x" cannot be the name of a release'
run uninstall
check "a call without what it needs is refused" told '^FAIL Bug'

# --- how it ends --------------------------------------------------------------------------------------------------------

started=$SECONDS
run install "description=sleep 30" limit=300
check "who takes too long is ended" ends "TIMED_OUT 15"
check "and it is said" told '^Helm did not end within 0 s and was ended'
run install "description=deaf 30" limit=300 atomic=1
check "who rolls back by itself is not asked to end" ends "TIMED_OUT 9"
check "all of that was quick" test $((SECONDS - started)) -lt 10

begin install "description=sleep 60"
check "while it runs, its lock is held" lock_is held
run install
check "a second one does not begin" told '^FAIL Conflict Helm still works on this release'
"$drive" "$cache" "$fake" auto lock one default other >"$room/other"
check "the lock of another release is free" grep -qx free "$room/other"
kill -TERM "$driver" && wait "$driver"
check "when the agent ends, it is asked to end" within 5 gone "$helm_pid"
check "then the lock is free" lock_is free

begin install "description=sleep 3" atomic=1
kill -TERM "$driver" && wait "$driver"
check "when the agent ends, one that rolls back by itself is left" ends "LEFT 0"
check "it goes on" kill -0 "$helm_pid"
check "and has its lock" lock_is held
check "until it has ended" within 10 lock_is free

begin install "description=sleep 3"
kill -KILL "$driver" && wait "$driver" 2>/dev/null
check "when the agent is killed, it goes on" kill -0 "$helm_pid"
check "and has its lock, too" lock_is held
check "until it has ended, too" within 10 lock_is free
check "what it left is removed by the next run" eval 'run install && nothing_left'

begin preview-install "description=sleep 60"
kill -KILL "$driver" && wait "$driver" 2>/dev/null
check "a preview ends with the agent" within 5 gone "$helm_pid"

# --- which program ------------------------------------------------------------------------------------------------------

version() { "$drive" "$cache" "$program" auto version >"$room/out" 2>&1; }
version
check "its version is asked" told "^4\.2 $fake$"
program=$room/none version
check "there has to be one" told '^FAIL NotFound Helm \(--helm='
chmod g+w "$fake" && version
check "nobody else may change it" told '^FAIL PermissionDenied .*chmod go-w'
chmod g-w,a-x "$fake" && version
check "it has to be a program" told '^FAIL PermissionDenied .*no program'
chmod 700 "$fake"
mkdir "$room/open" && cp "$fake" "$room/open/helm" && chmod 777 "$room/open"
program=$room/open/helm version
check "nor its folder" told '^FAIL PermissionDenied .*/open can be changed'
program=/bin/true version
check "it has to be Helm" told '^FAIL Unsupported .*is it Helm'
program= version
check "without a name it is looked for in PATH" not_told "$fake"
PATH=$room/programs:$PATH program= version
check "and found there" told "^4\.2 $fake$"

# --- the real one -------------------------------------------------------------------------------------------------------

kube_need "Helm with an API server"
unset KUBECONFIG KUBERNETES_SERVICE_HOST HELM_KUBETOKEN HELM_DEBUG GODEBUG
kube_start workload || { fail "the API server starts"; finish; }
kube_ctl config view --raw --flatten -o json >"$room/kubeconfig" 2>/dev/null
tar -C tests/rig/helm -czf "$room/chart" demo

records() { # NAMESPACE: "REVISION:STATUS …"
	kube_ctl get secret --namespace "$1" -l owner=helm -o json | jq -r '[.items[].metadata.labels] | sort_by(.version | tonumber) | map(.version + ":" + .status) | join(" ")'
}
records_are() {
	local got
	got=$(records "$1")
	[ "$got" = "$2" ] || { echo "records are «$got», should be «$2»"; cat "$room/out"; return 1; }
}
text_is() { [ "$(kube_ctl get configmap web --namespace "$1" -o 'jsonpath={.data.text}')" = "$2" ]; }
act() { # VERB KEY=VALUE…: in $ns
	run "$@" namespace="$ns" server="$kube_url" cluster="$ns" label=team=rig
}
values() { echo "$1" >"$room/values"; }
hook_waits() { kube_ctl get job web-hook --namespace "$ns" >/dev/null 2>&1; }

real() { # MAJOR
	ns=with-$1
	values '{"text": "one"}'
	act install create_namespace=1 wait=1
	check "Helm $1 installs, behind every wall" ends "EXITED 0"
	check "Helm $1: what it made is there" text_is "$ns" one
	check "Helm $1: its record has our label" eval '[ "$(kube_ctl get secret -n "$ns" -l owner=helm,team=rig -o name | wc -l)" = 1 ]'
	values '{"text": "two"}'
	act preview-upgrade output="$room/preview"
	check "Helm $1: a preview ends well" ends "EXITED 0"
	check "Helm $1: a preview shows what it would make" eval 'jq -r .manifest "$room/preview" | grep -q "text: \"two\""'
	check "Helm $1: a preview changes nothing" records_are "$ns" 1:deployed
	act upgrade wait=1
	check "Helm $1 upgrades" records_are "$ns" "1:superseded 2:deployed"
	values '{}'
	act upgrade
	check "Helm $1: values that are gone are gone" text_is "$ns" hello
	act rollback revision=1 chart=
	check "Helm $1 rolls back" text_is "$ns" one
	values '{"crash": true}'
	act upgrade
	check "Helm $1: a failure is told in Helm's words, without its prefix" told '^([^E].*)?Not-A-Name' && first=$(cat "$room/out")
	act upgrade
	check "Helm $1: and in the same words again" test "$(cat "$room/out")" = "$first"
	check "Helm $1: it is in the records" eval 'records "$ns" | grep -qE "4:deployed 5:failed 6:failed$"'
	values '{"text": "three", "hook": true}'
	started=$SECONDS
	act upgrade limit=2500 timeout_ms=60000
	check "Helm $1: an upgrade that hangs is ended" eval 'grep -qE "^TIMED_OUT" "$room/out" && [ $((SECONDS - started)) -lt 30 ]'
	check "Helm $1: and marked as failed" eval 'records "$ns" | grep -qE " 7:failed$"'
	act upgrade limit=2500 timeout_ms=60000 atomic=1
	check "Helm $1: an atomic one is killed" ends "TIMED_OUT 9"
	check "Helm $1: which leaves it pending, and the lock free" eval 'records "$ns" | grep -qE " 8:pending-upgrade$" && lock_is free'
	act rollback revision=1 chart=
	begin upgrade namespace="$ns" server="$kube_url" cluster=one timeout_ms=2500
	within 10 hook_waits
	kill -KILL "$driver" && wait "$driver" 2>/dev/null
	lock_name="$("$drive" "$cache" "$fake" auto lock one "$ns" web)"
	check "Helm $1: one that outlives the agent has the lock" test "$lock_name" = held
	free_again() { [ "$("$drive" "$cache" "$fake" auto lock one "$ns" web)" = free ]; }
	check "Helm $1: until it has ended" within 20 free_again
	check "Helm $1: which it did by itself" eval 'records "$ns" | grep -qE " 10:failed$"'
	values '{}'
	act uninstall chart=
	check "Helm $1 uninstalls" records_are "$ns" ""
	act uninstall chart=
	check "Helm $1: what is not there cannot be" told 'not found'
	check "Helm $1: nothing is left behind" nothing_left
}

[ "$abi" -ge 1 ] && walls=require
for version in v4/cmd/helm:v4.2.3 v3/cmd/helm:v3.19.0; do
	if go_tool "helm.sh/helm/${version%:*}" "${version#*:}"; then
		program=$tool
		real "${version%%/*}"
	else
		skip "Helm ${version%%/*}" "it cannot be built: $(go_tool_reason)"
	fi
done
finish
