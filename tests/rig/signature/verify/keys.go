// Keys as Omni's own tooling writes them, and as people bring them along.
package main

import (
	"crypto"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp/packet"
	openpgp "github.com/ProtonMail/go-crypto/openpgp/v2"
	pgpcrypto "github.com/ProtonMail/gopenpgp/v3/crypto"
	"github.com/siderolabs/go-api-signature/pkg/pgp"
	"github.com/siderolabs/go-api-signature/pkg/serviceaccount"
)

// key is one account: the text that is given to the C side, and what verifies.
type key struct {
	kind, name, text string
	verifier         *pgp.Key
	private          *pgpcrypto.Key
}

// kind is a way to make a key. Those with a zero count are made for the refusals only.
type kind struct {
	name      string
	algorithm packet.PublicKeyAlgorithm
	bits      int
	v6        bool
	subkey    bool // the primary key certifies only, a subkey signs
	crc       bool // the armour has its check sum
}

var kinds = []kind{
	{name: "omni"}, // GenerateKey of Omni's library, as omnictl calls it
	{name: "eddsa", algorithm: packet.PubKeyAlgoEdDSA, crc: true},
	{name: "ed25519", algorithm: packet.PubKeyAlgoEd25519},
	{name: "rsa2048", algorithm: packet.PubKeyAlgoRSA, bits: 2048, crc: true},
	{name: "rsa4096", algorithm: packet.PubKeyAlgoRSA, bits: 4096},
	{name: "subkey", algorithm: packet.PubKeyAlgoEdDSA, subkey: true},
}

// made is when keys are made: long enough ago for every time within Omni's five minutes.
var made = time.Now().Add(-time.Hour)

func (k kind) entity(name string) (*openpgp.Entity, error) {
	config := &packet.Config{
		Algorithm: k.algorithm, RSABits: k.bits, V6Keys: k.v6, DefaultHash: crypto.SHA256,
		KeyLifetimeSecs: 86400, SigLifetimeSecs: 86400,
		Time: func() time.Time { return made },
	}
	entity, err := openpgp.NewEntity(name, "linux/amd64", name+"@serviceaccount.omni.sidero.dev", config)
	if err != nil || !k.subkey {
		return entity, err
	}
	for _, identity := range entity.Identities {
		for _, certification := range identity.SelfCertifications {
			certification.Packet.FlagSign = false
			if err := certification.Packet.SignUserId(identity.Name, entity.PrimaryKey, entity.PrivateKey, config); err != nil {
				return nil, err
			}
		}
	}
	return entity, entity.AddSigningSubkey(config)
}

func (k kind) generate(name string) (*pgpcrypto.Key, string, error) {
	entity, err := k.entity(name)
	if err != nil {
		return nil, "", err
	}
	private, err := pgpcrypto.NewKeyFromEntity(entity)
	if err != nil {
		return nil, "", err
	}
	armored, err := private.Armor()
	if k.crc {
		armored, err = private.ArmorWithCustomHeaders("https://gopenpgp.org", "GopenPGP 2.9.0")
	}
	if err != nil {
		return nil, "", err
	}
	text, err := json.Marshal(serviceaccount.JSON{Name: name, PGPKey: armored})
	return private, base64.StdEncoding.EncodeToString(text), err
}

// fromLibrary is a key that nothing but Omni's library touched.
func fromLibrary(name string) (*pgpcrypto.Key, string, error) {
	generated, err := pgp.GenerateKey(name, "linux/amd64", name+"@serviceaccount.omni.sidero.dev", 24*time.Hour)
	if err != nil {
		return nil, "", err
	}
	text, err := serviceaccount.Encode(name, generated)
	if err != nil {
		return nil, "", err
	}
	armored, err := generated.Armor()
	if err != nil {
		return nil, "", err
	}
	private, err := pgpcrypto.NewKeyFromArmored(armored)
	return private, text, err
}

func newKey(k kind, number int) (*key, error) {
	name := fmt.Sprintf("%s-%d", k.name, number)
	private, text, err := fromLibrary(name)
	if k.algorithm != 0 {
		private, text, err = k.generate(name)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	public, err := private.ToPublic()
	if err != nil {
		return nil, err
	}
	verifier, err := pgp.NewKey(public)
	if err != nil {
		return nil, err
	}
	if _, err := serviceaccount.Decode(text); err != nil {
		return nil, fmt.Errorf("%s: the library refuses its own key: %w", name, err)
	}
	return &key{kind: k.name, name: name, text: text, verifier: verifier, private: private}, nil
}
