// Command faults is the proof that the agent brings an Omni to what Git says, whatever happens on the way and to whom:
//
//	faults -omniops PROGRAM -cosi PROGRAM -dir DIR [-n 40] [-seed 1] [-clear] [-v]
//	faults -omniops PROGRAM -real FOLDER -omnictl PROGRAM -dir DIR …
//	faults -relay ADDRESS
//
// In each round declarations change; a proxy between the agent and the server delays, cuts, corrupts, reorders, loses and
// doubles; server and agent are killed at random moments. Then all of that ends, and within a limit the server has to hold
// what `omniops render` says. Its journal tells whether anything was torn down that nobody approved, made twice, or written
// again and again. The first fault ends the program: it prints the seed and the round, and leaves DIR behind.
//
// With -relay it is but a way to ADDRESS that can be made deaf and dumb (relay.go).
package main

import (
	"flag"
	"fmt"
	"os"
	"runtime"
)

type options struct {
	omniops, cosi, dir string
	real, omnictl      string
	rounds             int
	seed               uint64
	clear, verbose     bool
}

func main() {
	runtime.LockOSThread() // children end with the thread that started them
	var o options
	flag.StringVar(&o.omniops, "omniops", "omniops", "the program")
	flag.StringVar(&o.cosi, "cosi", "cosi", "the server")
	flag.StringVar(&o.real, "real", "", "instead of -cosi: the folder of a real Omni (tests/rig/omni), from inside of its network")
	flag.StringVar(&o.omnictl, "omnictl", "omnictl", "reads the real Omni")
	flag.StringVar(&o.dir, "dir", "", "an empty folder")
	flag.IntVar(&o.rounds, "n", 40, "rounds")
	flag.Uint64Var(&o.seed, "seed", 1, "where all chance comes from")
	flag.BoolVar(&o.clear, "clear", false, "without TLS")
	flag.BoolVar(&o.verbose, "v", false, "a line for each round")
	upstream := flag.String("relay", "", "pass bytes on to this address, and take orders")
	flag.Parse()
	if *upstream != "" {
		if err := runRelay(*upstream, os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	p, err := newProof(o)
	if err == nil {
		err = p.run()
	}
	if err != nil {
		fmt.Printf("seed %d, round %d: %v\n", o.seed, p.number, err)
		os.Exit(1)
	}
	p.report(os.Stdout)
}
