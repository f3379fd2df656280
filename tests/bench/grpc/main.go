// grpc-go beside our channel: `grpc serve DIR` is a server that both use (DIR/port, DIR/ca.pem); `grpc client DIR CALLERS
// CALLS` and `grpc list DIR MESSAGES BYTES` are what tests/rig/grpc/rate.c does, done by grpc-go.
package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/encoding"
)

type raw struct{}

func (raw) Name() string                   { return "proto" }
func (raw) Marshal(v any) ([]byte, error)  { return *v.(*[]byte), nil }
func (raw) Unmarshal(b []byte, v any) error { *v.(*[]byte) = append([]byte(nil), b...); return nil }

func must[T any](value T, err error) T {
	if err != nil {
		log.Fatal(err)
	}
	return value
}

func certificate(dir string) tls.Certificate {
	key := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "localhost"}, IPAddresses: []net.IP{net.ParseIP("127.0.0.1")},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature}
	der := must(x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key))
	must(0, os.WriteFile(filepath.Join(dir, "ca.pem"), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600))
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

func handle(_ any, stream grpc.ServerStream) error {
	var request []byte
	if err := stream.RecvMsg(&request); err != nil {
		return err
	}
	method, _ := grpc.MethodFromServerStream(stream)
	parts := strings.Split(method, "/") // /rig.Rig/List-COUNT-BYTES
	list := strings.Split(parts[len(parts)-1], "-")
	if list[0] != "List" {
		return stream.SendMsg(&request)
	}
	message := make([]byte, must(strconv.Atoi(list[2])))
	for range must(strconv.Atoi(list[1])) {
		if err := stream.SendMsg(&message); err != nil {
			return err
		}
	}
	return nil
}

func serve(dir string) {
	listener := must(net.Listen("tcp", "127.0.0.1:0"))
	server := grpc.NewServer(grpc.Creds(credentials.NewServerTLSFromCert(ptr(certificate(dir)))), grpc.UnknownServiceHandler(handle))
	must(0, os.WriteFile(filepath.Join(dir, "port"), fmt.Append(nil, listener.Addr().(*net.TCPAddr).Port), 0o600))
	go func() {
		io.Copy(io.Discard, os.Stdin)
		os.Exit(0)
	}()
	server.Serve(listener)
}

func ptr[T any](v T) *T { return &v }

func cpu() time.Duration {
	var usage syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &usage)
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

func report(what string, n int, start time.Time, used time.Duration) {
	took := time.Since(start)
	fmt.Printf("%s grpc-go %d %.0f/s %.1f us of CPU each\n", what, n, float64(n)/took.Seconds(), float64((cpu()-used).Microseconds())/float64(n))
}

func main() {
	encoding.RegisterCodec(raw{})
	dir, args := os.Args[2], os.Args[3:]
	if os.Args[1] == "serve" {
		serve(dir)
		return
	}
	port := string(must(os.ReadFile(filepath.Join(dir, "port"))))
	conn := must(grpc.NewClient("127.0.0.1:"+port, grpc.WithTransportCredentials(must(credentials.NewClientTLSFromFile(filepath.Join(dir, "ca.pem"), ""))),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(32<<20))))
	a, b := must(strconv.Atoi(args[0])), must(strconv.Atoi(args[1]))
	request, answer := make([]byte, 60), []byte{}
	must(0, conn.Invoke(context.Background(), "/rig.Rig/Echo", &request, &answer))
	start, used := time.Now(), cpu()
	if os.Args[1] == "list" {
		stream := must(conn.NewStream(context.Background(), &grpc.StreamDesc{ServerStreams: true}, fmt.Sprintf("/rig.Rig/List-%d-%d", a, b)))
		stream.SendMsg(&request)
		stream.CloseSend()
		n := 0
		for ; stream.RecvMsg(&answer) == nil; n++ {
		}
		report("list", n, start, used)
		return
	}
	var group sync.WaitGroup
	for range a {
		group.Go(func() {
			var answer []byte
			for range b {
				ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
				must(0, conn.Invoke(ctx, "/rig.Rig/Echo", &request, &answer))
				cancel()
			}
		})
	}
	group.Wait()
	report(fmt.Sprintf("%d callers", a), a*b, start, used)
}
