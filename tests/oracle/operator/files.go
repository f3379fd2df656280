package operator

import (
	"bytes"
	"os"
	"path/filepath"
)

// AddFiles reads every YAML file of a directory, or one file.
func (f *Fleet) AddFiles(path string) error {
	names, err := filepath.Glob(filepath.Join(path, "*.yaml"))
	if err != nil {
		return err
	}

	if len(names) == 0 {
		names = []string{path}
	}

	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			return err
		}

		for document := range bytes.SplitSeq(text, []byte("\n---\n")) {
			if err = f.Add(document); err != nil {
				return err
			}
		}
	}

	return nil
}
