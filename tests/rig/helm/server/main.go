// Repositories and a registry of charts, for tests, on loopback. Charts are directories' archives that it makes itself, each in the
// versions that are named; what it is asked is written to DIR/log, a line each: "METHOD PATH STATUS authorization".
//
//	server -dir DIR [-tls] [-user NAME:PASSWORD] VERSION…
//
// DIR/url holds its address once it answers, DIR/ca.crt the authority of -tls. Below the address:
//
//	/charts/        a repository: index.yaml with digests and an ETag, and the archives of the chart "demo"
//	/bare/          the same without digests, absolute addresses
//	/wrong/         digests of something else
//	/locked/        the same as /charts/, with -user
//	/away/          archives by way of another host (the same one by another name)
//	/broken/        half an index;  /huge/ an index without end;  /slow/ one that never comes
//	/circle/        redirects to itself
//	/json/          the index as JSON
//	/v2/…           a registry: team/demo for everybody; basic/demo and token/demo with -user; tags with versions
//	/order/WORD     republish: every archive has other content from now on; fail: 500 for everything; heal; publish/VERSION
package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"flag"
	"fmt"
	"log"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
)

type server struct {
	mu       sync.Mutex
	versions []string
	content  string // in every archive
	failing  bool
	user     string
	url      string // as everybody has it
	other    string // the same host by another name
	log      *os.File
}

func (s *server) archive(version string) []byte {
	var out bytes.Buffer
	zip := gzip.NewWriter(&out)
	files := tar.NewWriter(zip)
	for _, file := range [][2]string{
		{"demo/Chart.yaml", fmt.Sprintf("apiVersion: v2\nname: demo\nversion: %s\nappVersion: \"7\"\n", version)},
		{"demo/templates/map.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: {{ .Release.Name }}}\ndata: {text: " + s.content + "}\n"},
	} {
		files.WriteHeader(&tar.Header{Name: file[0], Mode: 0o644, Size: int64(len(file[1])), Format: tar.FormatUSTAR})
		files.Write([]byte(file[1]))
	}
	files.Close()
	zip.Close()
	return out.Bytes()
}

func sum(data []byte) string {
	digest := sha256.Sum256(data)
	return hex.EncodeToString(digest[:])
}

func (s *server) index(repository string) []byte {
	type entry struct {
		Name    string   `json:"name"`
		Version string   `json:"version"`
		URLs    []string `json:"urls"`
		Digest  string   `json:"digest,omitempty"`
	}
	var entries []entry
	for _, version := range s.versions {
		one := entry{Name: "demo", Version: version, URLs: []string{"demo-" + version + ".tgz"}, Digest: sum(s.archive(version))}
		switch repository {
		case "bare":
			one.Digest, one.URLs[0] = "", s.url+"/bare/"+one.URLs[0]
		case "wrong":
			one.Digest = sum([]byte("something else"))
		case "away":
			one.URLs[0] = "go/" + one.URLs[0]
		}
		entries = append(entries, one)
	}
	text, _ := json.MarshalIndent(map[string]any{"apiVersion": "v1", "entries": map[string]any{"demo": entries, "other": []any{}}}, "", " ")
	if repository != "json" {
		text = append([]byte("# YAML\n"), text...)
	}
	return text
}

