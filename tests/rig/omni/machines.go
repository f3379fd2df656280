package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/cosi-project/runtime/pkg/resource"
	"github.com/cosi-project/runtime/pkg/safe"
	"github.com/cosi-project/runtime/pkg/state"
	"github.com/siderolabs/image-factory/pkg/schematic"
	"github.com/siderolabs/omni/client/pkg/client"
	"github.com/siderolabs/omni/client/pkg/omni/resources/omni"
	"github.com/siderolabs/omni/client/pkg/omni/resources/siderolink"
)

// Where Omni's end of the machines' network listens for their events and logs.
const machineNetwork = "[fdae:41e4:649b:9303::1]"

// emulate starts machines, where somebody has put an emulator, and waits until Omni lists all of them.
func emulate(o options, s *supervisor, f *stub) error {
	if o.provided > 0 {
		if _, err := makeLinks(firstProvided, o.provided); err != nil {
			return err
		}
	}
	if o.machines == 0 {
		return nil
	}
	key, err := os.ReadFile(filepath.Join(o.dir, "automation.key"))
	if err != nil {
		return err
	}
	c, err := client.New(endpoint(o), client.WithServiceAccount(string(key)))
	if err != nil {
		return err
	}
	defer c.Close()
	st, ctx := c.Omni().State(), context.Background()
	token, err := safe.StateGetByID[*siderolink.DefaultJoinToken](ctx, st, siderolink.DefaultJoinTokenID)
	if err != nil {
		return err
	}
	arguments := kernelArguments(token.TypedSpec().Value.TokenId)
	if err = f.know(arguments); err != nil {
		return err
	}
	links, err := makeLinks(firstMachine, o.machines)
	if err != nil {
		return err
	}
	emulator, err := startEmulator(o, arguments)
	if err != nil {
		return err
	}
	s.mu.Lock()
	s.machines, s.links = emulator, links
	s.mu.Unlock()
	return poll(s, func() error { return allJoined(ctx, st, o.machines) })
}

func kernelArguments(token string) string {
	return fmt.Sprintf("siderolink.api=grpc://%s?jointoken=%s&grpc_tunnel=true talos.events.sink=%s:8091 talos.logging.kernel=tcp://%s:8092",
		machineAPI, token, machineNetwork, machineNetwork)
}

// know makes the factory aware of the schematic that the emulator computes by itself.
func (f *stub) know(arguments string) error {
	s := schematic.Schematic{Customization: schematic.Customization{
		ExtraKernelArgs:  strings.Fields(arguments),
		SystemExtensions: schematic.SystemExtensions{OfficialExtensions: []string{"siderolabs/hello-world-service"}},
	}}
	data, err := s.Marshal()
	if err != nil {
		return err
	}
	f.put(data)
	return nil
}

func startEmulator(o options, arguments string) (*os.Process, error) {
	dir := filepath.Join(o.dir, "machines")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	out, err := os.Create(filepath.Join(o.dir, "machines.log"))
	if err != nil {
		return nil, err
	}
	defer out.Close()
	newest := versions(o.talos)
	emulator := exec.Command(o.emulator, "--machines", strconv.Itoa(o.machines), "--talos-version", newest[len(newest)-1],
		"--image-factory-base-url", "http://"+stubAddress, "--schematic-cache-dir", filepath.Join(dir, "schematics"),
		"--kernel-args", arguments)
	emulator.Dir, emulator.Stdout, emulator.Stderr = dir, out, out
	if err = emulator.Start(); err != nil {
		return nil, err
	}
	go func() { _ = emulator.Wait() }()
	return emulator.Process, nil
}

func allJoined(ctx context.Context, st state.State, want int) error {
	list, err := safe.StateListAll[*omni.MachineStatus](ctx, st, state.WithLabelQuery(resource.LabelExists(omni.MachineStatusLabelAvailable)))
	if err == nil && list.Len() < want {
		err = fmt.Errorf("%d of %d machines have joined", list.Len(), want)
	}
	return err
}
