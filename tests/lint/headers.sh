#!/bin/bash
# Every header compiles alone.
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/tap.sh
check "every header compiles alone" make -s -k B="$B" check-headers
finish