func (s *server) repository(w http.ResponseWriter, r *http.Request, name, file string) {
	switch name {
	case "broken":
		w.Write([]byte("apiVersion: v1\nentries:\n  demo: [{version: "))
		return
	case "huge":
		line := []byte(strings.Repeat("# nothing", 100000) + "\n")
		for i := 0; i < 200; i++ {
			if _, err := w.Write(line); err != nil {
				return
			}
		}
		return
	case "slow":
		<-r.Context().Done()
		return
	case "circle":
		http.Redirect(w, r, r.URL.Path, http.StatusFound)
		return
	case "locked":
		if user, password, ok := r.BasicAuth(); !ok || user+":"+password != s.user {
			w.Header().Set("WWW-Authenticate", "Basic")
			http.Error(w, "no", http.StatusUnauthorized)
			return
		}
	}
	if strings.HasPrefix(file, "go/") {
		http.Redirect(w, r, s.other+"/charts/"+strings.TrimPrefix(file, "go/"), http.StatusFound)
		return
	}
	if file == "index.yaml" {
		text := s.index(name)
		tag := `"` + sum(text)[:16] + `"`
		w.Header().Set("ETag", tag)
		if r.Header.Get("If-None-Match") == tag {
			w.WriteHeader(http.StatusNotModified)
			return
		}
		w.Write(text)
		return
	}
	version := strings.TrimSuffix(strings.TrimPrefix(file, "demo-"), ".tgz")
	if !slices.Contains(s.versions, version) {
		http.NotFound(w, r)
		return
	}
	w.Write(s.archive(version))
}

func (s *server) manifest(version string) []byte {
	config, layer := []byte("{}"), s.archive(version)
	text, _ := json.Marshal(map[string]any{
		"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
		"config": map[string]any{"mediaType": "application/vnd.cncf.helm.config.v1+json", "digest": "sha256:" + sum(config), "size": len(config)},
		"layers": []any{map[string]any{"mediaType": "application/vnd.cncf.helm.chart.content.v1.tar+gzip", "digest": "sha256:" + sum(layer), "size": len(layer)}},
	})
	return text
}

// Whether it may go on; otherwise the answer says what is wanted.
func (s *server) allowed(w http.ResponseWriter, r *http.Request, name string) bool {
	switch {
	case strings.HasPrefix(name, "basic/"):
		if user, password, ok := r.BasicAuth(); ok && user+":"+password == s.user {
			return true
		}
		w.Header().Set("WWW-Authenticate", `Basic realm="charts"`)
	case strings.HasPrefix(name, "token/"):
		if r.Header.Get("Authorization") == "Bearer of-"+name {
			return true
		}
		w.Header().Set("WWW-Authenticate", fmt.Sprintf(`Bearer realm="%s/token",service="charts",scope="repository:%s:pull"`, s.url, name))
	default:
		return true
	}
	http.Error(w, `{"errors":[{"code":"UNAUTHORIZED"}]}`, http.StatusUnauthorized)
	return false
}

func (s *server) registry(w http.ResponseWriter, r *http.Request) {
	path := strings.TrimPrefix(r.URL.Path, "/v2/")
	parts := strings.Split(path, "/")
	if path == "" || len(parts) < 4 {
		w.Write([]byte("{}"))
		return
	}
	name, kind, what := strings.Join(parts[:len(parts)-2], "/"), parts[len(parts)-2], parts[len(parts)-1]
	if !strings.HasSuffix(name, "/demo") {
		http.NotFound(w, r)
		return
	}
	if !s.allowed(w, r, name) {
		return
	}
	switch kind {
	case "tags":
		tags, half := s.versions, (len(s.versions)+1)/2
		if r.URL.Query().Get("last") == "" {
			w.Header().Set("Link", fmt.Sprintf(`</v2/%s/tags/list?last=x>; rel="next"`, name))
			tags = tags[:half]
		} else {
			tags = tags[half:]
		}
		var named []string
		for _, tag := range tags {
			named = append(named, strings.ReplaceAll(tag, "+", "_"))
		}
		json.NewEncoder(w).Encode(map[string]any{"name": name, "tags": named})
	case "manifests":
		for _, version := range s.versions {
			text := s.manifest(version)
			if what == strings.ReplaceAll(version, "+", "_") || what == "sha256:"+sum(text) {
				w.Header().Set("Content-Type", "application/vnd.oci.image.manifest.v1+json")
				w.Header().Set("Docker-Content-Digest", "sha256:"+sum(text))
				w.Write(text)
				return
			}
		}
		http.NotFound(w, r)
	case "blobs":
		for _, version := range s.versions {
			if data := s.archive(version); what == "sha256:"+sum(data) {
				// As registries with a store of objects do: from somewhere else.
				if r.URL.Query().Get("stored") == "" && strings.HasPrefix(name, "token/") {
					http.Redirect(w, r, s.other+strings.Replace(r.URL.Path, name, "team/demo", 1)+"?stored=yes", http.StatusTemporaryRedirect)
					return
				}
				w.Write(data)
				return
			}
		}
		if what == "sha256:"+sum([]byte("{}")) {
			w.Write([]byte("{}"))
			return
		}
		http.NotFound(w, r)
	}
}

