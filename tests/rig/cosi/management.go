package main

import (
	"context"
	"fmt"
	"time"

	"github.com/siderolabs/omni/client/api/omni/management"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

const (
	maxTTL     = 10 * 365 * 24 * time.Hour
	proxyURL   = "https://127.0.0.1:8095"
	apiURL     = "https://127.0.0.1:8099"
	oidcFormat = `apiVersion: v1
kind: Config
clusters:
  - cluster:
      server: %[1]s
    name: %[2]s
contexts:
  - context:
      cluster: %[2]s
      namespace: default
      user: %[2]s-%[3]s
    name: %[2]s
current-context: %[2]s
users:
- name: %[2]s-%[3]s
  user:
    exec:
      apiVersion: client.authentication.k8s.io/v1
      args:
        - oidc-login
        - get-token
      command: kubectl
      env: null
`
	tokenFormat = `apiVersion: v1
clusters:
- cluster:
%[4]s    server: %[1]s
  name: %[2]s
contexts:
- context:
    cluster: %[2]s
    namespace: default
    user: %[2]s
  name: %[2]s
current-context: %[2]s
kind: Config
users:
- name: %[2]s
  user:
    token: %[3]s
`
	talosFormat = `context: %[1]s
contexts:
    %[1]s:
        endpoints:
            - %[2]s
        auth:
            siderov1:
                identity: %[3]s
`
)

type roleKey struct{}

// manager hands out configurations as Omni does: its checks, their order and their texts. The tokens let nobody in, unless
// there is an API server behind the proxy.
type manager struct {
	management.UnimplementedManagementServiceServer
	store *store
	proxy *proxy
}

func needs(ctx context.Context, need role) error {
	if has, _ := ctx.Value(roleKey{}).(role); has < need {
		return status.Errorf(codes.PermissionDenied, "unauthorized: access denied: insufficient role: %q", has)
	}
	return nil
}

// clusterOf is the header; both given, this one wins.
func clusterOf(ctx context.Context) string {
	md, _ := metadata.FromIncomingContext(ctx)
	for _, name := range []string{"cluster", "context"} {
		if values := md.Get(name); len(values) > 0 && values[0] != "" {
			return values[0]
		}
	}
	return ""
}

func (m *manager) Kubeconfig(ctx context.Context, r *management.KubeconfigRequest) (*management.KubeconfigResponse, error) {
	if err := needs(ctx, roleReader); err != nil {
		return nil, err
	}
	cluster, who := clusterOf(ctx), ctx.Value(accountKey{}).(string)
	if cluster == "" {
		return nil, status.Error(codes.InvalidArgument, "cluster name is not in context")
	}
	if r.BreakGlass {
		return nil, status.Error(codes.PermissionDenied, "not allowed")
	}
	if !r.ServiceAccount {
		return &management.KubeconfigResponse{Kubeconfig: fmt.Appendf(nil, oidcFormat, m.proxy.url, "rig-"+cluster, who)}, nil
	}
	token, err := m.token(ctx, cluster, r)
	if err != nil {
		return nil, err
	}
	name := "rig-" + cluster + "-" + r.ServiceAccountUser
	return &management.KubeconfigResponse{Kubeconfig: fmt.Appendf(nil, tokenFormat, m.proxy.url, name, token, m.proxy.authority())}, nil
}

func (m *manager) token(ctx context.Context, cluster string, r *management.KubeconfigRequest) (string, error) {
	if err := needs(ctx, roleOperator); err != nil {
		return "", err
	}
	ttl := r.ServiceAccountTtl.AsDuration()
	switch {
	case r.ServiceAccountUser == "":
		return "", status.Error(codes.InvalidArgument, "service account user name is not set")
	case r.ServiceAccountTtl == nil:
		return "", status.Error(codes.InvalidArgument, "service account ttl is not set")
	case ttl <= 0:
		return "", status.Error(codes.InvalidArgument, "service account ttl is must be positive")
	case ttl > maxTTL:
		return "", status.Errorf(codes.InvalidArgument, "service account ttl is too long (max allowed: %s)", maxTTL)
	}
	found, err := m.store.state.Get(ctx, clusterPointer(cluster))
	if err != nil {
		return "", status.Errorf(codes.Unknown,
			"failed to get cluster UUID: failed to get: resource ClusterUUIDs.omni.sidero.dev(default/%s@undefined) doesn't exist", cluster)
	}
	now := time.Now()
	return m.proxy.sign(claims{
		Subject: r.ServiceAccountUser, Groups: r.ServiceAccountGroups, Cluster: cluster, UUID: uuidOf(found),
		Issued: now.Unix(), Expires: now.Add(ttl).Unix(),
	})
}

func (m *manager) Talosconfig(ctx context.Context, r *management.TalosconfigRequest) (*management.TalosconfigResponse, error) {
	if err := needs(ctx, roleReader); err != nil {
		return nil, err
	}
	if r.BreakGlass || r.Raw {
		return nil, status.Error(codes.PermissionDenied, "not allowed")
	}
	name, cluster := "rig", clusterOf(ctx)
	if cluster != "" {
		name += "-" + cluster
	}
	text := fmt.Appendf(nil, talosFormat, name, apiURL, ctx.Value(accountKey{}))
	if cluster != "" {
		text = fmt.Appendf(text, "        cluster: %s\n", cluster)
	}
	return &management.TalosconfigResponse{Talosconfig: text}, nil
}
