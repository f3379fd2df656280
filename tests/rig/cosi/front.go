package main

import (
	"context"
	"crypto/tls"
	"log"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"google.golang.org/grpc"
)

// ending is how a call is brought to its end. Omni speaks gRPC through net/http, and so does this: a stop gives open
// streams an end without any status.
type ending string

const (
	endNormally ending = ""       // trailers with a status
	endSilently ending = "silent" // END_STREAM without trailers
	endByReset  ending = "reset"  // RST_STREAM
	endByBreak  ending = "break"  // the TCP connection is gone
)

// request is what a call can tell its HTTP request.
type request struct {
	mu   sync.Mutex
	end  ending
	conn net.Conn
}

type requestKey struct{}
type connKey struct{}

func endAs(ctx context.Context, how ending) {
	if r, ok := ctx.Value(requestKey{}).(*request); ok && how != endNormally {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.end = how
	}
}

// front is the listener: HTTP/2 with and without TLS, which can stop and come back at the same address.
type front struct {
	address string
	tls     *tls.Config
	caFile  string
	grpc    *grpc.Server
	clock   time.Duration

	mu     sync.Mutex
	server *http.Server
	conns  map[net.Conn]struct{}
}

func newFront(o options, s *grpc.Server) (*front, error) {
	f := &front{address: o.listen, grpc: s, clock: o.clock, conns: map[net.Conn]struct{}{}}
	if o.tls {
		var err error
		f.caFile = filepath.Join(o.dir, "ca.pem")
		if f.tls, err = openCertificate(f.caFile, o.keep); err != nil {
			return nil, err
		}
	}
	return f, f.open()
}

func (f *front) url() string {
	if f.tls != nil {
		return "https://" + f.address
	}
	return "grpc://" + f.address
}

// open starts to listen; the address stays the same from the first time on.
func (f *front) open() error {
	l, err := net.Listen("tcp", f.address)
	if err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.address = l.Addr().String()
	protocols := &http.Protocols{}
	protocols.SetHTTP1(true)
	protocols.SetHTTP2(true)
	protocols.SetUnencryptedHTTP2(true)
	f.server = &http.Server{
		Handler: f, Protocols: protocols, TLSConfig: f.tls,
		ConnContext: func(ctx context.Context, c net.Conn) context.Context { return context.WithValue(ctx, connKey{}, c) },
		ConnState:   f.track,
	}
	go func(s *http.Server) {
		if f.tls != nil {
			err = s.ServeTLS(l, "", "")
		} else {
			err = s.Serve(l)
		}
		if err != http.ErrServerClosed {
			log.Fatal(err)
		}
	}(f.server)
	return nil
}

func (f *front) track(c net.Conn, state http.ConnState) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if state == http.StateClosed {
		delete(f.conns, c)
	} else {
		f.conns[c] = struct{}{}
	}
}

// ServeHTTP hands gRPC to the gRPC server; everything else gets the answers of Omni's page server.
func (f *front) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	// The gRPC server takes it off its own answers, and leaves it on the plain ones that it gives to broken requests.
	w.Header().Set("Date", time.Now().Add(f.clock).UTC().Format(http.TimeFormat))
	if r.ProtoMajor != 2 || !strings.HasPrefix(r.Header.Get("Content-Type"), "application/grpc") {
		if r.Method != http.MethodGet {
			http.Error(w, "read-only", http.StatusMethodNotAllowed)
			return
		}
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = w.Write([]byte("<!doctype html><title>Omni</title>\n"))
		return
	}
	call := &request{}
	call.conn, _ = r.Context().Value(connKey{}).(net.Conn)
	f.grpc.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), requestKey{}, call)))
	call.finish(w)
}

// finish runs after the gRPC server wrote its trailers, and before they are sent.
func (r *request) finish(w http.ResponseWriter) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch r.end {
	case endSilently:
		for _, name := range []string{"Grpc-Status", "Grpc-Message", "Grpc-Status-Details-Bin"} {
			w.Header().Del(name)
		}
	case endByReset:
		panic(http.ErrAbortHandler)
	case endByBreak:
		_ = r.conn.Close()
	}
}

// goAway tells every client to leave, lets open streams run, and takes new connections at once.
func (f *front) goAway() error {
	f.mu.Lock()
	old := f.server
	f.mu.Unlock()
	go func() { _ = old.Shutdown(context.Background()) }()
	return f.reopen()
}

// reopen waits until the former listener has let go of the address.
func (f *front) reopen() (err error) {
	for range 200 {
		if err = f.open(); err == nil {
			return nil
		}
		time.Sleep(10 * time.Millisecond)
	}
	return err
}

// vanish cuts every connection, refuses new ones for a while, and comes back.
func (f *front) vanish(d time.Duration) {
	f.mu.Lock()
	_ = f.server.Close()
	f.mu.Unlock()
	go func() {
		time.Sleep(d)
		if err := f.reopen(); err != nil {
			log.Fatal(err)
		}
	}()
}

// cut breaks every connection that is open now.
func (f *front) cut() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for c := range f.conns {
		_ = c.Close()
	}
}
