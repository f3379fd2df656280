package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/cosi-project/runtime/pkg/safe"
	"github.com/siderolabs/omni/client/pkg/client"
	"github.com/siderolabs/omni/client/pkg/omni/resources/omni"
)

const readyWithin = 90 * time.Second

func endpoint(o options) string {
	if o.cleartext {
		return "grpc://127.0.0.1:8099"
	}
	return "https://127.0.0.1:8099"
}

// awaitReady waits until a client can work: the first key is written, and the versions of the factory are known.
func awaitReady(o options, s *supervisor) error {
	if !o.cleartext {
		os.Setenv("SSL_CERT_FILE", filepath.Join(o.dir, "ca.pem"))
	}
	key, err := awaitKey(o, s)
	if err != nil || o.noEULA {
		return err
	}
	c, err := client.New(endpoint(o), client.WithServiceAccount(key))
	if err != nil {
		return err
	}
	defer c.Close()
	want := len(versions(o.talos))
	return poll(s, func() error {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		list, err := safe.ReaderListAll[*omni.TalosVersion](ctx, c.Omni().State())
		if err == nil && list.Len() < want {
			err = fmt.Errorf("%d of %d Talos versions are known", list.Len(), want)
		}
		return err
	})
}

func awaitKey(o options, s *supervisor) (string, error) {
	var key []byte
	err := poll(s, func() (err error) {
		if key, err = os.ReadFile(filepath.Join(o.dir, "automation.key")); err == nil && len(key) == 0 {
			err = errors.New("the first service account's key is empty")
		}
		return err
	})
	return string(key), err
}

// poll gives up when the server has ended.
func poll(s *supervisor, done func() error) (err error) {
	for deadline := time.Now().Add(readyWithin); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if err = done(); err == nil {
			return nil
		}
		select {
		case <-s.ended:
			return errors.New("omni ended")
		default:
		}
	}
	return err
}

// writeEnv says how to reach the server; the pids are those that the machine sees, because /proc is still its own.
func writeEnv(o options) error {
	pid, err := os.Readlink("/proc/self")
	if err != nil {
		return err
	}
	ca := ""
	if !o.cleartext {
		ca = filepath.Join(o.dir, "ca.pem")
	}
	text := fmt.Sprintf("endpoint=%s\nca=%s\nkey=%s\npid=%s\n", endpoint(o), ca, filepath.Join(o.dir, "automation.key"), pid)
	path := filepath.Join(o.dir, "env")
	if err = os.WriteFile(path+".new", []byte(text), 0o600); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}
