// A server for gRPC that does what it is told, wrong things above all. http2 DIR: writes DIR/ports (lines "NAME PORT"),
// DIR/ca.pem and DIR/other-ca.pem, and serves until its standard input ends.
package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"
)

type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func must[T any](value T, err error) T {
	if err != nil {
		log.Fatal(err)
	}
	return value
}

func newAuthority(dir, name string) authority {
	key := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-48 * time.Hour),
		NotAfter: time.Now().Add(48 * time.Hour), IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	der := must(x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key))
	file := must(os.Create(filepath.Join(dir, name+".pem")))
	pem.Encode(file, &pem.Block{Type: "CERTIFICATE", Bytes: der})
	file.Close()
	return authority{must(x509.ParseCertificate(der)), key}
}

func (a authority) issue(name string, until time.Duration) tls.Certificate {
	key := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	template := &x509.Certificate{SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name},
		NotBefore: time.Now().Add(-24 * time.Hour), NotAfter: time.Now().Add(until)}
	if name == "localhost" {
		template.IPAddresses = []net.IP{net.ParseIP("127.0.0.1")}
	}
	der := must(x509.CreateCertificate(rand.Reader, template, a.cert, &key.PublicKey, a.key))
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

var frozen atomic.Bool

func abortive(c net.Conn) {
	raw := c
	if t, ok := c.(*tls.Conn); ok {
		raw = t.NetConn()
	}
	raw.(*net.TCPConn).SetLinger(0)
	raw.Close()
}

type rig struct{ ports strings.Builder }

func (r *rig) listen(name string) net.Listener {
	l := must(net.Listen("tcp", "127.0.0.1:0"))
	fmt.Fprintf(&r.ports, "%s %d\n", name, l.Addr().(*net.TCPAddr).Port)
	return l
}

func accept(l net.Listener, take func(net.Conn)) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		go take(c)
	}
}

func (r *rig) frames(name string, config *tls.Config, maxStreams uint32) net.Listener {
	l := r.listen(name)
	go accept(l, func(c net.Conn) {
		if config != nil {
			c = tls.Server(c, config)
		}
		serve(c, maxStreams)
	})
	return l
}

// Passes everything on until it is frozen: then nothing, and no end either.
func (r *rig) freezer(name string, target net.Listener) {
	pass := func(to, from net.Conn) {
		bytes := make([]byte, 32<<10)
		for {
			n, err := from.Read(bytes)
			if err != nil {
				to.Close()
				return
			}
			for frozen.Load() {
				time.Sleep(5 * time.Millisecond)
			}
			to.Write(bytes[:n])
		}
	}
	go accept(r.listen(name), func(c net.Conn) {
		back, err := net.Dial("tcp", target.Addr().String())
		if err != nil {
			c.Close()
			return
		}
		go pass(c, back)
		pass(back, c)
	})
}

func main() {
	dir := os.Args[1]
	r := &rig{}
	ca, other := newAuthority(dir, "ca"), newAuthority(dir, "other-ca")
	with := func(c tls.Certificate, protocols ...string) *tls.Config {
		return &tls.Config{Certificates: []tls.Certificate{c}, NextProtos: protocols}
	}
	good := ca.issue("localhost", time.Hour)
	secure := r.frames("tls", with(good, "h2"), 250)
	plain := r.frames("plain", nil, 250)
	r.frames("few", with(good, "h2"), 5)
	r.frames("expired", with(ca.issue("localhost", -time.Hour), "h2"), 250)
	r.frames("name", with(ca.issue("elsewhere.example.org", time.Hour), "h2"), 250)
	r.frames("unknown", with(other.issue("localhost", time.Hour), "h2"), 250)
	r.freezer("freezer", secure)
	r.freezer("plain-freezer", plain)
	old := http.NewServeMux()
	old.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "read-only", http.StatusMethodNotAllowed) })
	go http.Serve(tls.NewListener(r.listen("tls-http1"), with(good, "http/1.1")), old)
	go http.Serve(r.listen("http1"), old)
	closed := r.listen("closed")
	closed.Close()
	if err := os.WriteFile(filepath.Join(dir, "ports.new"), []byte(r.ports.String()), 0o600); err != nil {
		log.Fatal(err)
	}
	os.Rename(filepath.Join(dir, "ports.new"), filepath.Join(dir, "ports"))
	io.Copy(io.Discard, os.Stdin)
}
