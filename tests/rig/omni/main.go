// Command rig runs the real Omni server on loopback in namespaces of its own, with the one thing of the outside world
// that Omni needs: an image factory and a list of Kubernetes versions.
//
//	rig run -dir DIR -omni PROGRAM [-cleartext] [-no-eula] [-talos V,…] [-kubernetes V,…] [-machines N]
//	rig provider -id ID -schema FILE       registers an infra provider; OMNI_ENDPOINT, OMNI_SERVICE_ACCOUNT_KEY
//	rig secrets CLUSTER…                   keys and certificates for clusters to come: spares Omni the time to make them
//	rig templates -dir DIR -classes C,…    clusters by chance, as templates, and how they change; fleet/
//	rig dump                               what people own in this Omni, to be compared
//
// `run` is the first process of a new network, mount and process namespace: when it ends, everything in there ends.
// When Omni is ready, DIR/env holds shell assignments: endpoint, ca, key, pid (to enter its namespaces) and omni (its pid).
package main

import (
	"errors"
	"flag"
	"fmt"
	"log"
	"os"
)

func main() {
	log.SetFlags(log.Ltime | log.Lmicroseconds)
	if len(os.Args) < 2 {
		log.Fatal("usage: rig run|provider|secrets|templates|dump …")
	}
	name, arguments := os.Args[1], os.Args[2:]
	commands := map[string]func([]string) error{
		"run": run, "provider": provider, "secrets": secrets, "templates": templates, "dump": dump,
	}
	do, known := commands[name]
	if !known {
		log.Fatalf("%s: no such command", name)
	}
	if err := do(arguments); err != nil {
		log.Fatal(err)
	}
}

type options struct {
	dir, program      string
	cleartext, noEULA bool
	talos, kubernetes string
	emulator          string
	machines          int
	provided          int
}

func run(arguments []string) error {
	var o options
	set := flag.NewFlagSet("run", flag.ExitOnError)
	set.StringVar(&o.dir, "dir", "", "folder for everything that is written; must exist")
	set.StringVar(&o.program, "omni", "", "the Omni server")
	set.BoolVar(&o.cleartext, "cleartext", false, "no TLS")
	set.BoolVar(&o.noEULA, "no-eula", false, "do not accept the licence agreement: every call is refused")
	set.StringVar(&o.talos, "talos", "1.12.4,1.12.8,1.13.3,1.13.4,1.13.5", "Talos versions that the factory offers")
	set.StringVar(&o.kubernetes, "kubernetes", "1.34.3,1.34.6,1.35.1,1.35.5,1.36.1,1.36.2", "Kubernetes versions that the registry offers")
	set.StringVar(&o.emulator, "emulator", "", "a machine emulator")
	set.IntVar(&o.machines, "machines", 0, "emulated machines that join")
	set.IntVar(&o.provided, "provided", 0, "links for machines of an emulated provider")
	_ = set.Parse(arguments)
	if o.machines > 0 && o.emulator == "" {
		return errors.New("there is no machine emulator")
	}

	if err := isolate(o.dir); err != nil {
		return err
	}
	if err := prepare(o); err != nil {
		return err
	}
	s := &supervisor{dir: o.dir, program: o.program}
	f, err := serveStub(stubAddress, o, s)
	if err != nil {
		return err
	}
	s.ready = func() error { return awaitReady(o, s) }
	if err := s.startAndAwait(); err != nil {
		return fmt.Errorf("%w; see %s", err, s.log())
	}
	if err := emulate(o, s, f); err != nil {
		return err
	}
	if err := writeEnv(o); err != nil {
		return err
	}
	s.untilSignal()
	return nil
}
