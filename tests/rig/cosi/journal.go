package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"slices"
	"sync"

	"github.com/cosi-project/runtime/pkg/resource"
	"github.com/cosi-project/runtime/pkg/state/impl/inmem"
	keeping "github.com/cosi-project/runtime/pkg/state/impl/store"
)

// journal is the memory that outlives a SIGKILL, and the record of who changed what: a line for each change, written
// before the change counts. What it says has happened, and nothing else has.
type journal struct {
	mu   sync.Mutex
	file *os.File
	rows []row // of former processes, until they are loaded
	next int
}

// row is one line. A put of version 1 is a creation.
type row struct {
	N       int           `json:"n"`
	Op      string        `json:"op"` // put, destroy
	By      string        `json:"by"` // an account; empty: a controller, or the control port
	Type    resource.Type `json:"type"`
	ID      resource.ID   `json:"id"`
	Version string        `json:"version,omitempty"`
	Phase   string        `json:"phase,omitempty"`
	Data    []byte        `json:"data,omitempty"`
}

type accountKey struct{}

func openJournal(path string) (*journal, error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	j := &journal{file: file}
	return j, j.read()
}

// read takes whole lines; the rest of one that a kill cut short never counted.
func (j *journal) read() error {
	in, whole := bufio.NewReader(j.file), int64(0)
	for {
		line, err := in.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return j.file.Truncate(whole)
		}
		var r row
		if err == nil {
			err = json.Unmarshal(line, &r)
		}
		if err != nil {
			return err
		}
		j.rows = append(j.rows, r)
		j.next, whole = r.N+1, whole+int64(len(line))
	}
}

func (j *journal) write(ctx context.Context, r row) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	r.N = j.next
	r.By, _ = ctx.Value(accountKey{}).(string)
	line, err := json.Marshal(r)
	if err == nil {
		_, err = j.file.Write(append(line, '\n'))
	}
	j.next++
	return err
}

var _ inmem.BackingStore = (*journal)(nil)

// Load gives what is left in the end, in the order in which it came to be.
func (j *journal) Load(_ context.Context, handler inmem.LoadHandler) error {
	seen := map[string]bool{}
	var left []row
	for _, r := range slices.Backward(j.rows) {
		if name := r.Type + "/" + r.ID; !seen[name] {
			seen[name] = true
			if r.Op == "put" {
				left = append(left, r)
			}
		}
	}
	j.rows = nil
	for _, r := range slices.Backward(left) {
		it, err := keeping.ProtobufMarshaler{}.UnmarshalResource(bytes.Clone(r.Data))
		if err == nil {
			err = handler(r.Type, it)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (j *journal) Put(ctx context.Context, kind resource.Type, r resource.Resource) error {
	data, err := keeping.ProtobufMarshaler{}.MarshalResource(r)
	if err != nil {
		return err
	}
	md := r.Metadata()
	return j.write(ctx, row{Op: "put", Type: kind, ID: md.ID(), Version: md.Version().String(), Phase: md.Phase().String(), Data: data})
}

func (j *journal) Destroy(ctx context.Context, kind resource.Type, p resource.Pointer) error {
	return j.write(ctx, row{Op: "destroy", Type: kind, ID: p.ID()})
}