func (s *server) token(w http.ResponseWriter, r *http.Request) {
	if user, password, ok := r.BasicAuth(); !ok || user+":"+password != s.user {
		http.Error(w, "no", http.StatusUnauthorized)
		return
	}
	scope := strings.Split(r.URL.Query().Get("scope"), ":")
	json.NewEncoder(w).Encode(map[string]string{"token": "of-" + scope[len(scope)/2]})
}

func (s *server) order(word string) {
	switch version, is := strings.CutPrefix(word, "publish/"); {
	case is:
		s.versions = append(s.versions, version)
	case word == "republish":
		s.content += "x"
	default:
		s.failing = word == "fail"
	}
}

type recorder struct {
	http.ResponseWriter
	status int
}

func (r *recorder) WriteHeader(status int) {
	r.status = status
	r.ResponseWriter.WriteHeader(status)
}

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	out := &recorder{w, http.StatusOK}
	if word, is := strings.CutPrefix(r.URL.Path, "/order/"); is {
		s.mu.Lock()
		s.order(word)
		s.mu.Unlock()
		return
	}
	s.mu.Lock()
	snapshot := &server{versions: slices.Clone(s.versions), content: s.content, failing: s.failing, user: s.user, url: s.url, other: s.other}
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		host := "here"
		if strings.HasPrefix(r.Host, "localhost") {
			host = "there"
		}
		kind, _, _ := strings.Cut(r.Header.Get("Authorization"), " ")
		fmt.Fprintf(s.log, "%s %s %s %d %s\n", host, r.Method, r.URL.Path, out.status, kind)
		s.mu.Unlock()
	}()
	if snapshot.failing {
		http.Error(out, "failing", http.StatusInternalServerError)
		return
	}
	name, file, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	switch name {
	case "v2":
		snapshot.registry(out, r)
	case "token":
		snapshot.token(out, r)
	default:
		snapshot.repository(out, r, name, file)
	}
}

func certificate(dir string) tls.Certificate {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		log.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "charts"}, NotBefore: time.Now().Add(-time.Hour),
		NotAfter: time.Now().Add(24 * time.Hour), IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		log.Fatal(err)
	}
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	if err := os.WriteFile(filepath.Join(dir, "ca.crt"), text, 0o600); err != nil {
		log.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

func main() {
	dir := flag.String("dir", "", "")
	secure := flag.Bool("tls", false, "")
	user := flag.String("user", "", "")
	flag.Parse()
	out, err := os.Create(filepath.Join(*dir, "log"))
	if err != nil {
		log.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	scheme, port := "http", listener.Addr().(*net.TCPAddr).Port
	if *secure {
		scheme = "https"
		listener = tls.NewListener(listener, &tls.Config{Certificates: []tls.Certificate{certificate(*dir)}})
	}
	s := &server{versions: flag.Args(), content: "one", user: *user, log: out,
		url: fmt.Sprintf("%s://127.0.0.1:%d", scheme, port), other: fmt.Sprintf("%s://localhost:%d", scheme, port)}
	if err := os.WriteFile(filepath.Join(*dir, "url.new"), []byte(s.url+"\n"), 0o600); err != nil {
		log.Fatal(err)
	}
	if err := os.Rename(filepath.Join(*dir, "url.new"), filepath.Join(*dir, "url")); err != nil {
		log.Fatal(err)
	}
	log.Fatal(http.Serve(listener, s))
}
