package main

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/cosi-project/runtime/api/v1alpha1"
	"google.golang.org/grpc"
)

// watch is one streaming call on its way through the gate.
type watch struct {
	grpc.ServerStream
	gate    *gate
	method  string
	call    call
	refused error
	fault   *fault // happens after the answers
	ctx     context.Context
	cancel  context.CancelFunc
	last    atomic.Pointer[error] // what end said

	mu sync.Mutex // one message at a time: events, and those that a test injects
}

func (w *watch) Context() context.Context { return w.ctx }

// RecvMsg reads the request and asks the gate.
func (w *watch) RecvMsg(m any) error {
	if err := w.ServerStream.RecvMsg(m); err != nil {
		return err
	}
	w.call = describe(w.call.method, m)
	who, f, err := w.gate.admit(w.Context(), w.method, &w.call)
	if err == nil && f != nil && !f.after {
		err = f.strike(w.ctx)
	}
	if err == nil {
		w.fault = f
		err = authorize(who, w.call.method, w.call)
	}
	if w.refused = err; err == nil && w.call.method == "Watch" {
		w.gate.watches.add(w)
	}
	return err
}

// SendMsg holds events back while watches are paused.
func (w *watch) SendMsg(m any) error {
	if err := w.gate.watches.passes(w); err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.ServerStream.SendMsg(m)
}

// errored tells the client that its watch is over, as a server does that lost its own source of events.
func (w *watch) errored(text string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.ServerStream.SendMsg(&v1alpha1.WatchResponse{Event: []*v1alpha1.Event{
		{EventType: v1alpha1.EventType_ERRORED, Error: &text},
	}})
}

// end ends the watch in the given way; one that ends with a status ends with this one.
func (w *watch) end(how ending, with error) {
	endAs(w.ctx, how)
	w.last.Store(&with)
	w.cancel()
}

// watches are the open ones.
type watches struct {
	mu     sync.Mutex
	open   []*watch
	paused chan struct{} // closed when they go on
	kind   string        // paused are those of this type, or all
}

func (l *watches) add(w *watch) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.open = append(l.open, w)
}

func (l *watches) remove(w *watch) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.open = slices.DeleteFunc(l.open, func(o *watch) bool { return o == w })
}

// of lists the open watches of a type, or all.
func (l *watches) of(kind string) []*watch {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(l.open), func(w *watch) bool { return kind != "" && w.call.kind != kind })
}

func (l *watches) pause(kind string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.paused == nil {
		l.paused = make(chan struct{})
	}
	l.kind = kind
}

func (l *watches) resume() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.paused != nil {
		close(l.paused)
		l.paused = nil
	}
}

// passes waits until a message may be sent; Lists are never held back.
func (l *watches) passes(w *watch) error {
	l.mu.Lock()
	paused := l.paused
	if w.call.method != "Watch" || l.kind != "" && l.kind != w.call.kind {
		paused = nil
	}
	l.mu.Unlock()
	if paused == nil {
		return nil
	}
	select {
	case <-paused:
		return nil
	case <-w.Context().Done():
		return w.Context().Err()
	}
}
