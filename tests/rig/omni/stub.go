package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"log"
	"net"
	"net/http"
	"strings"
	"sync"
)

// stubAddress is free in a network namespace of one's own.
const stubAddress = "127.0.0.1:5010"

// stub is the image factory, and the registry that lists the versions of Kubernetes.
type stub struct {
	talos, kubernetes []string

	mu         sync.Mutex
	schematics map[string][]byte
}

func versions(list string) []string {
	out := []string{}
	for v := range strings.SplitSeq(list, ",") {
		out = append(out, "v"+strings.TrimPrefix(strings.TrimSpace(v), "v"))
	}
	return out
}

func serveStub(address string, o options, s *supervisor) (*stub, error) {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return nil, err
	}
	f := &stub{talos: versions(o.talos), kubernetes: versions(o.kubernetes), schematics: map[string][]byte{}}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /versions", func(w http.ResponseWriter, _ *http.Request) { answer(w, 200, f.talos) })
	mux.HandleFunc("GET /version/{v}/extensions/official", extensions)
	mux.HandleFunc("GET /version/{v}/overlays/official", func(w http.ResponseWriter, _ *http.Request) { answer(w, 200, []string{}) })
	mux.HandleFunc("POST /schematics", f.addSchematic)
	mux.HandleFunc("GET /schematics/{id}", f.schematic)
	mux.HandleFunc("GET /v2/", f.registry)
	mux.HandleFunc("POST /order/{what}", s.order)
	go func() { log.Fatal(http.Serve(l, mux)) }()
	return f, nil
}

func answer(w http.ResponseWriter, code int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(v)
}

func extensions(w http.ResponseWriter, r *http.Request) {
	version, list := r.PathValue("v"), []map[string]string{}
	for _, name := range []string{"hello-world-service", "qemu-guest-agent", "iscsi-tools", "util-linux-tools"} {
		sum := sha256.Sum256([]byte(name + version))
		list = append(list, map[string]string{
			"name": "siderolabs/" + name, "ref": "ghcr.io/siderolabs/" + name + ":" + version,
			"digest": "sha256:" + hex.EncodeToString(sum[:]), "author": "rig", "description": name,
		})
	}
	answer(w, http.StatusOK, list)
}

func (f *stub) addSchematic(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	answer(w, http.StatusCreated, map[string]string{"id": f.put(body), "schematic": string(body)})
}

// put keeps a schematic under the checksum of its text, as the real factory does.
func (f *stub) put(body []byte) string {
	sum := sha256.Sum256(body)
	id := hex.EncodeToString(sum[:])
	f.mu.Lock()
	defer f.mu.Unlock()
	f.schematics[id] = body
	return id
}

func (f *stub) schematic(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	body, known := f.schematics[r.PathValue("id")]
	f.mu.Unlock()
	if !known {
		http.Error(w, "schematic not found", http.StatusNotFound)
		return
	}
	w.Header().Set("Content-Type", "application/yaml")
	_, _ = w.Write(body)
}

// registry answers a ping, and every repository's list of tags.
func (f *stub) registry(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Docker-Distribution-Api-Version", "registry/2.0")
	path := strings.TrimPrefix(r.URL.Path, "/v2/")
	if repository, ok := strings.CutSuffix(path, "/tags/list"); ok {
		answer(w, http.StatusOK, map[string]any{"name": repository, "tags": f.kubernetes})
	} else if path == "" {
		answer(w, http.StatusOK, map[string]string{})
	} else {
		http.NotFound(w, r)
	}
}
