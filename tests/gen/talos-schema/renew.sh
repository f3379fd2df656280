#!/bin/sh
# Writes render/talos_schema_data.c anew (or, with an argument, the file named). Needs Go and its module proxy.
set -eu
out=${1:-$(dirname "$0")/../../../render/talos_schema_data.c}
tmp=$(mktemp)
trap 'rm -f "$tmp"' EXIT
go=${GO:-go}
GOPROXY=${GOPROXY:-$("$go" env GOPROXY)}
GOPROXY=${GOPROXY%,direct}
export GOPROXY GOTOOLCHAIN=local
(cd "$(dirname "$0")" && PATH="$(dirname "$(command -v "$go")"):$PATH" "$go" run .) >"$tmp"
cat "$tmp" >"$out"
