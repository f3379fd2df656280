package main

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"k8s.io/apimachinery/pkg/util/json"
	"sigs.k8s.io/yaml"
)

// A corpus file holds documents separated by "---". Comment lines at its top say what is expected:
//
//	# server: accepts       what the API server does when that differs from the folder's name
//	# says: TEXT            what its message contains
//	# Code path             what our own check reports (read by the unit test, not here)
type corpusFile struct {
	path      string
	documents []map[string]interface{}
	server    string
	says      []string
}

var separator = regexp.MustCompile(`(?m)^---\s*$`)

func readCorpus(dir string) ([]corpusFile, error) {
	paths, err := filepath.Glob(filepath.Join(dir, "*.yaml"))
	if err != nil {
		return nil, err
	}
	var files []corpusFile
	for _, path := range paths {
		file, err := readCorpusFile(path)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		files = append(files, file)
	}
	return files, nil
}

func readCorpusFile(path string) (corpusFile, error) {
	file := corpusFile{path: path}
	text, err := os.ReadFile(path)
	if err != nil {
		return file, err
	}
	file.readHead(text)
	for _, part := range separator.Split(string(text), -1) {
		document, err := decode([]byte(part))
		if err != nil {
			return file, err
		}
		if document != nil {
			file.documents = append(file.documents, document)
		}
	}
	return file, nil
}

func (file *corpusFile) readHead(text []byte) {
	lines := bufio.NewScanner(bytes.NewReader(text))
	for lines.Scan() && strings.HasPrefix(lines.Text(), "#") {
		line := strings.TrimSpace(strings.TrimPrefix(lines.Text(), "#"))
		if value, found := strings.CutPrefix(line, "server: "); found {
			file.server = value
		}
		if value, found := strings.CutPrefix(line, "says: "); found {
			file.says = append(file.says, value)
		}
	}
}

// decode reads YAML as kubectl does, with integers as the API server decodes them.
func decode(text []byte) (map[string]interface{}, error) {
	asJSON, err := yaml.YAMLToJSON(text)
	if err != nil {
		return nil, err
	}
	var document map[string]interface{}
	if err := json.Unmarshal(asJSON, &document); err != nil {
		return nil, err
	}
	return document, nil
}
