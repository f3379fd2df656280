package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
)

// relay passes bytes on until it is told otherwise. Orders are lines of its standard input, and hold for the connections
// that there are; later ones are sound:
//
//	deaf    what the client sends is taken and lost, what the server sends arrives
//	dumb    the other way round
//	gone    neither is read any more, and no end of the connection is told: a peer that vanished
//
// Each is answered by a line "NAME: N" with the number of connections that it befell.
type relay struct {
	upstream string
	mu       sync.Mutex
	pipes    map[*pipe]struct{}
}

// pipe is one connection.
type pipe struct {
	deaf, dumb atomic.Bool
	gone       chan struct{} // closed when it is
}

func runRelay(upstream string, orders io.Reader, out io.Writer) error {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	r := &relay{upstream: upstream, pipes: map[*pipe]struct{}{}}
	go r.serve(listener)
	fmt.Fprintln(out, listener.Addr())
	for lines := bufio.NewScanner(orders); lines.Scan(); {
		fmt.Fprintf(out, "%s: %d\n", lines.Text(), r.obey(lines.Text()))
	}
	return nil
}

func (r *relay) obey(order string) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	for p := range r.pipes {
		switch order {
		case "deaf":
			p.deaf.Store(true)
		case "dumb":
			p.dumb.Store(true)
		case "gone":
			close(p.gone)
			delete(r.pipes, p)
		}
	}
	return len(r.pipes)
}

func (r *relay) serve(listener net.Listener) {
	for {
		in, err := listener.Accept()
		if err != nil {
			return
		}
		go r.pass(in)
	}
}

func (r *relay) pass(in net.Conn) {
	out, err := net.Dial("tcp", r.upstream)
	if err != nil {
		_ = in.Close()
		return
	}
	p := &pipe{gone: make(chan struct{})}
	r.mu.Lock()
	r.pipes[p] = struct{}{}
	r.mu.Unlock()
	var both sync.WaitGroup
	both.Go(func() { p.pump(in, out, &p.deaf) })
	both.Go(func() { p.pump(out, in, &p.dumb) })
	both.Wait()
	r.mu.Lock()
	delete(r.pipes, p)
	r.mu.Unlock()
}

// pump ends both directions when one ends, unless the connection has vanished.
func (p *pipe) pump(from, to net.Conn, lost *atomic.Bool) {
	bytes := make([]byte, 16384)
	for {
		n, err := from.Read(bytes)
		select {
		case <-p.gone:
			return // neither end is closed
		default:
		}
		if err == nil && !lost.Load() {
			_, err = to.Write(bytes[:n])
		}
		if err != nil {
			_ = from.Close()
			_ = to.Close()
			return
		}
	}
}
