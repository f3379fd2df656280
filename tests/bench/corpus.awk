# The corpus of the bench: COUNT clusters of 24 documents (about 14 MB for 1,000), one file each, the same on every run.
#
#   awk -v dir=DIR -v count=1000 -f tests/bench/corpus.awk
#
# With -v machines=20 -v disks=no: 20 machines without an install disk, which come to 44 resources instead of 67.
function head(kind, name) {
	printf "apiVersion: omni.texashpc.com/v1alpha1\nkind: %s\nmetadata:\n  name: %s\n  namespace: fleet\nspec:\n", kind, name > file
}

function machine_id(i, j) {
	return sprintf("%08x-%04x-4111-8111-111111111111", i, j)
}

function cluster(i) {
	head("OmniCluster", name)
	printf "  connectionRef:\n    name: main\n  labels:\n    env: prod\n    site: site-%d\n  kubernetes:\n    version: v1.35.0\n", i % 50 > file
	printf "  talos:\n    version: v1.13.2\n  features:\n    enableWorkloadProxy: true\n  patches:\n    - name: sysctl\n" > file
	printf "      inline:\n        machine:\n          sysctls:\n            vm.max_map_count: \"262144\"\n          kubelet:\n" > file
	printf "            extraArgs:\n              rotate-server-certificates: true\n            extraConfig:\n" > file
	printf "              maxPods: 250\n          files:\n            - content: |\n                [plugins]\n" > file
	printf "                  x = 1\n              path: /etc/cri/conf.d/20-customization.part\n              op: create\n" > file
}

function set(i, kind, suffix, from, to,    j) {
	printf "---\n" > file
	head(kind, name suffix)
	printf "  clusterRef:\n    name: %s\n  machines:\n", name > file
	for (j = from; j < to; j++)
		printf "    - %s\n", machine_id(i, j) > file
}

function machine(i, j) {
	printf "---\n" > file
	head("OmniMachine", name "-m" j)
	printf "  clusterRef:\n    name: %s\n  machineID: %s\n", name, machine_id(i, j) > file
	if (disks != "no")
		printf "  install:\n    disk: /dev/nvme0n1\n" > file
	printf "  patches:\n" > file
	printf "    - name: hostname\n      inline:\n        machine:\n          network:\n            hostname: %s-m%d\n", name, j > file
	printf "            interfaces:\n              - interface: eth0\n                addresses:\n" > file
	printf "                  - 10.%d.%d.10/24\n                routes:\n                  - network: 0.0.0.0/0\n", i % 250, j > file
	printf "                    gateway: 10.%d.%d.1\n", i % 250, j > file
}

BEGIN {
	if (machines == "")
		machines = 21
	for (i = 0; i < count; i++) {
		name = sprintf("edge-%04d", i)
		file = dir "/" name ".yaml"
		cluster(i)
		set(i, "OmniControlPlane", "-cp", 0, 3)
		set(i, "OmniWorkers", "-w", 3, machines)
		for (j = 0; j < machines; j++)
			machine(i, j)
		close(file)
	}
}
