package main

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// isolate finishes what `unshare` began: loopback up, and a /run of our own, because WireGuard's control sockets are
// files below it and two servers would meet there.
func isolate(dir string) error {
	if os.Getpid() != 1 {
		return errors.New("rig run must be the first process of a new process namespace")
	}
	if strings.HasPrefix(dir, "/run/") {
		return fmt.Errorf("%s is below /run, which the server gets empty", dir)
	}
	if err := loopbackUp(); err != nil {
		return fmt.Errorf("loopback: %w", err)
	}
	if err := unix.Mount("tmpfs", "/run", "tmpfs", 0, "mode=755"); err != nil {
		return fmt.Errorf("a /run of our own: %w", err)
	}
	return os.Mkdir("/run/wireguard", 0o700)
}

func loopbackUp() error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	lo, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	lo.SetUint16(unix.IFF_UP | unix.IFF_RUNNING)
	return unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, lo)
}
