package main

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/net/http2"
)

// What the server does with a request is the first part of its method's name: /rig.Rig/NAME, then arguments in the path.
var behaviours = map[string]func(s *stream, args []string){
	"Echo":     func(s *stream, _ []string) { s.answer(s.body) },
	"Split":    split,
	"EachByte": func(s *stream, _ []string) { s.pieces(framed(0, pattern(40)), 1) },
	"Chunk":    func(s *stream, a []string) { s.ok(concat(framed(0, []byte("one")), framed(0, []byte("two")))) },
	"Empty":    func(s *stream, _ []string) { s.ok(framed(0, nil)) },
	"Nothing":  func(s *stream, _ []string) { s.ok(nil) },
	"Large":    func(s *stream, a []string) { s.ok(framed(0, pattern(number(a, 0)))) },
	"Cut":      func(s *stream, _ []string) { s.ok(framed(0, pattern(40))[:30]) },
	"List":     list,
	"Merged": func(s *stream, a []string) {
		s.send(true, ":status", "200", "content-type", "application/grpc", "grpc-status", a[0], "grpc-message", "merged")
	},
	"Both": func(s *stream, _ []string) {
		s.send(false, ":status", "200", "content-type", "application/grpc", "grpc-status", "0")
		s.trailers("5", "grpc-message", "trailers win")
	},
	"NoStatus": func(s *stream, _ []string) { s.headersFine(); s.send(true, "x-other", "1") },
	"NoTrailers": func(s *stream, _ []string) {
		s.headersFine()
		s.data(false, framed(0, []byte("one")))
		s.data(true, nil)
	},
	"Status":      func(s *stream, a []string) { s.headersFine(); s.trailers(a[0], "grpc-message", string(s.body[5:])) },
	"Gzip":        compressed,
	"Flag":        func(s *stream, a []string) { s.ok(framed(byte(number(a, 0)), []byte("one"))) },
	"ResetBefore": func(s *stream, a []string) { s.rst(http2.ErrCode(number(a, 0))) },
	"ResetMiddle": func(s *stream, a []string) {
		s.headersFine()
		s.data(false, framed(0, []byte("one")))
		time.Sleep(20 * time.Millisecond)
		s.rst(http2.ErrCode(number(a, 0)))
	},
	"ResetBehind": func(s *stream, a []string) {
		s.headersFine()
		s.data(false, framed(0, []byte("one")))
		s.trailers("0")
		s.rst(http2.ErrCode(number(a, 0)))
	},
	"RefuseTimes":  refuse,
	"Seen":         func(s *stream, a []string) { s.ok(framed(0, []byte(strconv.Itoa(seen(a[0], 0))))) },
	"GoawayRefuse": func(s *stream, a []string) { goawayRefuse(s, a[0]) },
	"GoawayWatch": func(s *stream, _ []string) {
		s.headersFine()
		s.data(false, framed(0, []byte("one")))
		s.goaway(s.id, 0)
		time.Sleep(100 * time.Millisecond)
		s.Close()
	},
	"StopWatch": func(s *stream, _ []string) {
		s.headersFine()
		s.data(false, framed(0, []byte("one")))
		s.goaway(s.id, 0)
		s.data(true, nil)
	},
	"Hangup":       func(s *stream, a []string) { seen(a[0], 1); s.Close() },
	"Abort":        func(s *stream, a []string) { seen(a[0], 1); abortive(s.Conn) },
	"HangupMiddle": func(s *stream, _ []string) { s.headersFine(); s.data(false, framed(0, []byte("one"))[:6]); s.Close() },
	"Html":         html,
	"Silent":       func(s *stream, a []string) { s.await(a) },
	"Watch":        watch,
	"Flood":        flood,
	"Date": func(s *stream, _ []string) {
		s.send(false, ":status", "503", "date", "Sun, 06 Nov 1994 08:49:37 GMT")
		s.data(true, []byte("busy"))
	},
	"Headers": func(s *stream, a []string) { s.ok(framed(0, []byte(s.headers[a[0]]))) },
	"Late": func(s *stream, a []string) {
		time.Sleep(time.Duration(number(a, 0)) * time.Millisecond)
		s.answer(s.body)
	},
	"Busy":   busy,
	"Freeze": func(s *stream, a []string) { frozen.Store(a[0] == "1"); s.ok(framed(0, nil)) },
}

func (s *stream) run() {
	parts := strings.Split(strings.TrimPrefix(s.headers[":path"], "/rig.Rig/"), "/")
	if behave := behaviours[parts[0]]; behave != nil {
		behave(s, parts[1:])
		return
	}
	s.headersFine()
	s.trailers("12", "grpc-message", "no such behaviour")
}

