package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// process is a program that is killed and started again. It does not outlive this one.
type process struct {
	command   []string
	env       []string
	log       string
	running   *exec.Cmd
	ended     chan struct{}
	kills     int
	beginning func() error // waits until it can be used
}

func (p *process) start() error {
	file, err := os.OpenFile(p.log, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }()
	p.running = exec.Command(p.command[0], p.command[1:]...)
	p.running.Env = append(os.Environ(), p.env...)
	p.running.Stdout, p.running.Stderr = file, file
	p.running.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} // main is locked to its thread
	if err = p.running.Start(); err != nil {
		return err
	}
	p.ended = make(chan struct{})
	go func(c *exec.Cmd, ended chan struct{}) {
		_ = c.Wait()
		close(ended)
	}(p.running, p.ended)
	if p.beginning != nil {
		return p.beginning()
	}
	return nil
}

func (p *process) alive() bool {
	select {
	case <-p.ended:
		return false
	default:
		return p.running != nil
	}
}

// kill does not say goodbye.
func (p *process) kill() {
	p.kills++
	_ = p.running.Process.Kill()
	<-p.ended
}

// stop tells an agent to end, which it has to do well.
func (p *process) stop() error {
	_ = p.running.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.ended:
	case <-time.After(15 * time.Second):
		return errors.New("it does not end")
	}
	if p.running.ProcessState.ExitCode() != 0 {
		return fmt.Errorf("it ended with %s", p.running.ProcessState)
	}
	return nil
}

// server is the COSI server that goes on where it was.
type server struct {
	process
	dir                           string
	endpoint, control, ca, key    string
	listen, controlled, humansKey string
}

func newServer(program, dir string, withTLS bool) (*server, error) {
	s := &server{dir: dir, humansKey: filepath.Join(dir, "human.key")}
	s.log = filepath.Join(dir, "log")
	s.command = []string{program, "-dir", dir, "-keep", "-controllers", "-account", "agent:Operator", "-account", "human:Operator"}
	if withTLS {
		s.command = append(s.command, "-tls")
	}
	s.beginning = s.ready
	if err := s.start(); err != nil {
		return nil, err
	}
	s.listen = s.endpoint[strings.Index(s.endpoint, "//")+2:]
	s.command = append(s.command, "-listen", s.listen, "-control", strings.TrimPrefix(s.control, "http://"))
	return s, nil
}

// ready waits for the file that the server writes when it can be reached.
func (s *server) ready() error {
	env := filepath.Join(s.dir, "env")
	for range 1000 {
		if text, err := os.ReadFile(env); err == nil {
			for _, line := range strings.Split(string(text), "\n") {
				name, value, _ := strings.Cut(line, "=")
				switch name {
				case "endpoint":
					s.endpoint = value
				case "control":
					s.control = value
				case "ca":
					s.ca = value
				case "key":
					s.key = value
				}
			}
			return os.Remove(env)
		}
		if !s.alive() {
			return errors.New("the server ends at once: " + s.log)
		}
		time.Sleep(10 * time.Millisecond)
	}
	return errors.New("the server does not begin")
}
