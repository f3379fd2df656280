// Signatures made by our C code, verified by the library that an Omni server verifies them with.
//
//	signature -n 2000 -seed 1 -keep DIR SIGN-PROGRAM
//
// -keep writes one public key, payload and signature of every kind, for other verifiers. With -make KIND it prints the
// text of one new key instead.
package main

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"math/rand"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp/packet"
	"github.com/siderolabs/go-api-signature/pkg/message"
	"google.golang.org/grpc/metadata"
)

var methods = []string{
	"/cosi.resource.State/Get", "/cosi.resource.State/List", "/cosi.resource.State/Watch", "/cosi.resource.State/Create",
	"/management.ManagementService/Kubeconfig", "/omni.resources.ResourceService/List", "/a/B",
}

var names = []string{"authorization", "cluster", "context", "namespace", "nodes", "runtime", "selectors", "uid", "user-agent", "node"}

var values = []string{"demo", "a", "default", "10.0.0.1", "app in (x,y)", `say "hi" \ there`, "a<b>&c", "bürö", "😀 x", "\u2028", "Talos"}

// signer is the C side.
type signer struct {
	in  io.Writer
	out *bufio.Reader
}

func start(program string) (*signer, error) {
	command := exec.Command(program)
	command.Stderr = os.Stderr
	in, err := command.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := command.StdoutPipe()
	if err != nil {
		return nil, err
	}
	return &signer{in, bufio.NewReader(out)}, command.Start()
}

// request is what is signed.
type request struct {
	key     *key
	seconds int64
	method  string
	headers [][2]string
}

func (s *signer) sign(r request) ([]string, error) {
	line := fmt.Sprintf("%s\t%d\t%s", r.key.text, r.seconds, r.method)
	for _, header := range r.headers {
		line += "\t" + header[0] + "=" + header[1]
	}
	if _, err := io.WriteString(s.in, line+"\n"); err != nil {
		return nil, err
	}
	answer, err := s.out.ReadString('\n')
	if err != nil {
		return nil, err
	}
	fields := strings.Split(strings.TrimSuffix(answer, "\n"), "\t")
	if len(fields) != 3 {
		return nil, fmt.Errorf("refused: %s", answer)
	}
	return fields, nil
}

func randomRequest(random *rand.Rand, keys []*key) request {
	r := request{key: keys[random.Intn(len(keys))], method: methods[random.Intn(len(methods))]}
	r.seconds = time.Now().Unix() + int64(random.Intn(580)) - 290
	for i := random.Intn(5); i > 0; i-- {
		r.headers = append(r.headers, [2]string{names[random.Intn(len(names))], values[random.Intn(len(values))]})
	}
	return r
}

func (r request) metadata(fields []string) metadata.MD {
	md := metadata.MD{}
	for _, header := range r.headers {
		md.Append(header[0], header[1])
	}
	md.Append(message.TimestampHeaderKey, fields[0])
	md.Append(message.PayloadHeaderKey, fields[1])
	md.Append(message.SignatureHeaderKey, fields[2])
	return md
}

// What the library would have written, where it leaves every byte as it is.
func (r request) samePayload(md metadata.MD, payload string) error {
	wanted, err := json.Marshal(message.BuildGRPCPayload(md, r.method))
	if err != nil {
		return err
	}
	for _, header := range r.headers {
		for _, c := range header[1] {
			if c > 0x7e {
				return nil
			}
		}
	}
	if string(wanted) != payload {
		return fmt.Errorf("the payload is\n%s, not\n%s", payload, wanted)
	}
	return nil
}

// verify is what a server does, and what it must not accept.
func (r request) verify(fields []string) error {
	md := r.metadata(fields)
	if err := message.NewGRPC(md, r.method).VerifySignature(r.key.verifier); err != nil {
		return err
	}
	signature, err := message.NewGRPC(md, r.method).Signature()
	if err != nil {
		return err
	}
	if signature.Identity != r.key.name || signature.KeyFingerprint != r.key.verifier.Fingerprint() {
		return fmt.Errorf("identity %q, fingerprint %q", signature.Identity, signature.KeyFingerprint)
	}
	if message.NewGRPC(md, r.method+"x").VerifySignature(r.key.verifier) == nil {
		return fmt.Errorf("it is good for another method, too: this check cannot fail")
	}
	changed := md.Copy()
	changed.Set(message.PayloadHeaderKey, strings.Replace(fields[1], "{", "{ ", 1))
	if message.NewGRPC(changed, r.method).VerifySignature(r.key.verifier) == nil {
		return fmt.Errorf("it is good for other bytes, too: this check cannot fail")
	}
	return r.samePayload(md, fields[1])
}

func keep(dir string, r request, fields []string) error {
	armored, err := r.key.private.GetArmoredPublicKey()
	if err != nil {
		return err
	}
	encoded := fields[2][strings.LastIndex(fields[2], " ")+1:]
	for suffix, content := range map[string]string{".asc": armored, ".payload": fields[1], ".sig.base64": encoded} {
		if err := os.WriteFile(filepath.Join(dir, r.key.kind+suffix), []byte(content), 0o600); err != nil {
			return err
		}
	}
	return nil
}

func run(program, dir string, count int, seed int64) error {
	random := rand.New(rand.NewSource(seed))
	var keys []*key
	for i := range 4 * len(kinds) {
		k := kinds[i%len(kinds)]
		if k.bits > 2048 && i >= len(kinds) {
			continue
		}
		made, err := newKey(k, i)
		if err != nil {
			return err
		}
		keys = append(keys, made)
	}
	side, err := start(program)
	if err != nil {
		return err
	}
	verified := map[string]int{}
	for range count {
		r := randomRequest(random, keys)
		fields, err := side.sign(r)
		if err == nil {
			err = r.verify(fields)
		}
		if err != nil {
			return fmt.Errorf("%s %s %q at %d (now %d): %w", r.key.name, r.method, r.headers, r.seconds, time.Now().Unix(), err)
		}
		if verified[r.key.kind]++; dir != "" && verified[r.key.kind] == 1 {
			if err := keep(dir, r, fields); err != nil {
				return err
			}
		}
	}
	fmt.Println("verified", count, verified)
	return nil
}

func printKey(name string) error {
	extra := append(kinds, kind{name: "v6", algorithm: packet.PubKeyAlgoEd25519, v6: true}, kind{name: "rsa1024", algorithm: packet.PubKeyAlgoRSA, bits: 1024})
	for _, k := range extra {
		if k.name != name {
			continue
		}
		_, text, err := fromLibrary("ci")
		if k.algorithm != 0 {
			_, text, err = k.generate("ci")
		}
		fmt.Println(text)
		return err
	}
	return fmt.Errorf("no kind of keys is %q", name)
}

func main() {
	count := flag.Int("n", 2000, "signatures")
	seed := flag.Int64("seed", 1, "of the requests")
	dir := flag.String("keep", "", "directory for one signature of every kind")
	make := flag.String("make", "", "print a key of this kind")
	flag.Parse()
	err := error(nil)
	if *make != "" {
		err = printKey(*make)
	} else {
		err = run(flag.Arg(0), *dir, *count, *seed)
	}
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
}
