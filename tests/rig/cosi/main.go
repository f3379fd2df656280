// Command cosi is a COSI state server as Omni runs one: Omni's resource types, Omni's check of request signatures in
// front, gRPC through net/http like the real one, and everything that a test wants to count, to delay or to break.
//
//	cosi -dir DIR [-account NAME[:ROLE][=KEYFILE]]… [-listen 127.0.0.1:0] [-control 127.0.0.1:0] [-tls] …
//
// When it is ready, DIR holds `env` (shell assignments: endpoint, control, ca, and key, the first account's key file)
// and NAME.key, the service-account key of each account that was not given one. Everything is in memory, unless -keep is given.
// README.md beside this file lists the control port's calls.
package main

import (
	"flag"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"time"

	"omniops/tests/rig/cosi/machines"
)

type options struct {
	dir, listen, control string
	tls                  bool
	clock                time.Duration
	history              int
	noTeardown           bool
	controllers, keep    bool
	finalizerDelay       time.Duration
	play                 bool
	pace                 float64
	join                 string
	capacity             int
	clusters, machines   int
	accounts             accountFlags
	kube                 string
}

func parseOptions() options {
	var o options
	flag.StringVar(&o.dir, "dir", ".", "where keys, ca.pem and env are written")
	flag.StringVar(&o.listen, "listen", "127.0.0.1:0", "address of the API; port 0 takes a free one")
	flag.StringVar(&o.control, "control", "127.0.0.1:0", "address of the control port")
	flag.BoolVar(&o.tls, "tls", false, "TLS with a certificate of its own; DIR/ca.pem verifies it")
	flag.Var(&o.accounts, "account", "NAME[:ROLE][=KEYFILE], repeatable; roles: None Reader Operator Admin (default)")
	flag.DurationVar(&o.clock, "clock", 0, "how far this server's clock is ahead")
	flag.IntVar(&o.history, "history", 10000, "events that a watch can be resumed from, per type")
	flag.BoolVar(&o.noTeardown, "no-teardown", false, "answer Teardown calls with UNIMPLEMENTED, as old servers")
	flag.BoolVar(&o.controllers, "controllers", false, "give and take finalizers and destroy what is torn down, as Omni")
	flag.BoolVar(&o.keep, "keep", false, "go on with what the last server in DIR had, however it ended; DIR/journal is its memory")
	flag.DurationVar(&o.finalizerDelay, "finalizer-delay", 20*time.Millisecond, "how long a torn-down resource keeps them")
	flag.BoolVar(&o.play, "play", false, "play machines, and what Omni says of clusters; with -controllers")
	flag.Float64Var(&o.pace, "pace", 1, "how long machines take: 1 as emulated ones, 60 as real ones, 0.05 for tests")
	flag.StringVar(&o.join, "join", "0", "machines that join at the start; \"named\": every one that a cluster names")
	flag.IntVar(&o.capacity, "capacity", -1, "machines that infra providers can make; below zero: as many as are asked for")
	flag.IntVar(&o.clusters, "clusters", 0, "clusters that exist from the start; their templates are in DIR/templates")
	flag.IntVar(&o.machines, "machines", 5, "machines of each of them")
	flag.StringVar(&o.kube, "kube", "", "kubeconfig of an API server that plays every cluster: the tokens that are handed out lead there")
	flag.Parse()
	o.controllers = o.controllers || o.play
	if len(o.accounts) == 0 {
		o.accounts = accountFlags{{name: "rig", role: roleAdmin}}
	}
	return o
}

func main() {
	log.SetFlags(log.Ltime | log.Lmicroseconds)
	if err := run(parseOptions()); err != nil {
		log.Fatal(err)
	}
}

func run(o options) error {
	g, err := newRig(o)
	if err != nil {
		return err
	}
	control, err := serveControl(o.control, g)
	if err != nil {
		return err
	}
	env := fmt.Sprintf("endpoint=%s\ncontrol=http://%s\nca=%s\nkey=%s\n",
		g.front.url(), control, g.front.caFile, o.accounts[0].keyFile)
	if err = writeWhole(filepath.Join(o.dir, "env"), env); err != nil {
		return err
	}
	fmt.Print(env)
	select {}
}

// newRig starts everything but the control port.
func newRig(o options) (*rig, error) {
	accounts, err := openAccounts(o.accounts, o.dir, o.keep)
	if err != nil {
		return nil, err
	}
	var kept *journal
	if o.keep {
		if kept, err = openJournal(filepath.Join(o.dir, "journal")); err != nil {
			return nil, err
		}
	}
	st, err := newStore(o.history, kept)
	if err != nil {
		return nil, err
	}
	if o.clusters > 0 {
		if err = loadFleet(st.state, filepath.Join(o.dir, "templates"), o.clusters, o.machines); err != nil {
			return nil, err
		}
	}
	play := newController(st.state, o.finalizerDelay)
	if o.controllers {
		if err = play.start(); err != nil {
			return nil, err
		}
	}
	var omni *machines.Play
	if o.play {
		if omni, err = startPlay(st, o); err != nil {
			return nil, err
		}
	}
	g := newGate(accounts, o.clock)
	if o.noTeardown {
		g.faults.add("Teardown", unimplemented("Teardown"))
		g.faults.add("TeardownAndDestroy", unimplemented("TeardownAndDestroy"))
	}
	p, err := newProxy(o, st)
	if err != nil {
		return nil, err
	}
	f, err := newFront(o, newServer(g, st, p))
	return &rig{gate: g, store: st, front: f, play: play, omni: omni, proxy: p, dir: o.dir}, err
}

// writeWhole makes a file appear with all its bytes, because others wait for it to appear.
func writeWhole(path, text string) error {
	if err := os.WriteFile(path+".new", []byte(text), 0o600); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}
