package main

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"
)

type options struct {
	dir, bin       string
	port, etcdPort int
	flags          []string // of the API server, after ours
}

func (o options) pki(file string) string { return filepath.Join(o.dir, "pki", file) }
func (o options) url() string            { return fmt.Sprintf("https://127.0.0.1:%d", o.port) }
func (o options) etcdURL() string        { return fmt.Sprintf("http://127.0.0.1:%d", o.etcdPort) }

func run(arguments []string) error {
	var o options
	set := flag.NewFlagSet("run", flag.ExitOnError)
	set.StringVar(&o.dir, "dir", "", "folder for everything that is written; must exist")
	set.StringVar(&o.bin, "bin", "", "folder with kube-apiserver and etcd")
	set.IntVar(&o.port, "port", 0, "of the API server")
	set.IntVar(&o.etcdPort, "etcd-port", 0, "of etcd")
	_ = set.Parse(arguments)
	o.flags = set.Args()
	if err := prepare(o); err != nil {
		return err
	}
	etcd := &process{log: filepath.Join(o.dir, "etcd.log"), command: etcdCommand(o)}
	if err := etcd.start(); err != nil {
		return err
	}
	s := &supervisor{server: &process{log: filepath.Join(o.dir, "server.log"), command: serverCommand(o)}, orders: make(chan order)}
	clients, err := ownClient(o)
	if err != nil {
		return err
	}
	if err = await(etcd, etcdReady(o)); err != nil {
		return err
	}
	s.ready = func() error { return await(s.server, serverReady(clients, o)) }
	if err = s.start(); err != nil {
		return err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	go func() { _ = http.Serve(listener, s) }()
	if err = writeEnv(o, listener.Addr().String()); err != nil {
		return err
	}
	return s.obey(etcd)
}

// auditPolicy has two lines per request: when it came, which is written before anything is answered and is therefore what
// is counted; and how it ended.
const auditPolicy = `apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [ResponseStarted]
rules:
  - level: Metadata
`

func prepare(o options) error {
	if err := makePKI(filepath.Join(o.dir, "pki")); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(o.dir, "audit-policy.yaml"), []byte(auditPolicy), 0o600); err != nil {
		return err
	}
	return writeKubeconfig(filepath.Join(o.dir, "admin.kubeconfig"), filepath.Join(o.dir, "pki"), o.url(), adminName)
}

// The one member never asks itself, so nobody has to know where it would listen to others.
func etcdCommand(o options) []string {
	return []string{
		filepath.Join(o.bin, "etcd"), "--data-dir", filepath.Join(o.dir, "etcd"), "--unsafe-no-fsync", "--log-level=warn",
		"--listen-client-urls=" + o.etcdURL(), "--advertise-client-urls=" + o.etcdURL(), "--listen-peer-urls=http://127.0.0.1:0",
		"--initial-advertise-peer-urls=http://127.0.0.1:1", "--initial-cluster=default=http://127.0.0.1:1",
	}
}

// serverCommand: RBAC decides; whoever comes often is not made to wait; what etcd forgets only tests decide.
func serverCommand(o options) []string {
	return append([]string{
		filepath.Join(o.bin, "kube-apiserver"), "--etcd-servers=" + o.etcdURL(), "--etcd-compaction-interval=0",
		"--bind-address=127.0.0.1", "--advertise-address=127.0.0.1", fmt.Sprintf("--secure-port=%d", o.port),
		"--endpoint-reconciler-type=none", "--service-cluster-ip-range=10.0.0.0/24", "--authorization-mode=RBAC",
		"--tls-cert-file=" + o.pki("server.crt"), "--tls-private-key-file=" + o.pki("server.key"),
		"--client-ca-file=" + o.pki("ca.crt"),
		"--requestheader-client-ca-file=" + o.pki("ca.crt"), "--requestheader-allowed-names=" + proxyName,
		"--requestheader-username-headers=X-Remote-User", "--requestheader-group-headers=X-Remote-Group",
		"--service-account-issuer=https://kubernetes.default.svc", "--service-account-key-file=" + o.pki("accounts.pub"),
		"--service-account-signing-key-file=" + o.pki("accounts.key"), "--disable-admission-plugins=ServiceAccount",
		"--enable-priority-and-fairness=false", "--max-requests-inflight=0", "--max-mutating-requests-inflight=0",
		"--audit-policy-file=" + filepath.Join(o.dir, "audit-policy.yaml"), "--audit-log-mode=blocking",
		"--audit-log-path=" + filepath.Join(o.dir, "audit.log"), "--audit-log-maxsize=10000", "--profiling=false",
		"--shutdown-watch-termination-grace-period=1s", // or an order to stop takes a minute while somebody watches
	}, o.flags...)
}

// --- until they can be used -------------------------------------------------------------------------------------------

const startLimit = 90 * time.Second // on a machine that has a lot to do

func await(p *process, ready func() error) error {
	for until := time.Now().Add(startLimit); ; time.Sleep(20 * time.Millisecond) {
		err := ready()
		if err == nil {
			return nil
		}
		if !p.alive() {
			return fmt.Errorf("%s has ended; see %s", filepath.Base(p.command[0]), p.log)
		}
		if time.Now().After(until) {
			return fmt.Errorf("%s is not ready: %w; see %s", filepath.Base(p.command[0]), err, p.log)
		}
	}
}

func answersOK(client *http.Client, url string) error {
	response, err := client.Get(url)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	_, _ = io.Copy(io.Discard, response.Body)
	if response.StatusCode != http.StatusOK {
		return errors.New(response.Status)
	}
	return nil
}

func etcdReady(o options) func() error {
	client := &http.Client{Timeout: time.Second}
	return func() error { return answersOK(client, o.etcdURL()+"/health") }
}

// serverReady: a little after it says so itself the namespace that everybody uses exists.
func serverReady(client *http.Client, o options) func() error {
	return func() error {
		if err := answersOK(client, o.url()+"/readyz"); err != nil {
			return err
		}
		return answersOK(client, o.url()+"/api/v1/namespaces/default")
	}
}

func ownClient(o options) (*http.Client, error) {
	pair, err := tls.LoadX509KeyPair(o.pki(rigName+".crt"), o.pki(rigName+".key"))
	if err != nil {
		return nil, err
	}
	ca, err := os.ReadFile(o.pki("ca.crt"))
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(ca)
	return &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: pool, Certificates: []tls.Certificate{pair}}, DisableKeepAlives: true,
	}}, nil
}

// writeEnv comes last and at once: whoever sees the file can begin.
func writeEnv(o options, control string) error {
	text := fmt.Sprintf("url=%s\nca=%s\nconfig=%s\ncontrol=http://%s\netcd=%s\n", o.url(), o.pki("ca.crt"),
		filepath.Join(o.dir, "admin.kubeconfig"), control, o.etcdURL())
	path := filepath.Join(o.dir, "env")
	if err := os.WriteFile(path+".new", []byte(text), 0o600); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}
