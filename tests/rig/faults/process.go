package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
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
func (p *process) kill() error {
	err := p.running.Process.Kill()
	<-p.ended
	return err
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
