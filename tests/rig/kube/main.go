// Command rig runs a real Kubernetes API server with its etcd on loopback, and makes accounts for it.
//
//	rig run -dir DIR -bin DIR -port N -etcd-port N [-- FLAG…]   the FLAGs are the API server's
//	rig user -dir DIR NAME [GROUP…]                             DIR/users/NAME.kubeconfig, with a client certificate
//	rig counts -dir DIR [-since OFFSET] [-codes] [FILTER]       requests in the audit log
//
// `run` ends with its parent, and all ends with it. When the server is ready DIR/env holds shell assignments: url, ca,
// config, control, etcd. POST CONTROL/order/stop|start|kill|freeze|continue is about the API server; etcd stays.
package main

import (
	"log"
	"os"
	"runtime"
)

// The kernel ends a child with the thread that started it, so the thread that starts all of them must not end.
func init() { runtime.LockOSThread() }

func main() {
	log.SetFlags(log.Ltime | log.Lmicroseconds)
	if len(os.Args) < 2 {
		log.Fatal("usage: rig run|user|counts …")
	}
	commands := map[string]func([]string) error{"run": run, "user": user, "counts": counts}
	do, known := commands[os.Args[1]]
	if !known {
		log.Fatalf("%s: no such command", os.Args[1])
	}
	if err := do(os.Args[2:]); err != nil {
		log.Fatal(err)
	}
}
