// Brings an Omni to what cluster templates say, the way `omnictl cluster template sync` does it for one of them: by Omni's
// own client library, one template after the other over one connection. For measuring.
//
//	omni ENDPOINT KEYFILE TEMPLATE…
//
// Prints the microseconds of CPU and of time, the KiB of memory at most, and the bytes of messages sent and received.
package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/siderolabs/omni/client/pkg/client"
	"github.com/siderolabs/omni/client/pkg/template/operations"
	"google.golang.org/grpc"
	"google.golang.org/grpc/stats"
)

// payloads counts the bytes of messages as they travel.
type payloads struct{ sent, received atomic.Int64 }

func (*payloads) TagRPC(ctx context.Context, _ *stats.RPCTagInfo) context.Context   { return ctx }
func (*payloads) TagConn(ctx context.Context, _ *stats.ConnTagInfo) context.Context { return ctx }
func (*payloads) HandleConn(context.Context, stats.ConnStats)                       {}
func (p *payloads) HandleRPC(_ context.Context, s stats.RPCStats) {
	switch s := s.(type) {
	case *stats.OutPayload:
		p.sent.Add(int64(s.CompressedLength))
	case *stats.InPayload:
		p.received.Add(int64(s.CompressedLength))
	}
}

func run(endpoint, keyFile string, templates []string, counted *payloads) error {
	key, err := os.ReadFile(keyFile)
	if err != nil {
		return err
	}
	omni, err := client.New(endpoint, client.WithServiceAccount(strings.TrimSpace(string(key))),
		client.WithGrpcOpts(grpc.WithStatsHandler(counted)))
	if err != nil {
		return err
	}
	defer omni.Close()
	for _, path := range templates {
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		err = operations.SyncTemplate(context.Background(), bytes.NewReader(text), io.Discard, omni.Omni().State(),
			operations.SyncOptions{}, nil)
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
	}
	return nil
}

func main() {
	var counted payloads
	begin := time.Now()
	if err := run(os.Args[1], os.Args[2], os.Args[3:], &counted); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		os.Exit(1)
	}
	cpu := time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
	fmt.Println(cpu.Microseconds(), time.Since(begin).Microseconds(), usage.Maxrss, counted.sent.Load(), counted.received.Load())
}
