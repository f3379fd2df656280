package machines

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	talos "github.com/siderolabs/talos/pkg/machinery/api/machine"
)

// Trouble is what a machine suffers from.
type Trouble string

const (
	None         Trouble = "none"
	Absent       Trouble = "absent"       // it never joins
	Silent       Trouble = "silent"       // connected, but whatever it is told never ends
	Disconnected Trouble = "disconnected" // its link is down, and what it was told does not go on
	BadUpgrade   Trouble = "upgrade"      // it comes back from upgrades with the old version
	BadConfig    Trouble = "config"       // it refuses configurations
)

// Troubles are all that a machine may be given.
var Troubles = []Trouble{None, Absent, Silent, Disconnected, BadUpgrade, BadConfig}

// machine is one that runs Talos, whether Omni knows of it or not.
type machine struct {
	id, name, address string
	labels            map[string]string // of the image it was started from
	usersLabels       map[string]string // MachineLabels
	platform          string
	provider, request string
	requestSet        string

	joins   time.Time
	joined  bool
	trouble Trouble

	stage   talos.MachineStatusEvent_MachineStage
	doing   errand // while there is a journey
	journey []leg
	arrives time.Time // at the end of the first leg

	talos      string
	installed  bool
	kubernetes map[string]string // versions by component
	config     string            // what it runs; empty: in maintenance
	failure    string            // of what it was told last
	retries    time.Time

	cluster, set string // that it is given to
	controlPlane bool
	enlists      time.Time // it becomes a member then
	lingers      time.Time // it is told to go then
	wiped        bool
	unpublished  bool
}

// errand is what a machine is on its way for.
type errand int

const (
	installs errand = iota
	configures
	upgrades
	resets
)

// leg is a part of a journey: how long the machine is in a stage, and what is true after that.
type leg struct {
	stage talos.MachineStatusEvent_MachineStage
	takes time.Duration
	then  func(*machine)
}

// digest gives names that are the same in every run.
func digest(parts ...any) string {
	sum := sha256.Sum256([]byte(fmt.Sprintln(parts...)))
	return hex.EncodeToString(sum[:])
}

func newMachine(id string, n int, version string) *machine {
	sum := digest("name", id)
	return &machine{
		id: id, name: "talos-" + sum[:3] + "-" + sum[3:6], address: fmt.Sprintf("fdae:41e4:649b:9303::%x", n+2),
		platform: "metal", talos: strings.TrimPrefix(version, "v"), trouble: None, kubernetes: map[string]string{},
		stage: talos.MachineStatusEvent_MAINTENANCE,
	}
}

// numbered is the ID of the nth machine that was not given one.
func numbered(n int) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "machine %d", n))
	return uuid.Must(uuid.FromBytes(sum[:16])).String()
}

func (m *machine) connected() bool { return m.joined && m.trouble != Disconnected }

// answers says whether orders reach it and are done.
func (m *machine) answers() bool { return m.connected() && m.trouble != Silent }

func (m *machine) idle() bool { return len(m.journey) == 0 }

// on says whether that is what it is doing.
func (m *machine) on(doing errand) bool { return !m.idle() && m.doing == doing }

func (m *machine) in(stages ...talos.MachineStatusEvent_MachineStage) bool {
	return slices.Contains(stages, m.stage)
}

// give has the machine become a member of a cluster, some time from now.
func (p *Play) give(m *machine, v *view, s *set) {
	m.cluster, m.set, m.controlPlane, m.unpublished = v.name, s.id, s.controlPlane(), true
	m.enlists = p.now.Add(p.paced(enlisting))
}

// free is the opposite.
func (m *machine) free() {
	m.cluster, m.set, m.controlPlane, m.unpublished = "", "", false, true
	m.wiped, m.lingers = false, time.Time{}
}

// healthy is what Talos reports of itself: also in maintenance all is well.
func (m *machine) healthy() bool {
	return m.connected() && m.in(talos.MachineStatusEvent_RUNNING, talos.MachineStatusEvent_MAINTENANCE, talos.MachineStatusEvent_RESETTING)
}

// running is ready to work in its cluster.
func (m *machine) running() bool { return m.connected() && m.in(talos.MachineStatusEvent_RUNNING) }

// send starts a journey.
func (p *Play) send(m *machine, doing errand, legs ...leg) {
	m.doing, m.journey = doing, legs
	p.enter(m)
}

func (p *Play) enter(m *machine) {
	m.stage, m.arrives, m.unpublished = m.journey[0].stage, p.now.Add(p.paced(m.journey[0].takes)), true
	p.due(m.arrives)
}

// advance takes a machine through the legs that are over by now, and says whether there were any.
func (p *Play) advance(m *machine) bool {
	moved := false
	if !m.joined && m.trouble != Absent && p.due(m.joins) {
		m.joined, m.unpublished, moved = true, true, true
	}
	for m.answers() && !m.idle() && p.due(m.arrives) {
		if then := m.journey[0].then; then != nil {
			then(m)
		}
		if m.journey = m.journey[1:]; !m.idle() {
			p.enter(m)
		}
		m.unpublished, moved = true, true
	}
	return moved
}

// install makes a machine in maintenance one of a cluster.
func (p *Play) install(m *machine, o order) {
	if m.trouble == BadConfig {
		p.send(m, installs, leg{talos.MachineStatusEvent_MAINTENANCE, configuring, p.failing("the configuration was refused")})
		return
	}
	p.send(m, installs,
		leg{talos.MachineStatusEvent_MAINTENANCE, configuring, nil},
		leg{talos.MachineStatusEvent_INSTALLING, installing, func(m *machine) {
			m.talos, m.installed, m.failure, m.config = o.talos, true, "", o.config
			for _, it := range components(m.controlPlane) {
				m.kubernetes[it] = o.kubernetes
			}
		}},
		leg{talos.MachineStatusEvent_REBOOTING, rebooting, nil},
		leg{talos.MachineStatusEvent_BOOTING, booting, (*machine).run},
	)
}

func (m *machine) run() { m.stage = talos.MachineStatusEvent_RUNNING }

func (p *Play) failing(why string) func(*machine) {
	return func(m *machine) { m.failure, m.retries = why, p.now.Add(p.paced(retrying)) }
}

func (p *Play) upgrade(m *machine, version string) {
	after := func(m *machine) { m.talos, m.failure = version, "" }
	if m.trouble == BadUpgrade {
		after = p.failing("failed to upgrade Talos to " + version)
	}
	p.send(m, upgrades,
		leg{talos.MachineStatusEvent_UPGRADING, upgrading, after},
		leg{talos.MachineStatusEvent_REBOOTING, rebooting, nil},
		leg{talos.MachineStatusEvent_BOOTING, booting, (*machine).run},
	)
}

func (p *Play) reconfigure(m *machine, takes time.Duration, after func(*machine)) {
	if m.trouble == BadConfig {
		after = p.failing("the configuration was refused")
	}
	p.send(m, configures, leg{talos.MachineStatusEvent_RUNNING, takes, after})
}

// reset wipes a machine; it comes back to be given to another cluster.
func (p *Play) reset(m *machine) {
	p.send(m, resets,
		leg{talos.MachineStatusEvent_RESETTING, resetting, func(m *machine) {
			m.config, m.failure, m.installed, m.wiped = "", "", false, true
			clear(m.kubernetes)
		}},
		leg{talos.MachineStatusEvent_REBOOTING, rebooting, nil},
		leg{talos.MachineStatusEvent_BOOTING, booting, func(m *machine) { m.stage = talos.MachineStatusEvent_MAINTENANCE }},
	)
}
