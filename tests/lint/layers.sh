#!/bin/bash
# Includes point only downwards, and every library has its rooms. The tables below are the architecture.
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/tap.sh

# room | what it may include of ours: rooms, or single headers
ROOMS='
base            | base
crds            | base crds
render          | base crds render
agent/source    | base crds render agent/source agent/kube/cache.h
agent/grpc      | base agent/grpc
agent/auth      | base agent/auth
agent/omni      | base crds render agent/grpc agent/auth agent/omni agent/omni/proto
agent/kube      | base crds render agent/kube
agent/plan      | base crds render agent/plan agent/omni/store.h agent/omni/health.h
agent/export    | base crds render agent/export agent/plan agent/omni/store.h
agent/workload  | base crds render agent/workload agent/kube
agent/helm      | base crds render agent/helm agent/workload agent/kube
agent/handlers  | base crds render agent/handlers agent/helm agent/workload agent/kube agent/omni/management.h agent/omni/store.h agent/report
agent/report    | base crds render agent/report agent/plan agent/omni/store.h agent/omni/health.h
agent/controller | base crds render agent/controller agent/kube agent/report
agent/settings  | base crds render agent/settings agent/grpc/endpoint.h agent/omni
agent           | base crds render agent agent/settings agent/controller agent/grpc/endpoint.h agent/source agent/omni agent/kube agent/plan agent/export agent/handlers agent/helm agent/workload agent/report
agent/commands  | base crds render agent/commands agent/agent.h agent/settings agent/grpc/endpoint.h agent/source agent/omni agent/kube agent/plan agent/export agent/report agent/helm/run.h
plugin-argocd   | base crds render plugin-argocd
flux            | base crds render flux
'

# header (or its folder) | the rooms or files that may include it
LIBRARIES='
yaml.h          | render
git2.h          | agent/source
git2/           | agent/source
zlib.h          | agent/grpc agent/helm
curl/           | agent/grpc agent/kube agent/source agent/helm
jansson.h       | agent
microhttpd.h    | agent/http.c
protobuf-c/     | agent/omni
zstd.h          | agent/omni agent/kube
seccomp.h       | agent/source agent/helm
linux/landlock.h | base/enclose.c agent/source agent/helm
linux/seccomp.h | base/enclose.c agent/source agent/helm
openssl/        | base/digest.c agent
sys/socket.h    | agent
netinet/        | agent
netdb.h         | agent
sys/epoll.h     | agent
sys/inotify.h   | agent
pthread.h       | agent base/log.h base/queue.c
time.h          | agent base/clock.c base/queue.c base/banned.h
locale.h        | base/banned.h
cmocka.h        | tests
'

# Rendering is a pure function: no clock, no logs, no secrets, no environment.
NOT_IN_RENDER='"base/(clock|log|secret)\.h"|\b(getenv|secure_getenv|getpid|getrandom|clock_gettime|gettimeofday)\('

is_below() { # path, place: the place is the path itself, its folder or one above
	case $1 in "$2" | "$2"/*) return 0 ;; esac
	return 1
}

room_may() { # included path, allowed places
	local place
	for place in $2; do
		case $place in
		*.h) [ "$1" = "$place" ] && return 0 ;;
		*) [ "${1%/*}" = "$place" ] && return 0 ;;
		esac
	done
	return 1
}

wrong_includes() { # room, allowed places: prints file:line: include; fails when there is one
	local room=$1 found=0 file line path
	while IFS=: read -r file line path; do
		[ -n "$file" ] || continue
		room_may "$path" "$2" && continue
		echo "$file:$line: \"$path\" is not below $room"
		found=1
	done < <(grep -noE '^ *# *include +"[^"]+"' "$room"/*.[ch] /dev/null | sed -E 's/# *include +"([^"]+)"/\1/; s/: +/:/')
	return $found
}

wrong_libraries() { # header, allowed places
	local found=0 file rest place fine
	while IFS=: read -r file rest; do
		[ -n "$file" ] || continue
		fine=no
		for place in $2; do
			is_below "$file" "$place" && fine=yes
		done
		[ $fine = yes ] && continue
		echo "$file:${rest%%:*}: <$1> belongs into: $2"
		found=1
	done < <(grep -rnE --include='*.[ch]' "^ *# *include +<${1//./\\.}" base crds render agent plugin-argocd flux)
	return $found
}

unlisted_rooms() {
	local folder found=0
	for folder in $(find base crds render agent plugin-argocd flux -name '*.[ch]' -printf '%h\n' | sort -u); do
		grep -qE "^$folder +\|" <<<"$ROOMS" && continue
		echo "$folder is in no list: add it to tests/lint/layers.sh and mk/rooms.mk"
		found=1
	done
	return $found
}

impure_render() {
	! grep -nE "$NOT_IN_RENDER" render/*.[ch] crds/*.[ch]
}

while IFS='|' read -r room allowed; do
	room=${room// /}
	[ -d "${room:-/nowhere}" ] || continue
	check "$room includes only what is below it" wrong_includes "$room" "$allowed"
done <<<"$ROOMS"
while IFS='|' read -r header allowed; do
	header=${header// /}
	[ -n "$header" ] || continue
	check "<$header> is used in its rooms only" wrong_libraries "$header" "$allowed"
done <<<"$LIBRARIES"
check "every folder with code is a room" unlisted_rooms
check "render/ and crds/ use no clock, log, secret or environment" impure_render
finish
