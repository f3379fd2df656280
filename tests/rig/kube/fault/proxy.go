package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

type proxy struct {
	faults
	address string
	tls     *tls.Config
	forward *httputil.ReverseProxy
	http1   atomic.Bool

	mu       sync.Mutex
	listener net.Listener // nil: connections are refused
	open     map[net.Conn]bool
}

type connectionKey struct{}

// --- connections ------------------------------------------------------------------------------------------------------

func (p *proxy) accept() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.listener != nil {
		return nil
	}
	listener, err := net.Listen("tcp", p.address)
	if err != nil {
		return err
	}
	p.listener = listener
	if p.open == nil {
		p.open = map[net.Conn]bool{}
	}
	config := p.tls.Clone()
	config.NextProtos = []string{"h2", "http/1.1"}
	if p.http1.Load() {
		config.NextProtos = []string{"http/1.1"}
	}
	server := &http.Server{
		Handler: p, TLSConfig: config, ConnState: p.follow, ErrorLog: log.New(quiet{}, "", 0),
		ConnContext: func(ctx context.Context, c net.Conn) context.Context {
			return context.WithValue(ctx, connectionKey{}, c)
		},
	}
	go func() { _ = server.ServeTLS(listener, "", "") }()
	return nil
}

func (p *proxy) follow(c net.Conn, state http.ConnState) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch state {
	case http.StateNew:
		p.open[c] = true
	case http.StateClosed, http.StateHijacked:
		delete(p.open, c)
	}
}

func (p *proxy) refuse() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.listener != nil {
		_ = p.listener.Close()
		p.listener = nil
	}
}

func (p *proxy) cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.open {
		reset(c)
	}
}

// offer has new connections speak another protocol.
func (p *proxy) offer(http1 bool) error {
	p.refuse()
	p.http1.Store(http1)
	return p.accept()
}

// reset does not say goodbye, neither in TLS nor in TCP.
func reset(c net.Conn) {
	if secured, ok := c.(*tls.Conn); ok {
		c = secured.NetConn()
	}
	if plain, ok := c.(*net.TCPConn); ok {
		_ = plain.SetLinger(0)
	}
	_ = c.Close()
}

// --- requests ---------------------------------------------------------------------------------------------------------

func (p *proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	delay, struck := p.strike(r)
	if delay > 0 && !pause(r.Context(), delay) {
		return
	}
	connection, _ := r.Context().Value(connectionKey{}).(net.Conn)
	switch struck.do {
	case "":
		p.forward.ServeHTTP(w, r)
	case "status":
		answer(w, struck)
	case "reset":
		reset(connection)
		panic(http.ErrAbortHandler)
	case "lost":
		p.forward.ServeHTTP(&nowhere{header: http.Header{}}, r)
		reset(connection)
		panic(http.ErrAbortHandler)
	case "abort":
		panic(http.ErrAbortHandler)
	case "hang":
		<-r.Context().Done()
	case "flood":
		flood(w)
	case "goaway":
		p.forward.ServeHTTP(&parting{w}, r)
	default:
		p.spoil(w, r, struck)
	}
}

// flood ends with the client's patience.
func flood(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "application/json")
	if _, err := io.WriteString(w, `{"kind": "Secret", "metadata": {"name": "`); err != nil {
		return
	}
	for chunk := bytes.Repeat([]byte("x"), 1<<16); ; {
		if _, err := w.Write(chunk); err != nil {
			return
		}
	}
}

// spoil ends in order where the client shall believe that the server has said all.
func (p *proxy) spoil(w http.ResponseWriter, r *http.Request, f fault) {
	ctx, end := context.WithCancel(r.Context())
	defer end()
	if f.do == "event" || f.do == "garble" {
		defer func() {
			if what := recover(); what != nil && what != http.ErrAbortHandler {
				panic(what)
			}
		}()
	}
	spoiled := spoil(ctx, end, w, f)
	p.forward.ServeHTTP(spoiled, r.WithContext(ctx))
	switch {
	case !spoiled.struck():
	case f.do == "stall":
		<-ctx.Done()
	case f.do == "cut":
		panic(http.ErrAbortHandler)
	}
}

func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

var reasons = map[int]string{
	400: "BadRequest", 401: "Unauthorized", 403: "Forbidden", 404: "NotFound", 409: "Conflict", 410: "Expired", 422: "Invalid",
	429: "TooManyRequests", 500: "InternalError", 503: "ServiceUnavailable", 504: "Timeout",
}

// status is the object that API servers answer with.
func status(f fault) []byte {
	reason := f.reason
	if reason == "" {
		reason = reasons[f.code]
	}
	text, _ := json.Marshal(map[string]any{
		"kind": "Status", "apiVersion": "v1", "metadata": map[string]any{}, "status": "Failure",
		"message": "fault of the rig: " + reason, "reason": reason, "code": f.code,
	})
	return append(text, '\n')
}

func answer(w http.ResponseWriter, f fault) {
	w.Header().Set("Content-Type", "application/json")
	if f.retryAfter != "" {
		w.Header().Set("Retry-After", f.retryAfter)
	}
	w.WriteHeader(f.code)
	_, _ = w.Write(status(f))
}

// --- orders -----------------------------------------------------------------------------------------------------------

func (p *proxy) control(env string) error {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	plain := func(do func() error) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			if err := do(); err != nil {
				http.Error(w, err.Error(), http.StatusConflict)
			}
		}
	}
	mux.HandleFunc("POST /clear", plain(func() error { p.clear(); return nil }))
	mux.HandleFunc("POST /cut", plain(func() error { p.cut(); return nil }))
	mux.HandleFunc("POST /refuse", plain(func() error { p.refuse(); return nil }))
	mux.HandleFunc("POST /accept", plain(p.accept))
	mux.HandleFunc("POST /http1", plain(func() error { return p.offer(true) }))
	mux.HandleFunc("POST /http2", plain(func() error { return p.offer(false) }))
	mux.HandleFunc("GET /struck", func(w http.ResponseWriter, _ *http.Request) { p.write(w) })
	mux.HandleFunc("POST /fault", func(w http.ResponseWriter, r *http.Request) {
		f, err := newFault(r.URL.Query())
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		fmt.Fprintln(w, p.add(f))
	})
	if err = os.WriteFile(env+".new", fmt.Appendf(nil, "fault_url=https://%s\nfault_control=http://%s\n", p.address, listener.Addr()), 0o600); err != nil {
		return err
	}
	if err = os.Rename(env+".new", env); err != nil {
		return err
	}
	return http.Serve(listener, mux)
}
