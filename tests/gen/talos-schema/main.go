// Prints render/talos_schema_data.c: the configuration fields of every Talos minor as one compact C table.
//
// Facts come from the Go module github.com/siderolabs/talos/pkg/machinery as served by the module proxy: the JSON
// schemas published in it (field names, and a check of everything else), and the tags of its configuration structs,
// because the schemas leave out deprecated fields that Talos still accepts, and do not tell how a value is decoded.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strings"
)

const module = "github.com/siderolabs/talos/pkg/machinery"

// The newest release of every minor that the module proxy serves.
var versions = []string{"v1.9.5", "v1.10.6", "v1.11.6", "v1.12.7", "v1.13.9", "v1.14.1"}

func die(format string, args ...any) {
	fmt.Fprintf(os.Stderr, "talos-schema: "+format+"\n", args...)
	os.Exit(1)
}

func download(version string) string {
	cmd := exec.Command("go", "mod", "download", "-json", module+"@"+version)
	cmd.Stderr = os.Stderr

	out, err := cmd.Output()

	var answer struct{ Dir, Error string }

	if jsonErr := json.Unmarshal(out, &answer); jsonErr != nil || answer.Dir == "" {
		die("cannot get %s@%s: %v %s", module, version, err, answer.Error)
	}

	return answer.Dir
}

func main() {
	t := newTable()

	for i, version := range versions {
		src := newSource(download(version))
		b := &builder{table: t, src: src, bit: 1 << i}
		b.run()
		compareSchema(b, version)
	}

	t.print(os.Stdout, strings.Join(versions, ", "))
}
