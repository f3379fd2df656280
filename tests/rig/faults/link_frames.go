package main

import (
	"bytes"
	"container/heap"
	"io"
	"net"
	"sync"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// frames is a link that knows HTTP/2. Frames of one stream keep their order, those of different streams do not. Both
// sides' header tables end here, so that any frame can be left out.
type frames struct {
	*link
	up, down *lane // to the server, to the client

	mu      sync.Mutex
	streams map[uint32]*stream
	last    uint32 // the highest stream so far
}

// stream is one call.
type stream struct {
	fate    fate
	slow    [2]time.Duration // up, down
	fields  []hpack.HeaderField
	body    bytes.Buffer
	answers int
	over    bool // the rest of its frames is dropped
}

func (l *link) passFrames() {
	f := &frames{link: l, streams: map[uint32]*stream{}}
	f.up, f.down = newLane(l.out), newLane(l.in)
	preface := make([]byte, len(http2.ClientPreface))
	if _, err := io.ReadFull(l.in, preface); err != nil {
		return
	}
	if _, err := l.out.Write(preface); err != nil {
		return
	}
	var all sync.WaitGroup
	for _, run := range []func() error{
		func() error { return f.read(l.in, f.request) }, func() error { return f.read(l.out, f.answer) }, f.up.run, f.down.run,
	} {
		all.Go(func() {
			_ = run()
			f.end()
		})
	}
	all.Wait()
}

func (f *frames) end() {
	f.up.close()
	f.down.close()
	f.cut()
}

func (f *frames) read(from net.Conn, take func(http2.Frame) bool) error {
	framer := http2.NewFramer(nil, from)
	framer.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	framer.SetMaxReadFrameSize(1<<24 - 1)
	for {
		frame, err := framer.ReadFrame()
		if err != nil {
			return err
		}
		if !take(frame) {
			return io.EOF
		}
	}
}

// --- one direction's way out -------------------------------------------------------------------------------------------

// piece is a frame that waits for its time.
type piece struct {
	due   time.Time
	order int
	write func(*http2.Framer) error
	then  func([]byte) []byte // what becomes of its bytes; nil result: they are the last, and the connection breaks
}

// lane sends frames when their time has come.
type lane struct {
	to     net.Conn
	out    bytes.Buffer
	framer *http2.Framer
	table  bytes.Buffer
	hpack  *hpack.Encoder

	mu     sync.Mutex
	queue  pieces
	order  int
	latest map[uint32]time.Time // no frame of a stream overtakes another
	woken  chan struct{}
	closed bool
}

type pieces []piece

func (p pieces) Len() int { return len(p) }
func (p pieces) Less(i, j int) bool {
	return p[i].due.Before(p[j].due) || p[i].due.Equal(p[j].due) && p[i].order < p[j].order
}
func (p pieces) Swap(i, j int) { p[i], p[j] = p[j], p[i] }
func (p *pieces) Push(x any)   { *p = append(*p, x.(piece)) }
func (p *pieces) Pop() any {
	last := (*p)[len(*p)-1]
	*p = (*p)[:len(*p)-1]
	return last
}

func newLane(to net.Conn) *lane {
	l := &lane{to: to, latest: map[uint32]time.Time{}, woken: make(chan struct{}, 1)}
	l.framer = http2.NewFramer(&l.out, nil)
	l.framer.AllowIllegalWrites = true
	l.hpack = hpack.NewEncoder(&l.table)
	return l
}

// send puts a frame of a stream in line. What opens a stream keeps the order of all that open one (stream 0's line).
func (l *lane) send(id uint32, opens bool, delay time.Duration, p piece) {
	l.mu.Lock()
	p.due = time.Now().Add(delay)
	lines := []uint32{id}
	if opens {
		lines = []uint32{id, ^uint32(0)}
	}
	for _, line := range lines {
		if p.due.Before(l.latest[line]) {
			p.due = l.latest[line]
		}
	}
	for _, line := range lines {
		l.latest[line] = p.due
	}
	l.order++
	p.order = l.order
	heap.Push(&l.queue, p)
	l.mu.Unlock()
	l.wake()
}

func (l *lane) wake() {
	select {
	case l.woken <- struct{}{}:
	default:
	}
}

func (l *lane) close() {
	l.mu.Lock()
	l.closed = true
	l.mu.Unlock()
	l.wake()
}

// take gives the next frame, or how long to wait for it.
func (l *lane) take() (p piece, wait time.Duration, closed bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.queue) == 0 {
		return p, time.Hour, l.closed
	}
	if wait = time.Until(l.queue[0].due); wait > 0 {
		return p, wait, l.closed
	}
	return heap.Pop(&l.queue).(piece), 0, l.closed
}

func (l *lane) run() error {
	for {
		p, wait, closed := l.take()
		if closed {
			return net.ErrClosed
		}
		if wait > 0 {
			select {
			case <-l.woken:
			case <-time.After(wait):
			}
			continue
		}
		if err := l.put(p); err != nil {
			return err
		}
	}
}

func (l *lane) put(p piece) error {
	l.out.Reset()
	if err := p.write(l.framer); err != nil {
		return err
	}
	all := l.out.Bytes()
	if p.then == nil {
		_, err := l.to.Write(all)
		return err
	}
	left := p.then(all)
	_, _ = l.to.Write(left)
	if len(left) < len(all) {
		reset(l.to)
		return io.ErrUnexpectedEOF
	}
	return nil
}

// encode writes a header block with this connection's table, in the order of sending.
func (l *lane) encode(fields []hpack.HeaderField) []byte {
	l.table.Reset()
	for _, field := range fields {
		_ = l.hpack.WriteField(field)
	}
	return l.table.Bytes()
}
