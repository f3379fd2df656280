package main

import (
	"net"
	"sync"
	"time"
)

// passBytes passes on bytes whatever they mean; behind TLS, changed ones break the connection.
func (l *link) passBytes() {
	var both sync.WaitGroup
	both.Go(func() { l.pump(l.in, l.out) })
	both.Go(func() { l.pump(l.out, l.in) })
	both.Wait()
}

// pump passes on one direction until it ends or something happens to it.
func (l *link) pump(from, to net.Conn) {
	defer l.cut()
	piece, silent := make([]byte, 16384), false
	for {
		n, err := from.Read(piece)
		if silent = silent || n > 0 && l.happens(60, "one direction goes silent"); silent {
			l.taint()
		} else if n > 0 && !l.pass(to, piece[:n]) {
			return
		}
		if err != nil {
			return
		}
	}
}

// pass writes what has been read, or what is left of it; false: that was the last.
func (l *link) pass(to net.Conn, bytes []byte) bool {
	const cut, broken, corrupted, delayed, shredded = 60, 60, 60, 6, 15
	switch {
	case l.happens(cut, "bytes cut, FIN"):
		_, _ = to.Write(bytes[:l.chance.below(len(bytes)+1)])
		return false
	case l.happens(broken, "bytes cut, RST"):
		_, _ = to.Write(bytes[:l.chance.below(len(bytes)+1)])
		reset(to)
		return false
	case l.proxy.server != nil && l.happens(corrupted, "byte corrupted"):
		bytes[l.chance.below(len(bytes))] ^= byte(1 << l.chance.below(8))
		l.taint() // it may be in the length of a record
	case l.happens(delayed, "bytes delayed"):
		time.Sleep(l.chance.upTo(60 * time.Millisecond))
	case l.happens(shredded, "bytes in small pieces"):
		for len(bytes) > 64 {
			n := l.chance.below(64) + 1
			if _, err := to.Write(bytes[:n]); err != nil {
				return false
			}
			bytes = bytes[n:]
		}
	}
	_, err := to.Write(bytes)
	return err == nil
}
