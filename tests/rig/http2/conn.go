package main

import (
	"bufio"
	"errors"
	"io"
	"net"
	"sync"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// One connection, spoken frame by frame, so that it can be spoken wrongly.
type conn struct {
	net.Conn
	framer  *http2.Framer
	lock    sync.Mutex
	changed *sync.Cond
	window  int64
	initial int64
	streams map[uint32]*stream
	closed  bool
	buf     writeBuffer
	encoder *hpack.Encoder
}

type stream struct {
	*conn
	id      uint32
	headers map[string]string
	body    []byte
	window  int64
	reset   bool
	done    chan struct{}
}

type writeBuffer struct{ bytes []byte }

func (w *writeBuffer) Write(p []byte) (int, error) {
	w.bytes = append(w.bytes, p...)
	return len(p), nil
}

func serve(raw net.Conn, maxStreams uint32) {
	reader := bufio.NewReaderSize(raw, 64<<10)
	preface := make([]byte, len(http2.ClientPreface))
	if _, err := io.ReadFull(reader, preface); err != nil || string(preface) != http2.ClientPreface {
		raw.Close()
		return
	}
	c := &conn{Conn: raw, framer: http2.NewFramer(raw, reader), window: 65535, initial: 65535, streams: map[uint32]*stream{}}
	c.changed = sync.NewCond(&c.lock)
	c.encoder = hpack.NewEncoder(&c.buf)
	c.framer.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	c.framer.SetMaxReadFrameSize(1 << 20)
	c.lock.Lock()
	c.framer.WriteSettings(http2.Setting{ID: http2.SettingMaxConcurrentStreams, Val: maxStreams},
		http2.Setting{ID: http2.SettingInitialWindowSize, Val: 16 << 20})
	c.framer.WriteWindowUpdate(0, 1<<30)
	c.lock.Unlock()
	c.read()
	c.end()
}

func (c *conn) end() {
	c.lock.Lock()
	c.closed = true
	for _, s := range c.streams {
		s.cancel()
	}
	c.changed.Broadcast()
	c.lock.Unlock()
	c.Conn.Close()
}

// With the lock held.
func (s *stream) cancel() {
	if !s.reset {
		s.reset = true
		close(s.done)
	}
}

func (c *conn) read() {
	for {
		frame, err := c.framer.ReadFrame()
		if err != nil {
			var wrong http2.StreamError
			if errors.As(err, &wrong) {
				continue
			}
			return
		}
		c.lock.Lock()
		c.take(frame)
		c.changed.Broadcast()
		c.lock.Unlock()
	}
}

func (c *conn) take(frame http2.Frame) {
	switch f := frame.(type) {
	case *http2.SettingsFrame:
		c.takeSettings(f)
	case *http2.PingFrame:
		if !f.IsAck() {
			c.framer.WritePing(true, f.Data)
		}
	case *http2.WindowUpdateFrame:
		if f.StreamID == 0 {
			c.window += int64(f.Increment)
		} else if s := c.streams[f.StreamID]; s != nil {
			s.window += int64(f.Increment)
		}
	case *http2.RSTStreamFrame:
		if s := c.streams[f.StreamID]; s != nil {
			s.cancel()
		}
	case *http2.MetaHeadersFrame:
		s := &stream{conn: c, id: f.StreamID, headers: map[string]string{}, window: c.initial, done: make(chan struct{})}
		for _, field := range f.Fields {
			s.headers[field.Name] = field.Value
		}
		c.streams[f.StreamID] = s
	case *http2.DataFrame:
		if s := c.streams[f.StreamID]; s != nil {
			s.body = append(s.body, f.Data()...)
			if n := uint32(len(f.Data())); n > 0 {
				c.framer.WriteWindowUpdate(s.id, n)
			}
			if f.StreamEnded() {
				go s.run()
			}
		}
	}
}

func (c *conn) takeSettings(f *http2.SettingsFrame) {
	if f.IsAck() {
		return
	}
	if value, ok := f.Value(http2.SettingInitialWindowSize); ok {
		for _, s := range c.streams {
			s.window += int64(value) - c.initial
		}
		c.initial = int64(value)
	}
	c.framer.WriteSettingsAck()
}

// --- what behaviours say

func (s *stream) send(end bool, fields ...string) {
	s.lock.Lock()
	defer s.lock.Unlock()
	s.buf.bytes = nil
	for i := 0; i+1 < len(fields); i += 2 {
		s.encoder.WriteField(hpack.HeaderField{Name: fields[i], Value: fields[i+1]})
	}
	s.framer.WriteHeaders(http2.HeadersFrameParam{StreamID: s.id, BlockFragment: s.buf.bytes, EndStream: end, EndHeaders: true})
}

func (s *stream) data(end bool, bytes []byte) bool {
	for first := true; first || len(bytes) > 0; first = false {
		s.lock.Lock()
		for len(bytes) > 0 && (s.window <= 0 || s.conn.window <= 0) && !s.reset && !s.closed {
			s.changed.Wait()
		}
		if s.reset || s.closed {
			s.lock.Unlock()
			return false
		}
		n := min(int64(len(bytes)), 16384, max(s.window, 0), max(s.conn.window, 0))
		s.window -= n
		s.conn.window -= n
		s.framer.WriteData(s.id, end && n == int64(len(bytes)), bytes[:n])
		bytes = bytes[n:]
		s.lock.Unlock()
	}
	return true
}

func (s *stream) rst(code http2.ErrCode) {
	s.lock.Lock()
	defer s.lock.Unlock()
	s.framer.WriteRSTStream(s.id, code)
}

func (s *stream) goaway(last uint32, code http2.ErrCode) {
	s.lock.Lock()
	defer s.lock.Unlock()
	s.framer.WriteGoAway(last, code, nil)
}

func (s *stream) headersFine() {
	s.send(false, ":status", "200", "content-type", "application/grpc")
}

func (s *stream) trailers(status string, more ...string) {
	s.send(true, append(more, "grpc-status", status)...)
}

func framed(flag byte, message []byte) []byte {
	n := len(message)
	return append([]byte{flag, byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)}, message...)
}
