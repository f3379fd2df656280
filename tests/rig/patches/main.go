// Compares the verdicts of render/patch_check.h with those of Talos's own configuration loader, or of the patch validation
// in Omni's client packages:
//
//	patches loader|omni RECORDS VERDICTS
//
// RECORDS: a decimal length, a newline, that many bytes, and so on. VERDICTS: a line per record, empty when accepted
// (both from ours/). Prints the differences and a summary; the exit status tells whether there were any that are not
// explained.
package main

import (
	"bytes"
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"
)

const shown = 10

var nullVersion = regexp.MustCompile(`apiVersion: (null|~), kind: .*\$patch: delete`)

type record struct {
	text, ours string
}

func read(recordsName, verdictsName string) ([]record, error) {
	data, err := os.ReadFile(recordsName)
	if err != nil {
		return nil, err
	}

	verdicts, err := os.ReadFile(verdictsName)
	if err != nil {
		return nil, err
	}

	lines := strings.Split(string(verdicts), "\n")

	var records []record

	for len(data) > 0 {
		line, rest, _ := bytes.Cut(data, []byte("\n"))

		size, err := strconv.Atoi(string(line))
		if err != nil || size > len(rest) || len(records) >= len(lines) {
			return nil, fmt.Errorf("the files do not belong together")
		}

		records = append(records, record{text: string(rest[:size]), ours: strings.TrimSpace(lines[len(records)])})
		data = rest[size:]
	}

	return records, nil
}

// explained names the reason of a difference that is known and meant to be.
func explained(r record, reference string) string {
	switch {
	case strings.Contains(r.ours, "DuplicateKey") && strings.Contains(r.text, "$patch: delete"):
		return "a key twice in a mapping that is deleted: we tell"
	case strings.Contains(r.ours, "InvalidPatchDelete") && nullVersion.MatchString(r.text):
		return "the reference takes the null of apiVersion for its text"
	case strings.Contains(reference, "strictCgroupClassOrdering"):
		return "a field that a patch release of Talos 1.13 added after Omni 1.9"
	}

	return ""
}

func main() {
	if len(os.Args) != 4 || checks[os.Args[1]] == nil {
		fmt.Fprintln(os.Stderr, "usage: patches loader|omni RECORDS VERDICTS")
		os.Exit(2)
	}

	records, err := read(os.Args[2], os.Args[3])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}

	accepted, known, differences := 0, 0, 0

	for _, r := range records {
		reference := ""
		if err := checks[os.Args[1]]([]byte(r.text)); err != nil {
			reference = "refused: " + err.Error()
		}

		if reference == "" {
			accepted++
		}

		if (reference == "") == (r.ours == "") {
			continue
		}

		if explained(r, reference) != "" {
			known++

			continue
		}

		if differences++; differences <= shown {
			fmt.Printf("--- reference: %s\n--- ours: %s\n%s\n", reference, r.ours, r.text)
		}
	}

	fmt.Printf("%d patches, %d accepted by the reference, %d differences, %d explained ones\n",
		len(records), accepted, differences, known)

	if differences > 0 || accepted == 0 || accepted == len(records) {
		os.Exit(1)
	}
}
