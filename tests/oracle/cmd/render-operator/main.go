// render-operator PATH prints the templates of all clusters below PATH, with the Go operator's libraries.
package main

import (
	"bufio"
	"fmt"
	"os"

	"oracle/operator"
)

func main() {
	fleet := operator.New(nil)

	if err := fleet.AddFiles(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}

	out := bufio.NewWriter(os.Stdout)
	defer out.Flush() //nolint:errcheck

	if err := fleet.Render(func(_ string, template []byte) error {
		_, err := out.Write(template)

		return err
	}); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
