package machines

import "time"

// How long things take with emulated machines on an idle server: five machines are ready within two seconds, Kubernetes
// within five. Real ones take about sixty times as long.
const (
	reacting       = 10 * time.Millisecond  // from a write to the first change of a status
	noticing       = 100 * time.Millisecond // from a new machine set to its nodes: until then it looks empty
	enlisting      = 100 * time.Millisecond // from a node to a member of the cluster
	joining        = 300 * time.Millisecond
	configuring    = 200 * time.Millisecond
	installing     = 500 * time.Millisecond
	rebooting      = 100 * time.Millisecond
	booting        = 300 * time.Millisecond
	upgrading      = 600 * time.Millisecond
	reconfiguring  = 200 * time.Millisecond
	lingering      = 100 * time.Millisecond // a machine that is to go, before it is told
	resetting      = 600 * time.Millisecond
	provisioning   = 1500 * time.Millisecond
	deprovisioning = 400 * time.Millisecond
	retrying       = 2 * time.Second
	podsUnseen     = 1300 * time.Millisecond // ready, but nothing is known of Kubernetes yet
	podsStarting   = 1200 * time.Millisecond
	imagesPulling  = 200 * time.Millisecond
	podRestarting  = 100 * time.Millisecond
)

// paced is how long something takes here.
func (p *Play) paced(d time.Duration) time.Duration { return time.Duration(float64(d) * p.pace) }

// due says whether a moment has come, and otherwise sees to it that it is looked at then.
func (p *Play) due(t time.Time) bool {
	if !p.now.Before(t) {
		return true
	}
	if p.next.IsZero() || t.Before(p.next) {
		p.next = t
	}
	return false
}
