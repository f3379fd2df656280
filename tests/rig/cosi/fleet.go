package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/cosi-project/runtime/pkg/state"
	"github.com/google/uuid"
	"github.com/siderolabs/omni/client/pkg/template"
)

// loadFleet makes clusters the way omnictl does, from templates that it writes to dir for others to compare with.
func loadFleet(st state.State, dir string, clusters, machines int) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for i := range clusters {
		name := fmt.Sprintf("fleet-%04d", i)
		text := clusterTemplate(name, machines)
		if err := os.WriteFile(filepath.Join(dir, name+".yaml"), []byte(text), 0o644); err != nil {
			return err
		}
		if err := applyTemplate(st, text); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

func applyTemplate(st state.State, text string) error {
	t, err := template.Load(bytes.NewBufferString(text))
	if err != nil {
		return err
	}
	if err = t.Validate(); err != nil {
		return err
	}
	wanted, err := t.Translate()
	if err != nil {
		return err
	}
	for _, r := range wanted {
		if err = st.Create(context.Background(), r); err != nil {
			return err
		}
	}
	return nil
}

// machineID is the same in every run.
func machineID(cluster string, i int) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s %d", cluster, i))
	return uuid.Must(uuid.FromBytes(sum[:16])).String()
}

// clusterTemplate has up to three control planes and a patch for the cluster, each set and each machine.
func clusterTemplate(name string, machines int) string {
	planes := min(3, max(1, machines-2))
	var b strings.Builder
	list := func(from, to int) {
		for i := from; i < to; i++ {
			fmt.Fprintf(&b, "  - %s\n", machineID(name, i))
		}
	}
	fmt.Fprintf(&b, `kind: Cluster
name: %s
labels:
  fleet: rig
kubernetes:
  version: v1.36.1
talos:
  version: v1.13.5
patches:
  - name: domain
    inline:
      cluster:
        network:
          dnsDomain: %s.local
---
kind: ControlPlane
machines:
`, name, name)
	list(0, planes)
	b.WriteString("---\nkind: Workers\nmachines:\n")
	list(planes, machines)
	b.WriteString("patches:\n  - name: limits\n    inline:\n      machine:\n        sysctls:\n          vm.max_map_count: \"262144\"\n")
	for i := range machines {
		fmt.Fprintf(&b, `---
kind: Machine
name: %s
patches:
  - name: host
    inline:
      machine:
        network:
          hostname: %s-%d
`, machineID(name, i), name, i)
	}
	return b.String()
}
