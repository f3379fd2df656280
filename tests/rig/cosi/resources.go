package main

import (
	"errors"
	"io"
	"net/http"

	"github.com/cosi-project/runtime/pkg/resource"
	"github.com/cosi-project/runtime/pkg/resource/protobuf"
	"github.com/cosi-project/runtime/pkg/state"
	"github.com/siderolabs/omni/client/pkg/omni/resources"
	"go.yaml.in/yaml/v4"
)

// The control port's own way to the state: without signature and role, and not counted. A test plays Omni's controllers
// with it (status resources, with an owner), or somebody else who changes things behind our back.

// kindOf reads type=, id= and namespace= (default).
func kindOf(r *http.Request) resource.Metadata {
	ns := r.FormValue("namespace")
	if ns == "" {
		ns = resources.DefaultNamespace
	}
	return resource.NewMetadata(ns, r.FormValue("type"), r.FormValue("id"), resource.VersionUndefined)
}

// list prints all resources of a type, or one, as YAML documents.
func (g *rig) list(w http.ResponseWriter, r *http.Request) {
	md := kindOf(r)
	items, err := g.store.state.List(r.Context(), md)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	out := yaml.NewEncoder(w)
	for _, it := range items.Items {
		if md.ID() != "" && md.ID() != it.Metadata().ID() {
			continue
		}
		doc, err := resource.MarshalYAML(it)
		if err == nil {
			err = out.Encode(doc)
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
	}
}

// put creates or replaces the resources of a stream of YAML documents, in the form that `list` and omnictl print.
func (g *rig) put(r *http.Request) error {
	owner := r.URL.Query().Get("owner")
	documents := yaml.NewDecoder(r.Body)
	for {
		var doc protobuf.YAMLResource
		if err := documents.Decode(&doc); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		if err := g.putOne(r, doc.Resource(), owner); err != nil {
			return err
		}
	}
}

func (g *rig) putOne(r *http.Request, wanted resource.Resource, owner string) error {
	there, err := g.store.state.Get(r.Context(), wanted.Metadata())
	if state.IsNotFoundError(err) {
		return g.store.state.Create(r.Context(), wanted, state.WithCreateOwner(owner))
	}
	if err != nil {
		return err
	}
	wanted.Metadata().SetVersion(there.Metadata().Version())
	return g.store.state.Update(r.Context(), wanted, state.WithUpdateOwner(there.Metadata().Owner()), state.WithExpectedPhaseAny())
}

// destroy removes one resource whatever its finalizers say.
func (g *rig) destroy(r *http.Request) error {
	md := kindOf(r)
	there, err := g.store.state.Get(r.Context(), md)
	if err != nil {
		return err
	}
	owner := there.Metadata().Owner()
	_, err = g.store.state.UpdateWithConflicts(r.Context(), md, func(res resource.Resource) error {
		for _, f := range *there.Metadata().Finalizers() {
			res.Metadata().Finalizers().Remove(f)
		}
		return nil
	}, state.WithUpdateOwner(owner), state.WithExpectedPhaseAny())
	if err != nil {
		return err
	}
	err = g.store.state.Destroy(r.Context(), md, state.WithDestroyOwner(owner))
	if state.IsNotFoundError(err) { // the controllers were faster
		return nil
	}
	return err
}
