package main

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// proxy stands between the agent and its server. While it storms, it takes each connection in one of two ways: as bytes
// (link_bytes.go) or as HTTP/2 frames (link_frames.go), and breaks it as chance says. When it is calm, it passes
// everything on, at once and untouched.
type proxy struct {
	seed     uint64
	upstream string
	server   *tls.Config // for whoever comes in; nil: cleartext
	client   *tls.Config // for the way on
	listener net.Listener
	storms   atomic.Bool
	faults   tally

	mu    sync.Mutex
	links map[*link]struct{}
	count int
}

// link is one connection through the proxy.
type link struct {
	proxy   *proxy
	chance  *chance
	in, out net.Conn
	tainted atomic.Bool // something was lost on it that its ends wait for
}

func newProxy(seed uint64, upstream string, certificate *tls.Certificate) (*proxy, error) {
	p := &proxy{seed: seed, upstream: upstream, links: map[*link]struct{}{}, faults: tally{counts: map[string]int{}}}
	if certificate != nil {
		p.server = &tls.Config{Certificates: []tls.Certificate{*certificate}, NextProtos: []string{"h2"}}
		p.client = &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"h2"}}
	}
	var err error
	if p.listener, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		return nil, err
	}
	go p.serve()
	return p, nil
}

func (p *proxy) url() string {
	scheme := "grpc://"
	if p.server != nil {
		scheme = "https://"
	}
	return scheme + p.listener.Addr().String()
}

func (p *proxy) serve() {
	for {
		conn, err := p.listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			time.Sleep(time.Millisecond)
			continue
		}
		p.mu.Lock()
		p.count++
		l := &link{proxy: p, chance: derive(p.seed, chanceOfLink, p.count), in: conn}
		p.links[l] = struct{}{}
		p.mu.Unlock()
		go func() {
			l.run()
			l.cut()
			p.mu.Lock()
			delete(p.links, l)
			p.mu.Unlock()
		}()
	}
}

// calm ends the faults. What waits for something that was lost would wait until its deadline; its connection breaks.
func (p *proxy) calm() {
	p.storms.Store(false)
	p.mu.Lock()
	defer p.mu.Unlock()
	for l := range p.links {
		if l.tainted.Load() {
			l.cut()
		}
	}
}

// taint notes that somebody may wait for what will never come. What began in a storm can still do harm when it is over.
func (l *link) taint() {
	l.tainted.Store(true)
	if !l.proxy.storms.Load() {
		l.cut()
	}
}

// happens tells whether a fault that comes one in n times comes now, and counts it.
func (l *link) happens(n int, name string) bool {
	if !l.proxy.storms.Load() || !l.chance.in(n) {
		return false
	}
	l.proxy.faults.add(name)
	return true
}

func (l *link) run() {
	const refused, doubled, asBytes = 12, 8, 2
	if l.happens(refused, "connection refused") {
		reset(l.in)
		return
	}
	if l.happens(doubled, "connection tried twice") {
		if twin, err := l.dial(); err == nil {
			defer func() { _ = twin.Close() }()
		}
	}
	var err error
	if l.out, err = l.dial(); err != nil {
		return
	}
	if l.chance.in(asBytes) {
		l.passBytes()
		return
	}
	if l.proxy.server != nil {
		l.in, l.out = tls.Server(l.in, l.proxy.server), tls.Client(l.out, l.proxy.client)
	}
	l.passFrames()
}

func (l *link) dial() (net.Conn, error) { return net.DialTimeout("tcp", l.proxy.upstream, time.Second) }

// cut breaks the connection at both ends.
func (l *link) cut() {
	for _, c := range []net.Conn{l.in, l.out} {
		if c != nil {
			_ = c.Close()
		}
	}
}

// reset breaks a connection by an RST instead of a FIN.
func reset(c net.Conn) {
	if t, ok := c.(*tls.Conn); ok {
		c = t.NetConn()
	}
	if t, ok := c.(*net.TCPConn); ok {
		_ = t.SetLinger(0)
	}
	_ = c.Close()
}

// tally counts what happened.
type tally struct {
	mu     sync.Mutex
	counts map[string]int
}

func (t *tally) add(name string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.counts[name]++
}

func (t *tally) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	var lines []string
	for name, n := range t.counts {
		lines = append(lines, fmt.Sprintf("%s: %d", name, n))
	}
	slices.Sort(lines)
	return strings.Join(lines, ", ")
}
