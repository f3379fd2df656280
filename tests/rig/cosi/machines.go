package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"omniops/tests/rig/cosi/machines"
)

// The control port's orders to machines.

// played guards the orders that make no sense without machines.
func played(do func(*rig, *http.Request) error) func(*rig, *http.Request) error {
	return func(g *rig, r *http.Request) error {
		if g.omni == nil {
			return errors.New("there are no machines here: start with -play")
		}
		return do(g, r)
	}
}

// startPlay starts the machines of the flags.
func startPlay(st *store, o options) (*machines.Play, error) {
	play := machines.New(st.state, o.pace)
	play.Limit(o.capacity)
	if o.join == "named" {
		play.JoinNamed()
	} else if count, err := strconv.Atoi(o.join); err != nil || count < 0 {
		return nil, fmt.Errorf("-join %s: a number, or \"named\"", o.join)
	} else {
		play.Join(nil, count, machines.Joining{})
	}
	return play, play.Start(context.Background())
}

// join starts machines: those of id=, or count= of them, or with named=1 whatever clusters name; label=KEY=VALUE.
func (g *rig) join(r *http.Request) error {
	if r.FormValue("named") == "1" {
		g.omni.JoinNamed()
		return nil
	}
	how := machines.Joining{Talos: r.FormValue("talos"), Labels: map[string]string{}}
	for _, it := range r.Form["label"] {
		key, value, _ := strings.Cut(it, "=")
		how.Labels[key] = value
	}
	ids := r.Form["id"]
	count := number(r, "count", 0)
	if count < 0 || count == 0 && len(ids) == 0 {
		return errors.New("count=N, id=UUID or named=1")
	}
	g.omni.Join(ids, count, how)
	return nil
}

func (g *rig) trouble(r *http.Request) error {
	if r.FormValue("id") == "" {
		return errors.New("id=UUID and how=")
	}
	return g.omni.Suffer(r.FormValue("id"), machines.Trouble(r.FormValue("how")))
}

func (g *rig) remove(r *http.Request) error { return g.omni.Remove(r.Context(), r.FormValue("id")) }

func (g *rig) pace(r *http.Request) error {
	factor, err := strconv.ParseFloat(r.FormValue("factor"), 64)
	if err != nil || factor < 0 {
		return errors.New("factor=0.1, for example")
	}
	g.omni.Pace(factor)
	return nil
}
