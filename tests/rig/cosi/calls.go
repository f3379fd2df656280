package main

import (
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/cosi-project/runtime/api/v1alpha1"
	"google.golang.org/grpc/codes"
)

// maxCalls bounds the list of calls; a test that makes more of them looks at the counts.
const maxCalls = 200000

// call is one line of the list of calls.
type call struct {
	method, kind, id string
	who              string
	code             codes.Code
	took             time.Duration
}

// describe finds out what a request is about.
func describe(method string, request any) call {
	c := call{method: method}
	switch r := request.(type) {
	case *v1alpha1.CreateRequest:
		c.kind, c.id = r.GetResource().GetMetadata().GetType(), r.GetResource().GetMetadata().GetId()
	case *v1alpha1.UpdateRequest:
		c.kind, c.id = r.GetNewResource().GetMetadata().GetType(), r.GetNewResource().GetMetadata().GetId()
	case interface{ GetType() string }:
		c.kind = r.GetType()
		if one, ok := request.(interface{ GetId() string }); ok {
			c.id = one.GetId()
		}
	}
	return c
}

// calls counts per method, and remembers each, and when the newest came.
type calls struct {
	mu     sync.Mutex
	counts map[string]int
	newest map[string]time.Time
	grown  sync.Cond
	list   []call
}

func (c *calls) reset() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.grown.L = &c.mu
	c.counts, c.newest, c.list = map[string]int{}, map[string]time.Time{}, nil
}

func (c *calls) count(method string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.counts[method]++
	c.newest[method] = time.Now()
	c.grown.Broadcast()
}

// await waits until there were more calls of a method than so many, and tells when the newest came; false: not in time.
func (c *calls) await(method string, after int, limit time.Duration) (time.Time, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	end := time.Now().Add(limit)
	defer time.AfterFunc(limit, c.grown.Broadcast).Stop()
	for c.counts[method] <= after && time.Now().Before(end) {
		c.grown.Wait()
	}
	return c.newest[method], c.counts[method] > after
}

func (c *calls) remember(done call) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.list) < maxCalls {
		c.list = append(c.list, done)
	}
}

// write prints one line for each ended call: method, type, id, account, code, milliseconds.
func (c *calls) write(w io.Writer) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, l := range c.list {
		fmt.Fprintf(w, "%s %s %s %s %s %d\n", l.method, dash(l.kind), dash(l.id), dash(l.who), l.code, l.took.Milliseconds())
	}
}

func dash(text string) string {
	if text == "" {
		return "-"
	}
	return text
}
