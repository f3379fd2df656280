// Command fault stands between clients and an API server, and spoils on demand what passes. Clients see the rig's own
// certificate, HTTP/2 or HTTP/1.1; who they are the server learns: tokens pass, and client certificates are vouched for.
//
//	fault -pki DIR -to URL -port N -env FILE
//
// FILE then holds shell assignments: fault_url, fault_control. POST to the latter:
//
//	/fault?do=…&KEY=VALUE…   one more fault, see fault.go; the answer is its number
//	/clear                   none any more
//	/cut                     all connections are reset now
//	/refuse, /accept         connections are refused; accepted again, at the same port
//	/http1, /http2           what new connections are offered
//
// and GET /struck is one line for each fault, "NUMBER TIMES".
package main

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"flag"
	"fmt"
	"log"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
)

func main() {
	pki := flag.String("pki", "", "folder with the certificates of the rig")
	to := flag.String("to", "", "the API server")
	port := flag.Int("port", 0, "to listen on")
	env := flag.String("env", "", "file for the addresses, written when all is ready")
	flag.Parse()
	target, err := url.Parse(*to)
	if err != nil {
		log.Fatal(err)
	}
	ca, err := authority(*pki)
	if err != nil {
		log.Fatal(err)
	}
	p := &proxy{address: fmt.Sprintf("127.0.0.1:%d", *port)}
	if err = p.prepare(*pki, ca, target); err != nil {
		log.Fatal(err)
	}
	if err = p.accept(); err != nil {
		log.Fatal(err)
	}
	log.Fatal(p.control(*env))
}

func authority(pki string) (*x509.CertPool, error) {
	text, err := os.ReadFile(filepath.Join(pki, "ca.crt"))
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		return nil, errors.New("ca.crt holds no certificate")
	}
	return pool, nil
}

func (p *proxy) prepare(pki string, ca *x509.CertPool, target *url.URL) error {
	own, err := tls.LoadX509KeyPair(filepath.Join(pki, "server.crt"), filepath.Join(pki, "server.key"))
	if err != nil {
		return err
	}
	voucher, err := tls.LoadX509KeyPair(filepath.Join(pki, "proxy.crt"), filepath.Join(pki, "proxy.key"))
	if err != nil {
		return err
	}
	p.tls = &tls.Config{Certificates: []tls.Certificate{own}, ClientAuth: tls.VerifyClientCertIfGiven, ClientCAs: ca}
	p.forward = &httputil.ReverseProxy{
		FlushInterval: -1, ErrorLog: log.New(quiet{}, "", 0),
		Rewrite:      func(r *httputil.ProxyRequest) { r.SetURL(target); vouch(r) },
		Transport:    transports{toServer(ca), toServer(ca, voucher)},
		ErrorHandler: func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) },
	}
	return nil
}

type quiet struct{}

func (quiet) Write(text []byte) (int, error) { return len(text), nil }

// --- who asks ---------------------------------------------------------------------------------------------------------

// transports are two ways to the server: one for clients who bring a token, or nothing, and one that may say who asks.
type transports struct{ plain, vouching http.RoundTripper }

func toServer(ca *x509.CertPool, certificates ...tls.Certificate) http.RoundTripper {
	return &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: ca, Certificates: certificates}, ForceAttemptHTTP2: true, DisableCompression: true,
	}
}

func (t transports) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Header.Get("X-Remote-User") != "" {
		return t.vouching.RoundTrip(r)
	}
	return t.plain.RoundTrip(r)
}

func vouch(r *httputil.ProxyRequest) {
	for name := range r.Out.Header {
		if strings.HasPrefix(name, "X-Remote-") {
			r.Out.Header.Del(name)
		}
	}
	if r.In.TLS == nil || len(r.In.TLS.PeerCertificates) == 0 {
		return
	}
	subject := r.In.TLS.PeerCertificates[0].Subject
	r.Out.Header.Set("X-Remote-User", subject.CommonName)
	for _, group := range subject.Organization {
		r.Out.Header.Add("X-Remote-Group", group)
	}
}
