package main

import (
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// proof is one run of all rounds.
type proof struct {
	options
	world  *world
	server *server
	agent  *process
	proxy  *proxy
	audit  *audit
	wanted content
	there  content // at the end of the last round

	number          int
	approvals       map[string]time.Time // by cluster and hash
	approved        int
	agentKills      int
	serverKills     int
	began           time.Time
	slowest, waited time.Duration
}

// patience is how long the agent may take once nothing disturbs it.
const patience = 60 * time.Second

func newProof(o options) (*proof, error) {
	p := &proof{options: o, approvals: map[string]time.Time{}, began: time.Now()}
	var err error
	at := func(name string) string { return filepath.Join(o.dir, name) }
	for _, name := range []string{"server", "expected", "status", "cache"} {
		if err = os.MkdirAll(at(name), 0o700); err != nil {
			return p, err
		}
	}
	if p.world, err = newWorld(at("repo")); err != nil {
		return p, err
	}
	if o.real != "" {
		p.server, err = realServer(o.real, o.omnictl)
	} else {
		p.server, err = newServer(o.cosi, at("server"), !o.clear)
	}
	if err != nil {
		return p, err
	}
	p.audit = newAudit(p.server.journal)
	var certificate *tls.Certificate
	if p.server.private != "" {
		pair, err := tls.LoadX509KeyPair(p.server.certificate, p.server.private)
		if err != nil {
			return p, err
		}
		certificate = &pair
	}
	if p.proxy, err = newProxy(o.seed, p.server.listen, certificate); err != nil {
		return p, err
	}
	p.agent = &process{log: at("agent.log"), command: append([]string{
		o.omniops, "agent", "--source", "git+file://" + at("repo") + "?ref=main", "--interval", "100ms", "--gate", "destructive",
		"--status-dir", at("status"), "--cache-dir", at("cache"), "--http", "off", "--log-format", "json",
	}, p.flags(p.proxy.url(), p.server.key)...)}
	return p, p.agent.start()
}

// flags say which Omni, and who asks.
func (p *proof) flags(endpoint, key string) []string {
	flags := []string{"--omni", endpoint, "--omni-key-file", key}
	if p.server.ca != "" {
		flags = append(flags, "--omni-ca-file", p.server.ca)
	}
	return flags
}

func (p *proof) run() error {
	for p.number = 0; p.number <= p.rounds; p.number++ {
		began := time.Now()
		done, err := p.change()
		if err == nil {
			err = p.disturb()
		}
		if err == nil {
			err = p.settle()
		}
		if err != nil {
			return fmt.Errorf("%w\n%s", err, strings.Join(done, ", "))
		}
		if p.verbose {
			fmt.Printf("round %d: %s in %d ms\n", p.number, strings.Join(done, ", "), time.Since(began).Milliseconds())
		}
	}
	return p.agent.stop()
}

// change commits something else; round 0 takes the repository as it is.
func (p *proof) change() (done []string, err error) {
	p.audit.nextRound()
	clear(p.approvals)
	if p.number > 0 {
		done = p.world.mutate(derive(p.seed, chanceOfWorld, p.number))
	}
	before := p.wanted
	if err = p.world.expected(filepath.Join(p.dir, "expected")); err != nil {
		return done, err
	}
	if p.wanted, err = rendered(p.omniops, filepath.Join(p.dir, "expected")); err != nil {
		return done, err
	}
	for name, it := range before {
		if p.wanted[name] == nil && !p.world.leaving[clusterOf(it)] {
			p.audit.mayGo[name] = true
		}
	}
	if p.number == 0 {
		return done, nil
	}
	return done, p.world.commit()
}

func clusterOf(d *document) string {
	switch d.Metadata.Type {
	case "Clusters.omni.sidero.dev":
		return d.Metadata.ID
	case markType:
		return strings.TrimPrefix(d.Metadata.ID, markID)
	}
	return d.Metadata.Labels["omni.sidero.dev/cluster"]
}

// disturb lets the proxy storm for a while, and kills who is in the way.
func (p *proof) disturb() error {
	const longest, step = 900 * time.Millisecond, 150 * time.Millisecond
	c := derive(p.seed, chanceOfRound, p.number)
	p.proxy.storms.Store(true)
	defer p.proxy.calm()
	for end := time.Now().Add(100*time.Millisecond + c.upTo(longest)); time.Now().Before(end); {
		time.Sleep(c.upTo(step))
		if !p.agent.alive() {
			return errors.New("the agent ended by itself: " + p.agent.log)
		}
		var err error
		switch which := c.below(8); {
		case which < 2:
			p.serverKills++
			err = revive(p.server, c.upTo(step))
		case which < 3:
			p.agentKills++
			err = revive(p.agent, c.upTo(step))
		}
		if err != nil {
			return err
		}
		p.approve()
	}
	return nil
}

func revive(victim mortal, after time.Duration) error {
	err := victim.kill()
	time.Sleep(after)
	return errors.Join(err, victim.start())
}

// settle waits until Omni is what Git says.
func (p *proof) settle() error {
	began := time.Now()
	var wrong []string
	for time.Since(began) < patience {
		if !p.agent.alive() {
			return errors.New("the agent ended by itself: " + p.agent.log)
		}
		p.approve()
		if wrong = p.unsettled(); len(wrong) == 0 {
			there, err := p.server.read()
			if err != nil {
				return err
			}
			if faults := p.audit.check(); len(faults) > 0 {
				return errors.New(strings.Join(faults, "\n"))
			}
			if wrong = difference(p.wanted, there); len(wrong) == 0 {
				return p.settled(there, time.Since(began))
			}
		}
		time.Sleep(50 * time.Millisecond)
	}
	wrong = append(wrong, p.audit.check()...)
	for name := range p.world.leaving {
		s := p.status(name)
		wrong = append(wrong, fmt.Sprintf("to be approved: %s is %q, plan %s: %s", name, s.State, s.Plan.Hash, s.Message))
	}
	return fmt.Errorf("after %s Omni is not what Git says, or the agent does not say so:\n%s", patience, strings.Join(wrong, "\n"))
}

func (p *proof) settled(there content, took time.Duration) error {
	if again := madeAgain(p.there, there); len(again) > 0 {
		return errors.New(strings.Join(again, "\n"))
	}
	p.slowest, p.waited = max(p.slowest, took), p.waited+took
	p.there = there
	clear(p.world.leaving)
	return nil
}

// --- what the agent says ------------------------------------------------------------------------------------------------

type status struct {
	State, Message string

	Plan struct{ Hash string }
}

func (p *proof) status(cluster string) (s status) {
	if text, err := os.ReadFile(filepath.Join(p.dir, "status", "main."+cluster+".json")); err == nil {
		_ = json.Unmarshal(text, &s)
	}
	return s
}

// unsettled lists clusters of which the agent does not say what is true.
func (p *proof) unsettled() (lines []string) {
	expect := func(name, wanted string) {
		if is := p.status(name).State; is != wanted {
			lines = append(lines, fmt.Sprintf("the agent says that %s is %s, not %s", name, is, wanted))
		}
	}
	for name := range p.world.clusters {
		expect(name, "InSync")
	}
	for name := range p.world.kept {
		expect(name, "Held")
	}
	return lines
}

// approve lets go what may go, by what a person does: past the proxy, with the hash that the agent shows.
func (p *proof) approve() {
	for name := range p.world.leaving {
		s := p.status(name)
		key := name + " " + s.Plan.Hash
		if s.State != "Held" || time.Since(p.approvals[key]) < 3*time.Second {
			continue
		}
		if p.allow(name) != nil {
			continue
		}
		command := exec.Command(p.omniops, append([]string{"approve", name, s.Plan.Hash}, p.flags(p.server.endpoint, p.server.humansKey)...)...)
		if command.Run() != nil {
			continue
		}
		p.approvals[key] = time.Now()
		p.approved++
	}
}

// allow notes that what belongs to a cluster now may go.
func (p *proof) allow(cluster string) error {
	if p.audit.path == "" {
		return nil
	}
	there, err := p.server.read()
	for name, it := range there {
		if clusterOf(it) == cluster {
			p.audit.mayGo[name] = true
		}
	}
	return err
}

func (p *proof) report(to io.Writer) {
	fmt.Fprintf(to, "seed %d: %d rounds in %.0f s; agent killed %d times, server %d times; %d plans approved\n", p.seed, p.rounds,
		time.Since(p.began).Seconds(), p.agentKills, p.serverKills, p.approved)
	fmt.Fprintf(to, "until Omni was what Git says: %.2f s on average, %.2f s at most\n",
		p.waited.Seconds()/float64(p.rounds+1), p.slowest.Seconds())
	if p.audit.path != "" {
		fmt.Fprintf(to, "%d changes in the journal; the most of one resource by the agent in one round: %d (%s)\n", p.audit.changes,
			p.audit.most, p.audit.mostOf)
	}
	fmt.Fprintf(to, "faults: %s\n", &p.proxy.faults)
}
