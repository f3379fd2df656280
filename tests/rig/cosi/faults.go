package main

import (
	"context"
	"sync"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// fault is what happens to calls of one method.
type fault struct {
	skip  int  // so many calls pass first
	times int  // then it happens so often; below zero: always
	after bool // the call is made, only its answer is lost
	end   ending
	code  codes.Code
	text  string
	kind  string // only for this resource type
}

func unimplemented(method string) fault {
	return fault{times: -1, code: codes.Unimplemented, text: "unknown method " + method + " for service cosi.resource.State"}
}

// strike ends the call.
func (f *fault) strike(ctx context.Context) error {
	endAs(ctx, f.end)
	return status.Error(f.code, f.text)
}

type faults struct {
	mu     sync.Mutex
	queues map[string][]*fault
	delays map[string]time.Duration
}

func (f *faults) reset() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.queues, f.delays = map[string][]*fault{}, map[string]time.Duration{}
}

func (f *faults) add(method string, added fault) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.queues[method] = append(f.queues[method], &added)
}

func (f *faults) delay(method string, d time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.delays[method] = d
}

// take gives the fault of this call, if it has one.
func (f *faults) take(c call) *fault {
	f.mu.Lock()
	defer f.mu.Unlock()
	queue := f.queues[c.method]
	for i, it := range queue {
		if it.kind != "" && it.kind != c.kind {
			continue
		}
		if it.skip > 0 {
			it.skip--
			return nil
		}
		if it.times > 0 {
			if it.times--; it.times == 0 {
				f.queues[c.method] = append(queue[:i:i], queue[i+1:]...)
			}
		}
		return it
	}
	return nil
}

// wait delays a call, and all calls with the method "*".
func (f *faults) wait(ctx context.Context, method string) error {
	f.mu.Lock()
	d := f.delays[method] + f.delays["*"]
	f.mu.Unlock()
	if d == 0 {
		return nil
	}
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return status.FromContextError(ctx.Err()).Err()
	}
}
