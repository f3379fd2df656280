package main

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// server is the Omni that everything is about. Its state outlives its process.
type server struct {
	mortal
	endpoint, ca, key, humansKey string
	listen                       string
	certificate, private         string // files; empty: cleartext
	journal                      string // of every change; empty: there is none
	read                         func() (content, error)
}

// mortal can be killed and started again.
type mortal interface {
	kill() error
	start() error
}

// assignments reads the lines NAME=VALUE that a rig writes when it is ready.
func assignments(path string) (map[string]string, error) {
	text, err := os.ReadFile(path)
	all := map[string]string{}
	for line := range strings.Lines(string(text)) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		all[name] = value
	}
	return all, err
}

func address(endpoint string) string { return endpoint[strings.Index(endpoint, "//")+2:] }

// --- the COSI server ----------------------------------------------------------------------------------------------------

func newServer(program, dir string, withTLS bool) (*server, error) {
	at := func(name string) string { return filepath.Join(dir, name) }
	p := &process{log: at("log"), command: []string{
		program, "-dir", dir, "-keep", "-controllers", "-account", "agent:Operator", "-account", "human:Operator",
	}}
	s := &server{mortal: p, humansKey: at("human.key"), journal: at("journal")}
	if withTLS {
		p.command = append(p.command, "-tls")
		s.private = at("server.pem")
	}
	var env map[string]string
	p.beginning = func() (err error) {
		env, err = awaitEnv(p, at("env"))
		return err
	}
	if err := p.start(); err != nil {
		return nil, err
	}
	s.endpoint, s.ca, s.certificate, s.key = env["endpoint"], env["ca"], env["ca"], env["key"]
	s.listen = address(s.endpoint)
	control := env["control"]
	p.command = append(p.command, "-listen", s.listen, "-control", address(control)) // where it is found again
	s.read = func() (content, error) { return held(control) }
	return s, nil
}

func awaitEnv(p *process, path string) (map[string]string, error) {
	for range 1000 {
		if env, err := assignments(path); err == nil {
			return env, os.Remove(path)
		}
		if !p.alive() {
			return nil, errors.New("the server ends at once: " + p.log)
		}
		time.Sleep(10 * time.Millisecond)
	}
	return nil, errors.New("the server does not begin")
}

// held is what the COSI server has.
func held(control string) (content, error) {
	all := content{}
	for _, kind := range comparedTypes {
		answer, err := http.Get(control + "/resources?type=" + kind + ".omni.sidero.dev")
		if err != nil {
			return nil, err
		}
		err = read(answer.Body, all)
		_ = answer.Body.Close()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", kind, err)
		}
	}
	return all, nil
}

// --- the real one ---------------------------------------------------------------------------------------------------------

// supervised is the server process of tests/rig/omni, seen from inside of its network.
type supervised struct{}

const orders = "http://127.0.0.1:5010/order/"

func (supervised) kill() error  { return order("kill") }
func (supervised) start() error { return order("start") }

func order(what string) error {
	answer, err := http.Post(orders+what, "", nil)
	if err != nil {
		return err
	}
	defer func() { _ = answer.Body.Close() }()
	if answer.StatusCode != http.StatusOK {
		return errors.New(what + ": " + answer.Status)
	}
	return nil
}

// realServer is the one that omni_start started; omnictl reads it.
func realServer(dir, omnictl string) (*server, error) {
	env, err := assignments(filepath.Join(dir, "env"))
	if err != nil {
		return nil, err
	}
	at := func(name string) string { return filepath.Join(dir, name) }
	s := &server{
		mortal: supervised{}, endpoint: env["endpoint"], ca: env["ca"], key: at("agent.key"), humansKey: at("human.key"),
		listen: address(env["endpoint"]), certificate: at("tls.pem"), private: at("tls.key"),
	}
	key, err := os.ReadFile(s.humansKey)
	s.read = func() (content, error) {
		all := content{}
		for _, kind := range comparedTypes {
			var errs bytes.Buffer
			command := exec.Command(omnictl, "get", kind+".omni.sidero.dev", "-o", "yaml")
			command.Env = append(os.Environ(), "OMNI_ENDPOINT="+s.endpoint, "SSL_CERT_FILE="+s.ca, "HOME="+dir,
				"OMNI_SERVICE_ACCOUNT_KEY="+strings.TrimSpace(string(key)))
			command.Stderr = &errs
			out, err := command.Output()
			if err == nil {
				err = read(bytes.NewReader(out), all)
			}
			if err != nil {
				return nil, fmt.Errorf("omnictl get %s: %w: %s", kind, err, errs.String())
			}
		}
		return all, nil
	}
	return s, err
}
