package main

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
)

// process is a program that is stopped and started again. It does not outlive this one.
type process struct {
	log     string
	command []string
	running *exec.Cmd
	ended   chan struct{} // closed when it has ended
}

func (p *process) alive() bool {
	select {
	case <-p.ended:
		return false
	default:
		return p.running != nil
	}
}

func (p *process) start() error {
	if p.running != nil && p.alive() {
		return errors.New("it runs already")
	}
	out, err := os.OpenFile(p.log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	defer out.Close()
	child := exec.Command(p.command[0], p.command[1:]...)
	child.Stdout, child.Stderr, child.Dir = out, out, filepath.Dir(p.log)
	child.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err = child.Start(); err != nil {
		return err
	}
	ended := make(chan struct{})
	p.running, p.ended = child, ended
	go func() {
		_ = child.Wait()
		close(ended)
	}()
	return os.WriteFile(strings.TrimSuffix(p.log, ".log")+".pid", fmt.Appendln(nil, child.Process.Pid), 0o600)
}

// signal sends one; for those that end it, it waits for the end.
func (p *process) signal(sig syscall.Signal, wait bool) error {
	if !p.alive() {
		return errors.New("it does not run")
	}
	if err := p.running.Process.Signal(sig); err != nil {
		return err
	}
	if wait {
		<-p.ended
	}
	return nil
}

type order struct {
	do   func() error
	done chan error
}

// supervisor stops and starts the API server as often as a test wants. Orders are carried out by the main thread, one
// after the other, and answered when they have happened.
type supervisor struct {
	server *process
	ready  func() error
	orders chan order
}

func (s *supervisor) start() error {
	if err := s.server.start(); err != nil {
		return err
	}
	return s.ready()
}

func (s *supervisor) obey(etcd *process) error {
	for {
		select {
		case o := <-s.orders:
			o.done <- o.do()
		case <-etcd.ended:
			return fmt.Errorf("etcd has ended; see %s", etcd.log)
		}
	}
}

func (s *supervisor) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	known := map[string]func() error{
		"/order/start":    s.start,
		"/order/stop":     func() error { return s.server.signal(syscall.SIGTERM, true) },
		"/order/kill":     func() error { return s.server.signal(syscall.SIGKILL, true) },
		"/order/freeze":   func() error { return s.server.signal(syscall.SIGSTOP, false) },
		"/order/continue": func() error { return s.server.signal(syscall.SIGCONT, false) },
	}
	do := known[r.URL.Path]
	if do == nil || r.Method != http.MethodPost {
		http.Error(w, "POST /order/start, stop, kill, freeze or continue", http.StatusNotFound)
		return
	}
	o := order{do, make(chan error, 1)}
	s.orders <- o
	if err := <-o.done; err != nil {
		http.Error(w, err.Error(), http.StatusConflict)
	}
}
