#!/bin/bash
# What is generated and checked in is what the tables say today. To renew it: make gen
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/tap.sh
fresh=$(mktemp -d)
trap 'rm -rf "$fresh"' EXIT

generate() { mkdir -p "$fresh/crds" "$fresh/docs" && "$B/crds-gen" "$fresh"; }
same() { ! diff -r "$1" "$fresh/$1" | cut -c 1-160 | head -n 20 | grep .; }

check "the generator runs" generate
for folder in crds/yaml crds/json docs/reference; do
	check "$folder is up to date (make gen renews it)" same "$folder"
done
finish
