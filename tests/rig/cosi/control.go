package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"net"
	"net/http"
	"path/filepath"
	"strconv"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"omniops/tests/rig/cosi/machines"
)

// rig is everything that the control port can touch.
type rig struct {
	gate  *gate
	store *store
	front *front
	play  *controller
	omni  *machines.Play // nil: there are no machines
	proxy *proxy
	dir   string
}

// What can be asked and ordered. An order answers after it has happened.
var orders = map[string]func(*rig, *http.Request) error{
	"POST /reset":   (*rig).reset,
	"POST /fault":   (*rig).fault,
	"POST /delay":   (*rig).delay,
	"POST /stale":   func(g *rig, r *http.Request) error { g.store.served.lag(number(r, "times", 1)); return nil },
	"POST /pause":   func(g *rig, r *http.Request) error { g.gate.watches.pause(r.FormValue("type")); return nil },
	"POST /resume":  func(g *rig, _ *http.Request) error { g.gate.watches.resume(); return nil },
	"POST /end":     (*rig).end,
	"POST /errored": (*rig).errored,
	"POST /goaway":  func(g *rig, _ *http.Request) error { return g.front.goAway() },
	"POST /cut":     func(g *rig, _ *http.Request) error { g.front.cut(); return nil },
	"POST /vanish":  func(g *rig, r *http.Request) error { g.front.vanish(milliseconds(r)); return nil },
	"POST /hold":    (*rig).hold,
	"POST /release": func(g *rig, r *http.Request) error { g.play.release(held(r)); return nil },
	"POST /load":    (*rig).load,
	"POST /put":     (*rig).put,
	"POST /destroy": (*rig).destroy,
	"POST /proxy":   func(g *rig, r *http.Request) error { g.proxy.answer.Store(int64(number(r, "answer", 0))); return nil },

	"POST /join":     played((*rig).join),
	"POST /trouble":  played((*rig).trouble),
	"POST /remove":   played((*rig).remove),
	"POST /capacity": played(func(g *rig, r *http.Request) error { g.omni.Limit(number(r, "count", -1)); return nil }),
	"POST /pace":     played((*rig).pace),
	"POST /still":    played(func(g *rig, _ *http.Request) error { g.omni.Hold(true); return nil }),
	"POST /go":       played(func(g *rig, _ *http.Request) error { g.omni.Hold(false); return nil }),
}

// serveControl gives the address that it listens on.
func serveControl(address string, g *rig) (string, error) {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return "", err
	}
	go func() { log.Fatal(http.Serve(l, g.handler())) }()
	return l.Addr().String(), nil
}

func (g *rig) handler() http.Handler {
	mux := http.NewServeMux()
	for pattern, do := range orders {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			if err := do(g, r); err != nil {
				http.Error(w, err.Error(), http.StatusBadRequest)
			}
		})
	}
	mux.HandleFunc("GET /counts", g.counts)
	mux.HandleFunc("GET /await", g.await)
	mux.HandleFunc("GET /calls", func(w http.ResponseWriter, _ *http.Request) { g.gate.calls.write(w) })
	mux.HandleFunc("GET /watches", g.listWatches)
	mux.HandleFunc("GET /resources", g.list)
	mux.HandleFunc("GET /machines", func(w http.ResponseWriter, _ *http.Request) {
		if g.omni != nil {
			g.omni.List(w)
		}
	})
	return mux
}

// number reads a parameter, or gives what it is without one.
func number(r *http.Request, name string, otherwise int) int {
	n, err := strconv.Atoi(r.FormValue(name))
	if err != nil {
		return otherwise
	}
	return n
}

func milliseconds(r *http.Request) time.Duration {
	return time.Duration(number(r, "ms", 0)) * time.Millisecond
}

func (g *rig) counts(w http.ResponseWriter, _ *http.Request) {
	g.gate.calls.mu.Lock()
	defer g.gate.calls.mu.Unlock()
	_ = json.NewEncoder(w).Encode(g.gate.calls.counts)
}

func (g *rig) await(w http.ResponseWriter, r *http.Request) {
	came, ok := g.gate.calls.await(r.FormValue("method"), number(r, "after", 0), time.Minute)
	if !ok {
		http.Error(w, "no such call within a minute", http.StatusRequestTimeout)
		return
	}
	fmt.Fprintln(w, came.UnixMicro())
}

func (g *rig) listWatches(w http.ResponseWriter, _ *http.Request) {
	for _, it := range g.gate.watches.of("") {
		fmt.Fprintln(w, dash(it.call.kind), dash(it.call.id), dash(it.call.who))
	}
}

// reset forgets counts, faults, delays and staleness; resources and open streams stay.
func (g *rig) reset(*http.Request) error {
	g.gate.calls.reset()
	g.gate.faults.reset()
	g.store.served.lag(0)
	g.gate.watches.resume()
	return nil
}

func (g *rig) fault(r *http.Request) error {
	how, err := parseEnding(r.FormValue("end"))
	if err != nil {
		return err
	}
	if r.FormValue("method") == "" {
		return errors.New("method=Get, List, Create, Update, Destroy, Teardown, TeardownAndDestroy or Watch")
	}
	code := codes.Code(number(r, "code", int(codes.Unavailable)))
	text := r.FormValue("text")
	if text == "" {
		text = "fault on demand"
	}
	g.gate.faults.add(r.FormValue("method"), fault{
		skip: number(r, "skip", 0), times: number(r, "times", 1), after: r.FormValue("after") == "1", end: how,
		code: code, text: text, kind: r.FormValue("type"),
	})
	return nil
}

func parseEnding(text string) (ending, error) {
	switch e := ending(text); e {
	case endNormally, endSilently, endByReset, endByBreak:
		return e, nil
	}
	return "", fmt.Errorf("end=%s: one of silent, reset, break", text)
}

func (g *rig) delay(r *http.Request) error {
	g.gate.faults.delay(r.FormValue("method"), milliseconds(r))
	return nil
}

// end ends open watches; without `code` they end as by a server's stop.
func (g *rig) end(r *http.Request) error {
	how, err := parseEnding(r.FormValue("end"))
	if err != nil {
		return err
	}
	if r.FormValue("code") == "" && how == endNormally {
		how = endSilently
	}
	last := status.Error(codes.Code(number(r, "code", int(codes.Unavailable))), "ended on demand")
	for _, w := range g.gate.watches.of(r.FormValue("type")) {
		w.end(how, last)
	}
	return nil
}

func (g *rig) errored(r *http.Request) error {
	text := r.FormValue("text")
	if text == "" {
		text = "etcdserver: mvcc: required revision has been compacted"
	}
	for _, w := range g.gate.watches.of(r.FormValue("type")) {
		if err := w.errored(text); err != nil {
			return err
		}
	}
	return nil
}

// held names what is held: a type, or one resource of it.
func held(r *http.Request) string {
	if id := r.FormValue("id"); id != "" {
		return r.FormValue("type") + "/" + id
	}
	return r.FormValue("type")
}

func (g *rig) hold(r *http.Request) error {
	if held(r) == "" {
		return errors.New("type=… and perhaps id=…")
	}
	g.play.hold(held(r), r.FormValue("finalizer"))
	return nil
}

func (g *rig) load(r *http.Request) error {
	return loadFleet(g.store.state, filepath.Join(g.dir, "templates"), number(r, "clusters", 1), number(r, "machines", 5))
}
