package main

import (
	"bytes"
	"crypto/tls"
	"net"
	"net/http"
	"strings"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// fate is what becomes of one call.
type fate int

const (
	goodFate       fate = iota
	answerLost          // the server does the work, the client gets RST_STREAM
	answerBroken        // the server does the work, the connection breaks in the middle of the answer's first frame
	answerSilent        // the server does the work, nobody says so
	trailersLost        // the call ends without a status
	streamReset         // RST_STREAM to both, before the request is complete or in the middle of the answer
	requestCut          // the connection breaks in the middle of a frame of the request
	headerChanged       // a bit of a frame's first nine bytes is another one, on the way to the client
	requestChanged      // … on the way to the server
	leaveNow            // GOAWAY that denies calls which are under way and done
	sentTwice           // the server gets the call a second time, at the same time
	fates
)

var fateNames = [fates]string{
	"", "answer lost, RST_STREAM", "answer cut in a frame", "answer never comes", "trailers dropped", "stream reset",
	"request cut in a frame", "answer's frame header corrupted", "request's frame header corrupted", "GOAWAY", "request sent twice",
}

// How often each befalls a call, in a thousand.
var fateChances = [fates]int{0, 60, 30, 6, 30, 40, 25, 15, 15, 20, 60}

var resetCodes = []http2.ErrCode{
	http2.ErrCodeNo, http2.ErrCodeInternal, http2.ErrCodeCancel, http2.ErrCodeRefusedStream, http2.ErrCodeEnhanceYourCalm,
}

func (f *frames) begin(fields []hpack.HeaderField) *stream {
	const delayed, longest, thousand = 4, 120 * time.Millisecond, 1000
	s := &stream{fields: fields}
	if !f.proxy.storms.Load() {
		return s
	}
	for i := range s.slow {
		if f.happens(delayed, "call overtaken by others") {
			s.slow[i] = f.chance.upTo(longest)
		}
	}
	left := f.chance.below(thousand)
	for which, chance := range fateChances {
		if left -= chance; left < 0 && chance > 0 {
			s.fate = fate(which)
			break
		}
	}
	if s.fate == sentTwice && s.isWatch() {
		s.fate = goodFate
	}
	if s.fate != goodFate {
		f.proxy.faults.add(fateNames[s.fate])
	}
	return s
}

func (s *stream) isWatch() bool {
	for _, field := range s.fields {
		if field.Name == ":path" {
			return strings.HasSuffix(field.Value, "/Watch")
		}
	}
	return false
}

func (f *frames) find(id uint32) *stream {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.streams[id]
}

// --- the way to the server ---------------------------------------------------------------------------------------------

// request takes a frame of the client; false: the connection ends.
func (f *frames) request(frame http2.Frame) bool {
	head := frame.Header()
	s := f.find(head.StreamID)
	opened, opens := frame.(*http2.MetaHeadersFrame)
	if opens && s == nil {
		s = f.begin(opened.Fields)
		f.mu.Lock()
		f.streams[head.StreamID], f.last = s, max(f.last, head.StreamID)
		f.mu.Unlock()
	}
	if s == nil || head.StreamID == 0 {
		f.up.send(0, false, 0, piece{write: again(frame, f.up)})
		return true
	}
	p := piece{write: again(frame, f.up)}
	data, isData := frame.(*http2.DataFrame)
	if isData {
		s.body.Write(data.Data())
	}
	switch ends := head.Flags.Has(http2.FlagDataEndStream); {
	case s.fate == requestCut && f.chance.in(2):
		p.then = f.cutFrame
	case s.fate == requestChanged && f.chance.in(2):
		s.fate, p.then = goodFate, f.changeHeader
	case s.fate == streamReset && f.chance.in(3):
		f.up.send(head.StreamID, opens, s.slow[0], p)
		f.resetStream(head.StreamID, s, true)
		return true
	case s.fate == sentTwice && ends && (isData || opens):
		go f.proxy.sendAgain(s.fields, bytes.Clone(s.body.Bytes()))
	}
	f.up.send(head.StreamID, opens, s.slow[0], p)
	return true
}

// --- the way back ------------------------------------------------------------------------------------------------------

// answer takes a frame of the server.
func (f *frames) answer(frame http2.Frame) bool {
	head := frame.Header()
	s := f.find(head.StreamID)
	if head.StreamID == 0 || s == nil {
		f.down.send(0, false, 0, piece{write: again(frame, f.down)})
		return true
	}
	data, isData := frame.(*http2.DataFrame)
	f.mu.Lock()
	over := s.over
	s.answers++
	f.mu.Unlock()
	if over {
		if isData && len(data.Data()) > 0 { // nobody else gives the server its room back
			n := uint32(len(data.Data()))
			f.up.send(0, false, 0, piece{write: func(w *http2.Framer) error { return w.WriteWindowUpdate(0, n) }})
		}
		return true
	}
	p := piece{write: again(frame, f.down)}
	ends := isData && data.StreamEnded()
	if headers, ok := frame.(*http2.MetaHeadersFrame); ok {
		ends = headers.StreamEnded()
	}
	// A watch is let live for a while, and then has its fate like any other call.
	if s.isWatch() && s.fate != goodFate && !ends && !f.chance.in(4) {
		f.down.send(head.StreamID, false, s.slow[1], p)
		return true
	}
	switch f.befall(head.StreamID, s, frame, &p, ends); {
	case s.over:
	default:
		f.down.send(head.StreamID, false, s.slow[1], p)
	}
	return true
}

// befall lets the fate of a call happen when its answer is there.
func (f *frames) befall(id uint32, s *stream, frame http2.Frame, p *piece, ends bool) {
	switch s.fate {
	case answerLost:
		f.resetStream(id, s, false)
	case answerBroken:
		p.then = f.cutFrame
	case answerSilent:
		f.taint()
		f.drop(s)
	case trailersLost:
		if ends {
			p.write = endSilently(frame, f.down)
		}
	case streamReset:
		f.resetStream(id, s, !ends)
	case headerChanged:
		s.fate, p.then = goodFate, f.changeHeader
	case leaveNow:
		f.leave()
		s.fate = goodFate
	}
}

func (f *frames) drop(s *stream) {
	f.mu.Lock()
	defer f.mu.Unlock()
	s.over = true
}

// resetStream ends a call for the client, and for the server if that is not done with it.
func (f *frames) resetStream(id uint32, s *stream, both bool) {
	f.drop(s)
	code := pick(f.chance, resetCodes)
	write := func(w *http2.Framer) error { return w.WriteRSTStream(id, code) }
	f.down.send(id, false, s.slow[1], piece{write: write})
	if both {
		f.up.send(id, false, s.slow[0], piece{write: write})
	}
}

// leave says that later calls than some were not looked at, which is not true, and breaks the connection after that.
func (f *frames) leave() {
	f.mu.Lock()
	last := f.last
	f.mu.Unlock()
	if f.chance.in(2) {
		last = uint32(f.chance.below(int(last) + 1))
	}
	f.down.send(0, false, 0, piece{write: func(w *http2.Framer) error { return w.WriteGoAway(last, http2.ErrCodeNo, nil) }})
	time.AfterFunc(f.chance.upTo(200*time.Millisecond), f.end)
}

// --- frames ------------------------------------------------------------------------------------------------------------

func (f *frames) cutFrame(all []byte) []byte { return all[:f.chance.below(len(all))] }

// changeHeader: with another length in it, the other side waits for what nobody will send.
func (f *frames) changeHeader(all []byte) []byte {
	const header = 9
	f.taint()
	all[f.chance.below(min(header, len(all)))] ^= byte(1 << f.chance.below(8))
	return all
}

// again writes the same frame once more, later: the reader has forgotten it by then.
func again(frame http2.Frame, to *lane) func(*http2.Framer) error {
	head := frame.Header()
	switch of := frame.(type) {
	case *http2.MetaHeadersFrame:
		fields, ends := of.Fields, of.StreamEnded()
		return func(w *http2.Framer) error {
			return w.WriteHeaders(http2.HeadersFrameParam{
				StreamID: head.StreamID, BlockFragment: to.encode(fields), EndStream: ends, EndHeaders: true,
			})
		}
	case *http2.DataFrame:
		data, ends := bytes.Clone(of.Data()), of.StreamEnded()
		return func(w *http2.Framer) error { return w.WriteData(head.StreamID, ends, data) }
	case *http2.SettingsFrame:
		var settings []http2.Setting
		_ = of.ForeachSetting(func(s http2.Setting) error {
			if s.ID != http2.SettingHeaderTableSize { // both tables end here
				settings = append(settings, s)
			}
			return nil
		})
		if of.IsAck() {
			return func(w *http2.Framer) error { return w.WriteSettingsAck() }
		}
		return func(w *http2.Framer) error { return w.WriteSettings(settings...) }
	case *http2.WindowUpdateFrame:
		more := of.Increment
		return func(w *http2.Framer) error { return w.WriteWindowUpdate(head.StreamID, more) }
	case *http2.PingFrame:
		data, ack := of.Data, of.IsAck()
		return func(w *http2.Framer) error { return w.WritePing(ack, data) }
	case *http2.RSTStreamFrame:
		code := of.ErrCode
		return func(w *http2.Framer) error { return w.WriteRSTStream(head.StreamID, code) }
	case *http2.GoAwayFrame:
		last, code, debug := of.LastStreamID, of.ErrCode, bytes.Clone(of.DebugData())
		return func(w *http2.Framer) error { return w.WriteGoAway(last, code, debug) }
	}
	return func(*http2.Framer) error { return nil } // PRIORITY and what is unknown may be left out
}

// endSilently ends a stream without what says how the call went.
func endSilently(frame http2.Frame, to *lane) func(*http2.Framer) error {
	id := frame.Header().StreamID
	if headers, ok := frame.(*http2.MetaHeadersFrame); ok {
		var left []hpack.HeaderField
		for _, field := range headers.Fields {
			if !strings.HasPrefix(field.Name, "grpc-") {
				left = append(left, field)
			}
		}
		if headers.PseudoValue("status") != "" {
			return func(w *http2.Framer) error {
				return w.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: to.encode(left), EndStream: true, EndHeaders: true})
			}
		}
	}
	return func(w *http2.Framer) error { return w.WriteData(id, true, nil) }
}

// sendAgain is a second connection on which the same call arrives, as by a middle man that tries twice.
func (p *proxy) sendAgain(fields []hpack.HeaderField, body []byte) {
	way := &http2.Transport{AllowHTTP: p.client == nil, TLSClientConfig: p.client}
	if p.client == nil {
		way.DialTLS = func(network, address string, _ *tls.Config) (net.Conn, error) { return net.Dial(network, address) }
	}
	defer way.CloseIdleConnections()
	scheme := "https://"
	if p.client == nil {
		scheme = "http://"
	}
	path := ""
	headers := http.Header{}
	for _, field := range fields {
		if field.Name == ":path" {
			path = field.Value
		} else if !strings.HasPrefix(field.Name, ":") {
			headers.Add(field.Name, field.Value)
		}
	}
	request, err := http.NewRequest(http.MethodPost, scheme+p.upstream+path, bytes.NewReader(body))
	if err != nil {
		return
	}
	request.Header = headers
	if answer, err := way.RoundTrip(request); err == nil {
		_ = answer.Body.Close()
	}
}
