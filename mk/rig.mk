# Servers for people, the same that the tests start. RIG_FLAGS are passed on: make rig-cosi RIG_FLAGS='-tls -clusters 100'
.PHONY: rig-omni rig-cosi rig-kube
rig-omni: ## a real Omni server until Ctrl-C, in a namespace of its own; the first build takes minutes
	@scripts/setup.sh rig
	@B='$(B)' tests/rig/omni/up $(RIG_FLAGS)

rig-cosi: ## Omni's store and signatures with machines and faults on demand, until Ctrl-C
	@scripts/setup.sh rig
	@B='$(B)' tests/rig/cosi/up $(RIG_FLAGS)

rig-kube: ## a real Kubernetes API server with our kinds, and a proxy with faults, until Ctrl-C; the first build takes minutes
	@scripts/setup.sh rig
	@B='$(B)' tests/rig/kube/up $(RIG_FLAGS)
