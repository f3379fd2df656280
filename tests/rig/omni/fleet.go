package main

import (
	"flag"
	"fmt"
	"path/filepath"
	"strings"

	"omniops/tests/rig/omni/fleet"
)

// templates writes DIR/00 … DIR/STEPS: a fleet, and what becomes of it.
func templates(arguments []string) error {
	set := flag.NewFlagSet("templates", flag.ExitOnError)
	seed := set.Uint64("seed", 1, "another seed, another fleet")
	clusters := set.Int("clusters", 1, "how many clusters")
	steps := set.Int("steps", 0, "how often they change")
	classes := set.String("classes", "", "machine classes that they may use, separated by commas")
	dir := set.String("dir", "", "where to write")
	_ = set.Parse(arguments)
	if *dir == "" || *classes == "" {
		return fmt.Errorf("templates wants -dir and -classes")
	}
	f := fleet.New(*seed, *clusters, strings.Split(*classes, ","))
	for i := range *steps + 1 {
		if i > 0 {
			f.Step()
		}
		if err := f.Write(filepath.Join(*dir, fmt.Sprintf("%02d", i))); err != nil {
			return err
		}
	}
	return nil
}
