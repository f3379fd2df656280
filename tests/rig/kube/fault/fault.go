package main

import (
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"
)

// fault is what becomes of some requests. Its keys:
//
//	verb=V           get, list, watch, create, update, patch, delete; any when absent
//	path=REGEXP      of the path, without the query
//	agent=REGEXP     of the header User-Agent
//	times=N          strikes N times, then never again; always when absent
//	skip=N           passes N requests before
//	do=HOW           one of:
//
//	delay ms=N       waits
//	status code=N    answers so, without asking the server; retry_after=SECONDS, reason=TEXT
//	reset            the connection is reset; the server is not asked
//	lost             the server is asked, and its answer gets lost with the connection
//	abort            this request alone ends without an answer
//	hang             there never is an answer
//	cut bytes=N      the answer ends, in disorder, after N bytes or ms=N
//	stall bytes=N    the answer goes silent after N bytes or ms=N
//	garble           the answer is not JSON
//	flood            an answer of one line that does not end; the server is not asked
//	event code=N     a watch ends with an error event of that code, after bytes=N or ms=N of the answer
//	goaway           the answer passes, and the connection takes no more requests
type fault struct {
	verb, do    string
	path, agent *regexp.Regexp
	times, skip int // times < 0: always
	code, bytes int
	retryAfter  string
	reason      string
	wait        time.Duration

	number, struck int
}

var ways = map[string]bool{
	"delay": true, "status": true, "reset": true, "lost": true, "abort": true, "hang": true, "cut": true, "stall": true,
	"garble": true, "event": true, "goaway": true, "flood": true,
}

func newFault(q url.Values) (*fault, error) {
	f := &fault{verb: q.Get("verb"), do: q.Get("do"), retryAfter: q.Get("retry_after"), reason: q.Get("reason"), times: -1, bytes: -1}
	ms := 0
	numbers := map[string]*int{"times": &f.times, "skip": &f.skip, "code": &f.code, "bytes": &f.bytes, "ms": &ms}
	patterns := map[string]**regexp.Regexp{"path": &f.path, "agent": &f.agent}
	for key := range q {
		var err error
		switch {
		case numbers[key] != nil:
			*numbers[key], err = strconv.Atoi(q.Get(key))
		case patterns[key] != nil:
			*patterns[key], err = regexp.Compile(q.Get(key))
		case key != "verb" && key != "do" && key != "retry_after" && key != "reason":
			err = fmt.Errorf("%s: no such key", key)
		}
		if err != nil {
			return nil, err
		}
	}
	f.wait = time.Duration(ms) * time.Millisecond
	if !ways[f.do] {
		return nil, fmt.Errorf("do=%s: no such fault", f.do)
	}
	if (f.do == "status" || f.do == "event") && f.code == 0 {
		return nil, fmt.Errorf("do=%s needs a code", f.do)
	}
	return f, nil
}

// verbOf names a request as RBAC does, except for the deletion of collections.
func verbOf(r *http.Request) string {
	switch r.Method {
	case http.MethodPost:
		return "create"
	case http.MethodPut:
		return "update"
	case http.MethodPatch:
		return "patch"
	case http.MethodDelete:
		return "delete"
	}
	if watch := r.URL.Query().Get("watch"); watch == "true" || watch == "1" {
		return "watch"
	}
	if isCollection(r.URL.Path) {
		return "list"
	}
	return "get"
}

// isCollection: /api/v1/RESOURCE, /apis/GROUP/VERSION/RESOURCE, and both with namespaces/NAMESPACE before the resource.
func isCollection(path string) bool {
	steps := strings.Split(strings.Trim(path, "/"), "/")
	switch {
	case steps[0] == "api" && len(steps) > 2:
		steps = steps[2:]
	case steps[0] == "apis" && len(steps) > 3:
		steps = steps[3:]
	default:
		return false
	}
	if steps[0] == "namespaces" && len(steps) > 2 {
		steps = steps[2:]
	}
	return len(steps) == 1
}

func (f *fault) concerns(r *http.Request) bool {
	return (f.verb == "" || f.verb == verbOf(r)) && (f.path == nil || f.path.MatchString(r.URL.Path)) &&
		(f.agent == nil || f.agent.MatchString(r.UserAgent()))
}

// faults are asked for every request; the first one that concerns it strikes, delays also besides another one.
type faults struct {
	mu   sync.Mutex
	list []*fault
	made int
}

func (all *faults) add(f *fault) int {
	all.mu.Lock()
	defer all.mu.Unlock()
	all.made++
	f.number = all.made
	all.list = append(all.list, f)
	return f.number
}

func (all *faults) clear() {
	all.mu.Lock()
	defer all.mu.Unlock()
	all.list = nil
}

func (all *faults) strike(r *http.Request) (delay time.Duration, struck fault) {
	all.mu.Lock()
	defer all.mu.Unlock()
	for _, f := range all.list {
		if !f.concerns(r) || f.times == 0 || (f.do != "delay" && struck.do != "") {
			continue
		}
		if f.skip > 0 {
			f.skip--
			continue
		}
		if f.times > 0 {
			f.times--
		}
		f.struck++
		if f.do == "delay" {
			delay += f.wait
		} else {
			struck = *f
		}
	}
	return delay, struck
}

func (all *faults) write(w http.ResponseWriter) {
	all.mu.Lock()
	defer all.mu.Unlock()
	for _, f := range all.list {
		fmt.Fprintln(w, f.number, f.struck)
	}
}
