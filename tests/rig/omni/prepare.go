package main

import (
	stdx509 "crypto/x509"
	_ "embed"
	"net"
	"os"
	"path/filepath"
	"text/template"
	"time"

	"github.com/ProtonMail/gopenpgp/v3/crypto"
	"github.com/siderolabs/crypto/x509"
)

//go:embed config.yaml
var configTemplate string

// prepare writes what Omni reads: its configuration, its certificate, and the OpenPGP key that encrypts its etcd.
func prepare(o options) error {
	for _, dir := range []string{"state", "state/omnictl"} { // it wants a folder of clients to offer, even an empty one
		if err := os.MkdirAll(filepath.Join(o.dir, dir), 0o700); err != nil {
			return err
		}
	}
	if err := writeCertificate(o.dir); err != nil {
		return err
	}
	if err := writeStorageKey(filepath.Join(o.dir, "omni.asc")); err != nil {
		return err
	}
	t, err := template.New("config").Parse(configTemplate)
	if err != nil {
		return err
	}
	out, err := os.Create(filepath.Join(o.dir, "config.yaml"))
	if err != nil {
		return err
	}
	defer out.Close()
	return t.Execute(out, map[string]any{"Dir": o.dir, "Cleartext": o.cleartext, "EULA": !o.noEULA, "Stub": stubAddress})
}

func writeCertificate(dir string) error {
	lifetime := x509.NotAfter(time.Now().Add(24 * time.Hour))
	ca, err := x509.NewSelfSignedCertificateAuthority(x509.ECDSA(true), x509.Organization("rig CA"), lifetime)
	if err != nil {
		return err
	}
	pair, err := x509.NewKeyPair(ca, x509.CommonName("127.0.0.1"), lifetime,
		x509.IPAddresses([]net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback}), x509.DNSNames([]string{"localhost"}),
		x509.KeyUsage(stdx509.KeyUsageDigitalSignature), x509.ExtKeyUsage([]stdx509.ExtKeyUsage{stdx509.ExtKeyUsageServerAuth}))
	if err != nil {
		return err
	}
	for name, data := range map[string][]byte{"ca.pem": ca.CrtPEM, "tls.pem": pair.CrtPEM, "tls.key": pair.KeyPEM} {
		if err = os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			return err
		}
	}
	return nil
}

// writeStorageKey makes a key with an encryption subkey, without a passphrase.
func writeStorageKey(path string) error {
	key, err := crypto.PGP().KeyGeneration().AddUserId("rig", "rig@example.invalid").New().GenerateKey()
	if err != nil {
		return err
	}
	text, err := key.Armor()
	if err != nil {
		return err
	}
	return os.WriteFile(path, []byte(text), 0o600)
}
