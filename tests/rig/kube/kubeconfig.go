package main

import (
	"encoding/base64"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

const kubeconfigText = `apiVersion: v1
kind: Config
clusters:
  - name: rig
    cluster:
      server: %s
      certificate-authority-data: %s
users:
  - name: %s
    user:
      client-certificate-data: %s
      client-key-data: %s
contexts:
  - name: rig
    context:
      cluster: rig
      user: %s
current-context: rig
`

// writeKubeconfig writes one for a certificate of pki, with everything in it.
func writeKubeconfig(path, pki, url, name string) error {
	var data [3]string
	for i, file := range []string{caName + ".crt", name + ".crt", name + ".key"} {
		bytes, err := os.ReadFile(filepath.Join(pki, file))
		if err != nil {
			return err
		}
		data[i] = base64.StdEncoding.EncodeToString(bytes)
	}
	text := fmt.Sprintf(kubeconfigText, url, data[0], name, data[1], data[2], name)
	return os.WriteFile(path, []byte(text), 0o600)
}

func user(arguments []string) error {
	set := flag.NewFlagSet("user", flag.ExitOnError)
	dir := set.String("dir", "", "folder of a server that runs")
	_ = set.Parse(arguments)
	if set.NArg() == 0 || strings.ContainsAny(set.Arg(0), "/\n") {
		return fmt.Errorf("usage: rig user -dir DIR NAME [GROUP…]")
	}
	name := set.Arg(0)
	url, err := readEnv(*dir, "url")
	if err != nil {
		return err
	}
	pki, users := filepath.Join(*dir, "pki"), filepath.Join(*dir, "users")
	if err := os.MkdirAll(users, 0o700); err != nil {
		return err
	}
	if err := sign(pki, "user-"+name, client(name, set.Args()[1:]...)); err != nil {
		return err
	}
	return writeKubeconfig(filepath.Join(users, name+".kubeconfig"), pki, url, "user-"+name)
}

func readEnv(dir, name string) (string, error) {
	text, err := os.ReadFile(filepath.Join(dir, "env"))
	if err != nil {
		return "", err
	}
	for line := range strings.Lines(string(text)) {
		if value, found := strings.CutPrefix(strings.TrimSpace(line), name+"="); found {
			return value, nil
		}
	}
	return "", fmt.Errorf("%s/env has no %s", dir, name)
}
