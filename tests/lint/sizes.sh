#!/bin/bash
# Nothing grows beyond what a reader can hold: files 500 lines (lists of test cases 800), headers 200, functions 60,
# lines 160 columns (aim for 120). Tables that a program wrote say "Generated" in their first line and are left out.
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/tap.sh

ours() {
	find base crds render agent plugin-argocd flux tests/unit tests/fuzz -name '*.[ch]' | sort | while read -r file; do
		head -n 1 "$file" | grep -q Generated || echo "$file"
	done
}

files=$(ours)

long_files() { # shellcheck disable=SC2086
	wc -l $files | awk '$2 != "total" && ($1 > ($2 ~ /^tests/ ? 800 : 500) || ($2 ~ /\.h$/ && $2 !~ /^tests/ && $1 > 200)) { print; bad = 1 } END { exit bad }'
}

# A function's body opens and closes in the first column.
long_functions() { # shellcheck disable=SC2086
	awk '
		FNR == 1 { open = 0 }
		/^[a-z].*\(/ { name = $0 }
		/^\{/ { open = FNR }
		/^\}/ && open {
			if (FNR - open > 60) { print FILENAME ":" open ": " FNR - open " lines: " name; bad = 1 }
			open = 0
		}
		END { exit bad }' $files
}

long_lines() { # columns: a tab is eight, a character of several bytes is one; shellcheck disable=SC2086
	awk '
		{
			width = 0
			line = $0
			gsub(/[\200-\277]/, "", line)
			if (length(line) * 8 <= 160) next
			for (i = 1; i <= length(line); i++)
				width += substr(line, i, 1) == "\t" ? 8 - width % 8 : 1
			if (width > 160) { print FILENAME ":" FNR ": " width " columns"; bad = 1 }
		}
		END { exit bad }' $files
}

check "files have at most 500 lines, headers 200" long_files
check "functions have at most 60 lines" long_functions
check "lines have at most 160 columns" long_lines
finish
