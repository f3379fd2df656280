package main

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"sync"
	"syscall"
)

// supervisor starts and stops the server, as often as a test wants; its state lies in the folder and survives that.
type supervisor struct {
	dir, program string
	ready        func() error // waits until clients can work

	mu    sync.Mutex
	child *exec.Cmd
	ended chan struct{} // closed when the child has ended

	machines *os.Process // the emulator; nil: there are none
	links    *linker     // of those machines
}

func (s *supervisor) log() string { return filepath.Join(s.dir, "omni.log") }

func (s *supervisor) start() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.child != nil {
		return fmt.Errorf("omni runs already")
	}
	out, err := os.OpenFile(s.log(), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	defer out.Close()
	child := exec.Command(s.program, "--config-path", filepath.Join(s.dir, "config.yaml"))
	child.Dir, child.Stdout, child.Stderr = filepath.Join(s.dir, "state"), out, out
	child.Env = append(os.Environ(), "HOME="+filepath.Join(s.dir, "state"))
	if err = child.Start(); err != nil {
		return err
	}
	ended := make(chan struct{})
	s.child, s.ended = child, ended
	go func() {
		_ = child.Wait()
		s.mu.Lock()
		s.child = nil
		s.mu.Unlock()
		close(ended)
	}()
	return nil
}

func (s *supervisor) startAndAwait() error {
	if err := s.start(); err != nil {
		return err
	}
	return s.ready()
}

// signal sends one to the server; for those that end it, it waits for the end.
func (s *supervisor) signal(sig syscall.Signal, wait bool) error {
	s.mu.Lock()
	child, ended := s.child, s.ended
	s.mu.Unlock()
	if child == nil {
		return fmt.Errorf("omni does not run")
	}
	if err := child.Process.Signal(sig); err != nil {
		return err
	}
	if wait {
		<-ended
	}
	return nil
}

// disconnect stops all machines, which live in one process, and their links; or has them go on.
func (s *supervisor) disconnect(cut bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.machines == nil {
		return fmt.Errorf("there are no machines")
	}
	s.links.cut.Store(cut)
	if cut {
		return s.machines.Signal(syscall.SIGSTOP)
	}
	return s.machines.Signal(syscall.SIGCONT)
}

// order lets a test stop, kill, freeze and start the server, and disconnect the machines that wait for clusters. An order
// answers after it has happened.
func (s *supervisor) order(w http.ResponseWriter, r *http.Request) {
	orders := map[string]func() error{
		"start":    s.startAndAwait,
		"stop":     func() error { return s.signal(syscall.SIGTERM, true) },
		"kill":     func() error { return s.signal(syscall.SIGKILL, true) },
		"freeze":   func() error { return s.signal(syscall.SIGSTOP, false) },
		"continue": func() error { return s.signal(syscall.SIGCONT, false) },

		"disconnect": func() error { return s.disconnect(true) },
		"reconnect":  func() error { return s.disconnect(false) },
	}
	do, known := orders[r.PathValue("what")]
	if !known {
		http.Error(w, "start, stop, kill, freeze, continue, disconnect or reconnect", http.StatusNotFound)
	} else if err := do(); err != nil {
		http.Error(w, err.Error(), http.StatusConflict)
	}
}

// untilSignal ends the server in good order; SIGKILL for this process ends all at once.
func (s *supervisor) untilSignal() {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT)
	<-signals
	_ = s.signal(syscall.SIGTERM, true) // it may have been stopped before
}
