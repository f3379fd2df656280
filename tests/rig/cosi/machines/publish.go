package machines

import (
	"context"
	"strings"

	"github.com/cosi-project/runtime/pkg/resource"
	"github.com/siderolabs/omni/client/api/omni/specs"
	"github.com/siderolabs/omni/client/pkg/omni/resources/omni"
	"github.com/siderolabs/omni/client/pkg/omni/resources/siderolink"
	talos "github.com/siderolabs/talos/pkg/machinery/api/machine"
)

// publish writes what Omni knows of a machine by itself.
func (p *Play) publish(ctx context.Context, m *machine) error {
	if !m.joined {
		return nil
	}
	err := keep(ctx, p, "", siderolink.NewLink(m.id, &specs.SiderolinkSpec{}), func(it *siderolink.Link) {
		it.Metadata().Finalizers().Add("LinkStatusController")
		m.mark(it)
		it.TypedSpec().Value.NodeSubnet, it.TypedSpec().Value.Connected = m.address+"/64", m.connected()
	})
	if err == nil {
		err = keep(ctx, p, "MachineController", omni.NewMachine(m.id), func(it *omni.Machine) {
			m.mark(it)
			it.Metadata().Labels().Set(omni.MachineAddressLabel, m.address)
			it.TypedSpec().Value.ManagementAddress, it.TypedSpec().Value.Connected = m.address, m.connected()
		})
	}
	if err == nil {
		err = keep(ctx, p, "MachineStatusController", omni.NewMachineStatus(m.id), m.describe)
	}
	if err == nil {
		err = keep(ctx, p, "MachineStatusSnapshotController", omni.NewMachineStatusSnapshot(m.id), func(it *omni.MachineStatusSnapshot) {
			it.TypedSpec().Value.MachineStatus = &talos.MachineStatusEvent{
				Stage: m.stage, Status: &talos.MachineStatusEvent_MachineStatus{Ready: m.healthy()},
			}
		})
	}
	return err
}

// mark says which provider made a machine.
func (m *machine) mark(r resource.Resource) {
	if m.request == "" {
		return
	}
	r.Metadata().Labels().Set(omni.LabelInfraProviderID, m.provider)
	r.Metadata().Labels().Set(omni.LabelMachineRequest, m.request)
	r.Metadata().Labels().Set(omni.LabelMachineRequestSet, m.requestSet)
	r.Metadata().Labels().Set(omni.LabelNoManualAllocation, "")
}

// status is the machine as selectors see it.
func (m *machine) status() *omni.MachineStatus {
	it := omni.NewMachineStatus(m.id)
	m.describe(it)
	return it
}

func (m *machine) describe(it *omni.MachineStatus) {
	spec := it.TypedSpec().Value
	spec.TalosVersion, spec.ManagementAddress = "v"+m.talos, m.address
	spec.Connected, spec.Maintenance = m.connected(), m.in(talos.MachineStatusEvent_MAINTENANCE)
	spec.Cluster, spec.LastError, spec.PowerState = m.cluster, m.failure, specs.MachineStatusSpec_POWER_STATE_ON
	if spec.InitialTalosVersion == "" {
		spec.InitialTalosVersion = spec.TalosVersion
	}
	spec.Network = &specs.MachineStatusSpec_NetworkStatus{
		Hostname: m.name, Addresses: []string{"192.0.2.1/24"},
		NetworkLinks: []*specs.MachineStatusSpec_NetworkStatus_NetworkLinkStatus{{LinuxName: "eth0", LinkUp: true, SpeedMbps: 1000}},
	}
	spec.Hardware = &specs.MachineStatusSpec_HardwareStatus{
		Arch:          "amd64",
		Processors:    []*specs.MachineStatusSpec_HardwareStatus_Processor{{CoreCount: 4, ThreadCount: 8, Frequency: 3000, Manufacturer: "AMD"}},
		MemoryModules: []*specs.MachineStatusSpec_HardwareStatus_MemoryModule{{SizeMb: 16384}},
		Blockdevices: []*specs.MachineStatusSpec_HardwareStatus_BlockDevice{
			{Size: 64_000_000_000, LinuxName: "/dev/vda", Name: "vda", Type: "SSD", SystemDisk: m.installed},
		},
	}
	spec.PlatformMetadata = &specs.MachineStatusSpec_PlatformMetadata{Platform: m.platform, Hostname: m.name}
	spec.ImageLabels = m.labels
	switch {
	case m.cluster == "":
		spec.Role = specs.MachineStatusSpec_NONE
	case m.controlPlane:
		spec.Role = specs.MachineStatusSpec_CONTROL_PLANE
	default:
		spec.Role = specs.MachineStatusSpec_WORKER
	}
	m.label(it)
}

func (m *machine) label(it *omni.MachineStatus) {
	omni.ReconcileMachineStatusLabels(it)
	for key := range it.Metadata().Labels().Raw() {
		if !strings.HasPrefix(key, omni.SystemLabelPrefix) {
			it.Metadata().Labels().Delete(key)
		}
	}
	for _, given := range []map[string]string{m.labels, m.usersLabels} {
		for key, value := range given {
			it.Metadata().Labels().Set(key, value)
		}
	}
	m.mark(it)
	mark(it, omni.MachineStatusLabelConnected, m.connected())
	mark(it, omni.MachineStatusLabelDisconnected, !m.connected())
	mark(it, omni.MachineStatusLabelReadyToUse, m.connected())
	mark(it, omni.MachineStatusLabelReportingEvents, m.joined)
	mark(it, omni.MachineStatusLabelAvailable, m.available())
	for key, value := range map[string]string{omni.LabelCluster: m.cluster, omni.LabelMachineSet: m.set} {
		if value == "" {
			it.Metadata().Labels().Delete(key)
		} else {
			it.Metadata().Labels().Set(key, value)
		}
	}
	mark(it, omni.LabelControlPlaneRole, m.cluster != "" && m.controlPlane)
	mark(it, omni.LabelWorkerRole, m.cluster != "" && !m.controlPlane)
}

// remove makes a machine vanish, and what Omni knew of it.
func (p *Play) remove(ctx context.Context, id string) error {
	if id == "" {
		return nil
	}
	if m := p.machines[id]; m != nil {
		p.touch(m.cluster)
	}
	delete(p.machines, id)
	for _, md := range []resource.Pointer{
		omni.NewMachineStatusSnapshot(id).Metadata(), omni.NewMachineStatus(id).Metadata(),
		omni.NewMachine(id).Metadata(), siderolink.NewLink(id, nil).Metadata(),
	} {
		if err := p.drop(ctx, md); err != nil {
			return err
		}
	}
	return nil
}
