package main

import (
	"context"
	"log"
	"path"
	"strconv"
	"time"

	"github.com/cosi-project/runtime/pkg/resource/meta"
	"github.com/siderolabs/go-api-signature/pkg/message"
	"github.com/siderolabs/omni/client/pkg/omni/resources/omni"
	"github.com/siderolabs/omni/client/pkg/omni/resources/system"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

// allowedSkew is what Omni allows between a request's timestamp and its own clock.
const allowedSkew = 5 * time.Minute

// gate stands between the wire and the state: it knows who calls, what was called, and what shall go wrong.
type gate struct {
	accounts map[string]account
	clock    time.Duration
	faults   faults
	calls    calls
	watches  watches
}

func newGate(accounts map[string]account, clock time.Duration) *gate {
	g := &gate{accounts: accounts, clock: clock}
	g.faults.reset()
	g.calls.reset()
	return g
}

// authenticate tells who signed, as Omni does: the true reason of a refusal is in the log only.
func (g *gate) authenticate(ctx context.Context, method string) (account, error) {
	refuse := func(why string) (account, error) {
		log.Printf("%s refused: %s", path.Base(method), why)
		return account{}, status.Error(codes.Unauthenticated, "invalid signature")
	}
	md, _ := metadata.FromIncomingContext(ctx)
	call := message.NewGRPC(md, method)
	signature, err := call.Signature()
	if err != nil {
		return refuse(err.Error())
	}
	who, known := g.accounts[signature.KeyFingerprint]
	if !known {
		return refuse("unknown key " + signature.KeyFingerprint)
	}
	if why := g.skew(md); why != "" {
		return refuse(why)
	}
	if err = call.VerifySignature(who.key); err != nil {
		return refuse(err.Error())
	}
	return who, nil
}

// skew holds the timestamp against this server's clock; the library compares it with the machine's.
func (g *gate) skew(md metadata.MD) string {
	stamps := md.Get(message.TimestampHeaderKey)
	if g.clock == 0 || len(stamps) == 0 {
		return ""
	}
	seconds, err := strconv.ParseInt(stamps[0], 10, 64)
	if err != nil {
		return err.Error()
	}
	if away := g.now().Sub(time.Unix(seconds, 0)); away.Abs() > allowedSkew {
		return "the clocks are " + away.String() + " apart"
	}
	return ""
}

func (g *gate) now() time.Time { return time.Now().Add(g.clock) }

// What a role needs for a method; everything else is reading.
var writing = map[string]string{
	"Create": "create", "Update": "update", "Destroy": "destroy", "Teardown": "destroy", "TeardownAndDestroy": "destroy",
}

// What looks at roles itself.
var managing = map[string]bool{"Kubeconfig": true, "Talosconfig": true}

// What everybody may read who has a key.
var readableByAll = map[string]bool{
	system.SysVersionType: true, omni.TalosVersionType: true, omni.FeaturesConfigType: true, omni.NotificationType: true,
	meta.ResourceDefinitionType: true,
}

func authorize(who account, method string, c call) error {
	need := roleReader
	if managing[method] {
		return nil
	}
	if writing[method] != "" {
		need = roleOperator
	} else if readableByAll[c.kind] {
		need = roleNone
	}
	if who.role >= need {
		return nil
	}
	text := "unauthorized: access denied: insufficient role: \"" + who.role.String() + "\""
	return status.Error(codes.PermissionDenied, "failed to validate: 1 error occurred:\n\t* rpc error: code = PermissionDenied desc = "+
		text+"\n\n")
}
