package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"sync"
)

// nowhere takes an answer that nobody gets to see.
type nowhere struct{ header http.Header }

func (n *nowhere) Header() http.Header            { return n.header }
func (n *nowhere) Write(text []byte) (int, error) { return len(text), nil }
func (n *nowhere) WriteHeader(int)                {}

// parting has the server end the connection after the answer; in HTTP/2 that is GOAWAY.
type parting struct{ http.ResponseWriter }

func (p *parting) WriteHeader(code int) {
	p.Header().Set("Connection", "close")
	p.ResponseWriter.WriteHeader(code)
}

func (p *parting) Unwrap() http.ResponseWriter { return p.ResponseWriter }

// spoiled is an answer that passes up to a limit of bytes or of time. Then it ends (`end` cancels the request, which has
// the forwarding give up), goes silent, or says something of its own.
type spoiled struct {
	http.ResponseWriter
	fault fault
	end   context.CancelFunc

	mu     sync.Mutex // the clock strikes beside the writing
	left   int        // bytes that still pass; < 0: no limit
	inLine bool       // the last byte that passed did not end a line
	over   bool
}

func spoil(ctx context.Context, end context.CancelFunc, w http.ResponseWriter, f fault) *spoiled {
	s := &spoiled{ResponseWriter: w, fault: f, end: end, left: f.bytes}
	if f.wait == 0 {
		s.left = max(s.left, 0)
		return s
	}
	go func() {
		if pause(ctx, f.wait) {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.left = 0
			s.strike()
		}
	}()
	return s
}

// WriteHeader: what is spoiled has another length than the server said.
func (s *spoiled) WriteHeader(code int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.over {
		return
	}
	if s.fault.do != "stall" {
		s.Header().Del("Content-Length")
	}
	s.ResponseWriter.WriteHeader(code)
}

func (s *spoiled) Flush() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.over {
		_ = http.NewResponseController(s.ResponseWriter).Flush()
	}
}

func (s *spoiled) Write(text []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.over {
		return len(text), nil
	}
	passes := s.passes(text)
	if passes > 0 {
		if _, err := s.ResponseWriter.Write(text[:passes]); err != nil {
			return 0, err
		}
		s.inLine = text[passes-1] != '\n'
	}
	if s.left >= 0 {
		s.left = max(s.left-passes, 0)
	}
	if passes < len(text) || s.left == 0 {
		s.strike()
	}
	return len(text), nil
}

// passes says how many bytes still do. An error event comes after a whole line.
func (s *spoiled) passes(text []byte) int {
	if s.left < 0 || s.left >= len(text) {
		return len(text)
	}
	between := s.left == 0 && !s.inLine || s.left > 0 && text[s.left-1] == '\n'
	if s.fault.do != "event" || between {
		return s.left
	}
	if end := bytes.IndexByte(text[s.left:], '\n'); end >= 0 {
		return s.left + end + 1
	}
	return len(text)
}

func (s *spoiled) struck() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.over
}

func (s *spoiled) strike() {
	if s.over || s.fault.do == "event" && s.inLine {
		return
	}
	s.over = true
	switch s.fault.do {
	case "stall": // until the client gives up
		return
	case "garble":
		_, _ = io.WriteString(s.ResponseWriter, "<html>this is not JSON\n")
	case "event":
		_, _ = fmt.Fprintf(s.ResponseWriter, "{\"type\":\"ERROR\",\"object\":%s}\n", bytes.TrimSpace(status(s.fault)))
	}
	_ = http.NewResponseController(s.ResponseWriter).Flush()
	s.end()
}
