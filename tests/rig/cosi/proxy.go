package main

import (
	"bytes"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"github.com/cosi-project/runtime/pkg/resource"
	"github.com/google/uuid"
	"github.com/siderolabs/omni/client/pkg/omni/resources"
	"github.com/siderolabs/omni/client/pkg/omni/resources/omni"
	"go.yaml.in/yaml/v4"
)

// proxy is the way into clusters: one address for all of them, the token says into which, and as whom. Behind it one API server
// plays every cluster.
type proxy struct {
	store  *store
	key    []byte // tokens are signed with it
	url    string
	ca     []byte // PEM; Omni's own certificate needs none
	answer atomic.Int64
	next   *httputil.ReverseProxy
}

type claims struct {
	Subject string   `json:"sub"`
	Groups  []string `json:"groups"`
	Cluster string   `json:"cluster"`
	UUID    string   `json:"cluster_uuid"`
	Issued  int64    `json:"iat"`
	Expires int64    `json:"exp"`
}

var coded = base64.RawURLEncoding

// newProxy leads nowhere when no API server is named.
func newProxy(o options, st *store) (*proxy, error) {
	p := &proxy{store: st, key: make([]byte, 32), url: proxyURL}
	if _, err := rand.Read(p.key); err != nil || o.kube == "" {
		return p, err
	}
	to, transport, err := readAPIServer(o.kube)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", o.kube, err)
	}
	p.next = &httputil.ReverseProxy{
		Rewrite:   func(r *httputil.ProxyRequest) { r.SetURL(to) },
		Transport: transport,
		ErrorLog:  log.New(quiet{}, "", 0),
	}
	return p, p.serve(filepath.Join(o.dir, "proxy-ca.pem"))
}

type quiet struct{}

func (quiet) Write(p []byte) (int, error) { return len(p), nil }

func (p *proxy) serve(caFile string) error {
	certificate, err := newCertificate(caFile)
	if err != nil {
		return err
	}
	if p.ca, err = os.ReadFile(caFile); err != nil {
		return err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	certificate.NextProtos = []string{"h2", "http/1.1"}
	p.url = "https://" + l.Addr().String()
	server := &http.Server{Handler: p, TLSConfig: certificate, ErrorLog: log.New(quiet{}, "", 0)}
	go func() { log.Fatal(server.ServeTLS(l, "", "")) }()
	return nil
}

// readAPIServer takes a kubeconfig with a client certificate, as tests/rig/kube writes it.
func readAPIServer(path string) (*url.URL, http.RoundTripper, error) {
	var config struct {
		Clusters []struct {
			Cluster struct {
				Server string `yaml:"server"`
				CA     string `yaml:"certificate-authority-data"`
			} `yaml:"cluster"`
		} `yaml:"clusters"`
		Users []struct {
			User struct {
				Certificate string `yaml:"client-certificate-data"`
				Key         string `yaml:"client-key-data"`
			} `yaml:"user"`
		} `yaml:"users"`
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, nil, err
	}
	if err = yaml.Unmarshal(text, &config); err != nil {
		return nil, nil, err
	}
	if len(config.Clusters) == 0 || len(config.Users) == 0 {
		return nil, nil, errors.New("it has no cluster or no user")
	}
	user, cluster := config.Users[0].User, config.Clusters[0].Cluster
	pair, err := tls.X509KeyPair(decoded(user.Certificate), decoded(user.Key))
	if err != nil {
		return nil, nil, err
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(decoded(cluster.CA))
	to, err := url.Parse(cluster.Server)
	return to, &http.Transport{
		TLSClientConfig:   &tls.Config{Certificates: []tls.Certificate{pair}, RootCAs: roots},
		ForceAttemptHTTP2: true,
	}, err
}

func decoded(text string) []byte {
	plain, _ := base64.StdEncoding.DecodeString(text)
	return plain
}

// uuidOf is another one for a cluster that was destroyed and created again.
func (p *proxy) uuidOf(r *http.Request, cluster string) (string, error) {
	found, err := p.store.state.Get(r.Context(), clusterPointer(cluster))
	if err != nil {
		return "", err
	}
	return uuidOf(found), nil
}

func clusterPointer(cluster string) resource.Pointer {
	return resource.NewMetadata(resources.DefaultNamespace, omni.ClusterType, cluster, resource.VersionUndefined)
}

func uuidOf(cluster resource.Resource) string {
	md := cluster.Metadata()
	return uuid.NewSHA1(uuid.NameSpaceOID, []byte(md.ID()+md.Created().Format(time.RFC3339Nano))).String()
}

func (p *proxy) sign(c claims) (string, error) {
	body, err := json.Marshal(c)
	signed := coded.EncodeToString([]byte(`{"alg":"RS256","typ":"JWT"}`)) + "." + coded.EncodeToString(body)
	return signed + "." + coded.EncodeToString(p.signature(signed)), err
}

func (p *proxy) signature(signed string) []byte {
	mac := hmac.New(sha256.New, p.key)
	mac.Write([]byte(signed))
	return mac.Sum(nil)
}

func (p *proxy) read(token string) (c claims, err error) {
	at := strings.LastIndexByte(token, '.')
	if at < 0 {
		return c, errors.New("token is malformed: token contains an invalid number of segments")
	}
	signature, _ := coded.DecodeString(token[at+1:])
	if !hmac.Equal(signature, p.signature(token[:at])) {
		return c, errors.New("token signature is invalid: crypto/rsa: verification error")
	}
	_, body, _ := strings.Cut(token[:at], ".")
	plain, _ := coded.DecodeString(body)
	if err = json.Unmarshal(plain, &c); err == nil && time.Now().Unix() >= c.Expires {
		err = errors.New("token has invalid claims: token is expired")
	}
	return c, err
}

// ServeHTTP refuses as Omni's proxy was seen to.
func (p *proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if code := p.answer.Load(); code != 0 {
		http.Error(w, http.StatusText(int(code)), int(code))
		return
	}
	c, err := p.read(strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer "))
	if err != nil {
		http.Error(w, err.Error(), http.StatusUnauthorized)
		return
	}
	switch is, err := p.uuidOf(r, c.Cluster); {
	case err != nil:
		w.WriteHeader(http.StatusInternalServerError)
		return
	case is != c.UUID:
		http.Error(w, "Forbidden", http.StatusForbidden)
		return
	}
	for name := range r.Header {
		if strings.HasPrefix(name, "Impersonate-") {
			r.Header.Del(name)
		}
	}
	r.Header.Del("Authorization")
	r.Header.Set("Impersonate-User", c.Subject)
	r.Header["Impersonate-Group"] = c.Groups
	p.next.ServeHTTP(w, r)
}

// authority is a line of a kubeconfig's cluster, or nothing.
func (p *proxy) authority() []byte {
	if p.ca == nil {
		return nil
	}
	block, _ := pem.Decode(p.ca)
	text := base64.StdEncoding.EncodeToString(pem.EncodeToMemory(block))
	return bytes.Join([][]byte{[]byte("    certificate-authority-data: "), []byte(text), []byte("\n")}, nil)
}
