module omniops/tests/rig/helm/server

go 1.26.0
