#!/bin/bash
# What `validate -o sarif` prints, against the published schema of SARIF 2.1.0. Needs Python's jsonschema and npm, whose
# registry has the schema in a package; without them it is skipped.
cd "$(dirname "$0")/../.." || exit 1
. tests/tap.sh
. tests/e2e/lib.sh

cache=${XDG_CACHE_HOME:-$HOME/.cache}/omniops
schema=$cache/sarif-2.1.0.json

fetch_schema() {
	[ -s "$schema" ] && return
	command -v npm >/dev/null || return 1
	mkdir -p "$cache" "$room/npm"
	(cd "$room/npm" && timeout 60 npm pack --silent @microsoft/jest-sarif@1.0.0-beta.0 && tar xzf ./*.tgz) >/dev/null 2>&1 &&
		cp "$room/npm/package/lib/schemas/sarif-2.1.0-rtm.5.json" "$schema.$$" && mv "$schema.$$" "$schema"
}

cat >"$room/validator.py" <<'END'
import json, sys
from jsonschema.validators import validator_for
schema, report = (json.load(open(name, encoding="utf-8")) for name in sys.argv[1:])
validator_for(schema)(schema).validate(report)
END

mkdir "$room/in"
printf 'kind: Cluster\nname: \xc3\xb6\xc3\xb6: x\n---\nkind: Cluster\nname: a\nnmae: b\n' >"$room/in/a b.yaml"
check "a broken tree is reported" exits 1 omniops validate -o sarif "$room/in"
cp "$room/out" "$room/broken.sarif"
check "… the document behind the broken one too" says '"startLine": 6'
check "… in columns of UTF-16" says '"startLine": 2, "startColumn": 9'
check "the examples are reported" exits 0 omniops validate -o sarif examples/fleet
cp "$room/out" "$room/fine.sarif"

if ! python3 -c 'import jsonschema' 2>/dev/null; then
	skip "the reports keep to the schema" "python3 has no jsonschema"
elif ! fetch_schema; then
	skip "the reports keep to the schema" "no package registry"
else
	for report in broken fine; do
		check "the report $report keeps to the schema" python3 "$room/validator.py" "$schema" "$room/$report.sarif"
	done
fi
finish