func number(args []string, i int) int {
	n := 0
	if i < len(args) {
		n, _ = strconv.Atoi(args[i])
	}
	return n
}

func concat(parts ...[]byte) []byte { return bytes.Join(parts, nil) }

func pattern(n int) []byte {
	out := make([]byte, n)
	for i := range out {
		out[i] = byte(i * 7)
	}
	return out
}

func (s *stream) ok(body []byte) {
	s.headersFine()
	if body != nil {
		s.data(false, body)
	}
	s.trailers("0")
}

func (s *stream) answer(body []byte) { s.ok(body) }

func (s *stream) pieces(body []byte, sizes ...int) {
	s.headersFine()
	for i := 0; len(body) > 0; i++ {
		n := min(sizes[min(i, len(sizes)-1)], len(body))
		s.data(false, body[:n])
		body = body[n:]
		time.Sleep(200 * time.Microsecond)
	}
	s.trailers("0")
}

// Split/N: three messages, cut at byte N.
func split(s *stream, args []string) {
	body := concat(framed(0, []byte("one")), framed(0, nil), framed(0, pattern(20)))
	at := number(args, 0)
	s.headersFine()
	s.data(false, body[:at])
	time.Sleep(time.Millisecond)
	s.data(false, body[at:])
	s.trailers("0")
}

// List/COUNT/SIZE
func list(s *stream, args []string) {
	one := framed(0, pattern(number(args, 1)))
	batch := bytes.Repeat(one, 50)
	s.headersFine()
	for left := number(args, 0); left > 0; left -= 50 {
		if !s.data(false, batch[:min(left, 50)*len(one)]) {
			return
		}
	}
	s.trailers("0")
}

func compressed(s *stream, args []string) {
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	w.Write(pattern(number(args, 0)))
	w.Close()
	packed := out.Bytes()
	if len(args) > 1 {
		packed = packed[:len(packed)/2]
	}
	s.send(false, ":status", "200", "content-type", "application/grpc", "grpc-encoding", "gzip")
	s.data(false, framed(1, packed))
	s.trailers("0")
}

var (
	counts     = map[string]int{}
	countsLock sync.Mutex
)

func seen(key string, more int) int {
	countsLock.Lock()
	defer countsLock.Unlock()
	counts[key] += more
	return counts[key]
}

// RefuseTimes/KEY/N: the first N requests are refused.
func refuse(s *stream, args []string) {
	if seen(args[0], 1) <= number(args, 1) {
		s.rst(http2.ErrCodeRefusedStream)
		return
	}
	s.answer(s.body)
}

// The first time: a connection that ends before this stream, which was never looked at.
func goawayRefuse(s *stream, key string) {
	if seen(key, 1) > 1 {
		s.answer(s.body)
		return
	}
	s.goaway(max(s.id, 2)-2, 0)
	time.Sleep(50 * time.Millisecond)
	s.Close()
}

func html(s *stream, args []string) {
	s.send(false, ":status", args[0], "content-type", "text/html", "server", "nginx", "location", "https://elsewhere.example.org/")
	s.data(true, []byte("<html><head><title>"+args[0]+" from a proxy</title></head><body>nothing here</body></html>"))
}

// Until the client goes; the key counts those that went.
func (s *stream) await(args []string) {
	<-s.done
	if len(args) > 0 {
		seen(args[0], 1)
	}
}

// Watch/KEY/MS: a message, then one every MS milliseconds (0: never again).
func watch(s *stream, args []string) {
	s.headersFine()
	for i := 0; s.data(false, framed(0, fmt.Appendf(nil, "event %d", i))); i++ {
		if number(args, 1) == 0 {
			s.await(args)
			return
		}
		time.Sleep(time.Duration(number(args, 1)) * time.Millisecond)
	}
}

func flood(s *stream, _ []string) {
	one := framed(0, pattern(1<<20))
	s.headersFine()
	for s.data(false, one) {
	}
}

var busyNow, busyMost int

// How many at once: an answer after 30 ms with the most that were seen.
func busy(s *stream, _ []string) {
	countsLock.Lock()
	busyNow++
	busyMost = max(busyMost, busyNow)
	countsLock.Unlock()
	time.Sleep(30 * time.Millisecond)
	countsLock.Lock()
	busyNow--
	most := busyMost
	countsLock.Unlock()
	s.ok(framed(0, []byte(strconv.Itoa(most))))
}
