package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"strings"
	"time"
)

// openCertificate writes a certificate for clients to trust, and keeps its key beside it where the next server goes on.
func openCertificate(caFile string, keep bool) (*tls.Config, error) {
	keyFile := strings.TrimSuffix(caFile, "ca.pem") + "server.pem"
	if pair, err := tls.LoadX509KeyPair(caFile, keyFile); keep && err == nil {
		return &tls.Config{Certificates: []tls.Certificate{pair}}, nil
	}
	made, err := newCertificate(caFile)
	if err != nil || !keep {
		return made, err
	}
	key, err := x509.MarshalPKCS8PrivateKey(made.Certificates[0].PrivateKey)
	if err != nil {
		return nil, err
	}
	return made, writeWhole(keyFile, string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key})))
}

// newCertificate makes a certificate for loopback that is its own authority.
func newCertificate(caFile string) (*tls.Config, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: "cosi rig"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		IsCA: true, BasicConstraintsValid: true,
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback}, DNSNames: []string{"localhost"},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, err
	}
	if err = writeWhole(caFile, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))); err != nil {
		return nil, err
	}
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}, nil
}
