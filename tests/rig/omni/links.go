package main

import (
	"context"
	"fmt"
	"log"
	"net"
	"net/netip"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/siderolabs/siderolink/pkg/wgtunnel"
	"github.com/siderolabs/siderolink/pkg/wgtunnel/wgbind"
	"github.com/siderolabs/siderolink/pkg/wgtunnel/wggrpc"
	"github.com/siderolabs/siderolink/pkg/wireguard"
	"go.uber.org/zap"
	"golang.zx2c4.com/wireguard/wgctrl"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
)

// Emulated machines expect a WireGuard link each, which the kernel may not have. These are in userspace: a TUN device and
// its control socket, relayed to Omni through its own service for WireGuard over gRPC. Omni has to be in tunnel mode.

const (
	machineAPI    = "127.0.0.1:8090"
	linkPoll      = 200 * time.Millisecond
	relayRetry    = time.Second
	firstMachine  = 1000 // slot of the emulator's first machine; a provider's begin with 1
	firstProvided = 1
)

type linker struct {
	control *wgctrl.Client
	logger  *zap.Logger
	cut     atomic.Bool // nothing goes through; Omni believes in a link for up to 275 s after its last handshake
}

// makeLinks gives slots [first, first+count) a link, and returns when all of them are there.
func makeLinks(first, count int) (*linker, error) {
	control, err := wgctrl.New()
	if err != nil {
		return nil, err
	}
	l := &linker{control: control, logger: zap.NewNop()}
	var ready sync.WaitGroup
	for i := range count {
		ready.Add(1)
		go l.keep(fmt.Sprintf("%s%d", wireguard.InterfaceName, first+i), sync.OnceFunc(ready.Done))
	}
	ready.Wait()
	return l, nil
}

// keep makes a link again whenever its machine is removed, which deletes it.
func (l *linker) keep(name string, ready func()) {
	for {
		queues := wgbind.NewQueuePair(1024, 1024)
		device, err := wgtunnel.NewTunnelDevice(name, wireguard.LinkMTU, queues, l.logger)
		if err != nil {
			log.Printf("%s: %v", name, err)
			time.Sleep(linkPoll)
			continue
		}
		go func() { _ = device.Run() }()
		ready()
		l.relay(name, queues)
		device.Close()
		debug.FreeOSMemory() // a closed device leaves megabytes of buffers
	}
}

// relay connects a link to Omni until the link is gone.
func (l *linker) relay(name string, queues *wgbind.QueuePair) {
	var current netip.AddrPort
	none := func() {}
	stop := none
	defer func() { stop() }()
	for {
		time.Sleep(linkPoll)
		if _, err := net.InterfaceByName(name); err != nil {
			return
		}
		if l.cut.Load() {
			stop()
			current, stop = netip.AddrPort{}, none
			continue
		}
		device, err := l.control.Device(name)
		if err != nil || len(device.Peers) != 1 || device.Peers[0].Endpoint == nil {
			continue
		}
		// In tunnel mode Omni hands a machine its virtual address as the peer's.
		peer := device.Peers[0].Endpoint.AddrPort()
		if peer == current {
			continue
		}
		stop()
		current, stop = peer, l.connect(name, peer, queues)
	}
}

func (l *linker) connect(name string, peer netip.AddrPort, queues *wgbind.QueuePair) func() {
	relay, err := wggrpc.NewRelayToHost(machineAPI, 2*time.Second, queues, peer, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		log.Printf("%s: %v", name, err)
		return func() {}
	}
	ctx, stop := context.WithCancel(context.Background())
	go func() {
		defer relay.Close()
		for ctx.Err() == nil {
			if err := relay.Run(ctx, l.logger); err != nil && ctx.Err() == nil {
				log.Printf("%s: %v", name, err)
				time.Sleep(relayRetry)
			}
		}
	}()
	return stop
}
