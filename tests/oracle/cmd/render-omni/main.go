// render-omni PATH renders the templates of all clusters below PATH, then loads, validates and translates each with Omni's
// client packages.
package main

import (
	"bytes"
	"fmt"
	"os"

	"github.com/siderolabs/omni/client/pkg/template"

	"oracle/operator"
)

func run(path string) error {
	fleet := operator.New(nil)

	if err := fleet.AddFiles(path); err != nil {
		return err
	}

	root, err := os.OpenRoot(".")
	if err != nil {
		return err
	}

	return fleet.Render(func(_ string, text []byte) error {
		loaded, err := template.Load(bytes.NewReader(text), template.WithRoot(root))
		if err != nil {
			return err
		}

		if err = loaded.Validate(); err != nil {
			return err
		}

		_, err = loaded.Translate()

		return err
	})
}

func main() {
	if err := run(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
