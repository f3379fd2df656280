package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
)

// audit reads the server's journal and holds every change against what was allowed.
type audit struct {
	path    string
	offset  int64
	there   map[string]thing // by name, as the journal says
	round   map[string]*story
	mayGo   map[string]bool // may be torn down: Git says so, or somebody approved it
	changes int
	most    int // changes of one resource by the agent in one round
	mostOf  string
}

type thing struct{ version, phase string }

// story is what happened to a resource in this round.
type story struct{ created, destroyed, byAgent int }

type row struct {
	N                                int
	Op, By, Type, ID, Version, Phase string
}

func newAudit(path string) *audit {
	return &audit{path: path, there: map[string]thing{}, round: map[string]*story{}, mayGo: map[string]bool{}}
}

// nextRound forgets what was allowed and what happened, but not what is there.
func (a *audit) nextRound() { clear(a.round); clear(a.mayGo) }

// A resource is written when it is made, when it changes, and when marks change; what conflicts with a controller is
// not in the journal. More than this is a fight.
const writesPerRound = 8

// check reads what is new.
func (a *audit) check() []string {
	if a.path == "" {
		return nil
	}
	file, err := os.Open(a.path)
	if err != nil {
		return []string{err.Error()}
	}
	defer func() { _ = file.Close() }()
	if _, err = file.Seek(a.offset, io.SeekStart); err != nil {
		return []string{err.Error()}
	}
	var faults []string
	for in := bufio.NewReader(file); ; {
		line, err := in.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return faults
		}
		var r row
		if err == nil {
			err = json.Unmarshal(line, &r)
		}
		if err != nil {
			return append(faults, "journal: "+err.Error())
		}
		a.offset += int64(len(line))
		if fault := a.take(r); fault != "" {
			faults = append(faults, fmt.Sprintf("change %d, by %q: %s %s/%s: %s", r.N, r.By, r.Op, r.Type, r.ID, fault))
		}
	}
}

func (a *audit) take(r row) string {
	name := r.Type + "/" + r.ID
	was, exists := a.there[name]
	s := a.round[name]
	if s == nil {
		s = &story{}
		a.round[name] = s
	}
	a.changes++
	if r.By == "agent" {
		if s.byAgent++; s.byAgent > a.most {
			a.most, a.mostOf = s.byAgent, name
		}
		if s.byAgent > writesPerRound {
			return "the agent writes it again and again"
		}
	}
	if r.Op == "destroy" {
		delete(a.there, name)
		s.destroyed++
		switch {
		case !exists:
			return "destroyed, but it is not there"
		case !a.allowed(r):
			return "destroyed without approval"
		case s.destroyed > 1:
			return "destroyed twice"
		}
		return ""
	}
	a.there[name] = thing{r.Version, r.Phase}
	switch {
	case !exists && r.Version != "1":
		return "comes with version " + r.Version
	case exists && r.Version != next(was.version):
		return "version " + r.Version + " comes after " + was.version
	case !exists && s.destroyed > 0:
		return "made again after it was destroyed"
	case r.Phase != "running" && was.phase == "running" && !a.allowed(r):
		return "torn down without approval"
	case r.Phase == "running" && exists && was.phase != "running":
		return "came back to life"
	}
	return ""
}

func (a *audit) allowed(r row) bool {
	if cluster, is := strings.CutPrefix(r.ID, markID); is && r.Type == markType {
		return a.mayGo["Clusters.omni.sidero.dev/"+cluster]
	}
	return a.mayGo[r.Type+"/"+r.ID]
}

func next(version string) string {
	n, _ := strconv.Atoi(version)
	return strconv.Itoa(n + 1)
}
