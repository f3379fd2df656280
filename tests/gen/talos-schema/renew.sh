#!/bin/sh
# Writes render/talos_schema_data.c anew (or, with an argument, the file named). Needs Go and the Go module proxy.
set -eu
cd "$(dirname "$0")"
out=${1:-../../../render/talos_schema_data.c}
case ${GOPROXY:-} in
'' | *,direct) GOPROXY=https://proxy.golang.org ;;
esac
export GOPROXY GOTOOLCHAIN=local
tmp=$(mktemp)
trap 'rm -f "$tmp"' EXIT
go run . >"$tmp"
cat "$tmp" >"$out"
