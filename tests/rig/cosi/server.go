package main

import (
	"context"
	"path"
	"time"

	"github.com/cosi-project/runtime/api/v1alpha1"
	"github.com/cosi-project/runtime/pkg/state/protobuf/server"
	"github.com/siderolabs/omni/client/api/omni/management"
	"google.golang.org/grpc"
	_ "google.golang.org/grpc/encoding/gzip" // Omni's own client compresses every request
	"google.golang.org/grpc/status"
)

// maxMessage is Omni's limit for one message.
const maxMessage = 32 << 20

// newServer puts the gate before the state.
func newServer(g *gate, st *store, p *proxy) *grpc.Server {
	s := grpc.NewServer(
		grpc.MaxRecvMsgSize(maxMessage),
		grpc.UnaryInterceptor(func(ctx context.Context, req any, info *grpc.UnaryServerInfo, h grpc.UnaryHandler) (any, error) {
			return g.unary(ctx, req, info.FullMethod, h)
		}),
		grpc.StreamInterceptor(func(srv any, ss grpc.ServerStream, info *grpc.StreamServerInfo, h grpc.StreamHandler) error {
			return g.stream(srv, ss, info.FullMethod, h)
		}),
	)
	v1alpha1.RegisterStateServer(s, server.NewState(&st.served))
	management.RegisterManagementServiceServer(s, &manager{store: st, proxy: p})
	return s
}

func (g *gate) unary(ctx context.Context, req any, method string, h grpc.UnaryHandler) (answer any, err error) {
	c, start := describe(path.Base(method), req), time.Now()
	g.calls.count(c.method)
	defer func() {
		c.code, c.took = status.Code(err), time.Since(start)
		g.calls.remember(c)
	}()
	who, f, err := g.admit(ctx, method, &c)
	if err != nil {
		return nil, err
	}
	if f != nil && !f.after {
		return nil, f.strike(ctx)
	}
	if err = authorize(who, c.method, c); err != nil {
		return nil, err
	}
	ctx = context.WithValue(context.WithValue(ctx, accountKey{}, who.name), roleKey{}, who.role)
	if answer, err = h(ctx, req); f != nil {
		return nil, f.strike(ctx)
	}
	return answer, err
}

// admit does what comes before a call: its delay, the check of its signature, the choice of its fault.
func (g *gate) admit(ctx context.Context, method string, c *call) (account, *fault, error) {
	if err := g.faults.wait(ctx, c.method); err != nil {
		return account{}, nil, err
	}
	who, err := g.authenticate(ctx, method)
	if err != nil {
		return account{}, nil, err
	}
	c.who = who.name
	return who, g.faults.take(*c), nil
}

// stream is for List and Watch: the request is the first message, so the gate looks at it when it is read.
func (g *gate) stream(srv any, ss grpc.ServerStream, method string, h grpc.StreamHandler) (err error) {
	ctx, cancel := context.WithCancel(ss.Context())
	w, start := &watch{ServerStream: ss, gate: g, method: method, call: call{method: path.Base(method)}, ctx: ctx, cancel: cancel}, time.Now()
	g.calls.count(w.call.method)
	defer func() {
		cancel()
		g.watches.remove(w)
		w.call.code, w.call.took = status.Code(err), time.Since(start)
		g.calls.remember(w.call)
	}()
	if err = h(srv, w); w.refused != nil {
		return w.refused
	}
	if w.fault != nil {
		return w.fault.strike(ctx)
	}
	if last := w.last.Load(); last != nil {
		return *last
	}
	return err
}
