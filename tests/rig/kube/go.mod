module omniops/tests/rig/kube

go 1.26.0
