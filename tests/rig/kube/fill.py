#!/usr/bin/env python3
"""A fleet in an API server's store in seconds: fill.py ETCD-URL CLUSTERS. Each cluster is 25 custom resources of ours with
spec, status and managed fields, in ten namespaces, as an operator would have left them. The API server must not run: many
of them have one resource version, and whoever watches would miss some."""
import base64
import json
import sys
import urllib.request
import uuid

GROUP = "omni.texashpc.com"
WHEN = "2026-03-04T05:06:07Z"


def condition(kind, reason, message):
    return {"type": kind, "status": "True", "observedGeneration": 2, "reason": reason, "message": message, "lastTransitionTime": WHEN}


def status(name):
    return {"observedGeneration": 2, "clusterRef": name, "conditions": [
        condition("Accepted", "Accepted", f"it is part of the cluster {name}, which the connection main leads to"),
        condition("Synced", "InSync", f"Omni holds what is declared of {name}, seen at {WHEN}"),
        condition("Ready", "Ready", "everything that was declared is there and is healthy")]}


def machine(cluster, i):
    zone, host = int(cluster[-5:]), f"{cluster}-{i:02}"
    return {"clusterRef": {"name": cluster}, "machineID": str(uuid.uuid4()), "patches": [{"name": "network", "inline": {"machine": {
        "network": {"hostname": host, "nameservers": ["10.0.0.53", "10.0.1.53"], "interfaces": [{
            "interface": "eth0", "addresses": [f"10.{zone % 250}.{zone // 250}.{i + 10}/24"],
            "routes": [{"network": "0.0.0.0/0", "gateway": f"10.{zone % 250}.{zone // 250}.1"}]}]},
        "nodeLabels": {"topology.kubernetes.io/zone": f"store-{zone}"},
        "install": {"disk": "/dev/nvme0n1"}, "time": {"servers": ["10.0.0.123"]}}}}]}


def objects(number):
    cluster, labels = f"edge-{number:05}", {"app.kubernetes.io/instance": f"edge-{number:05}"}
    yield "OmniCluster", "omniclusters", cluster, labels, {
        "connectionRef": {"name": "main"}, "kubernetes": {"version": "v1.35.1"}, "talos": {"version": "v1.13.3"},
        "features": {"diskEncryption": True}, "labels": labels}
    yield "OmniControlPlane", "omnicontrolplanes", cluster, labels, {
        "clusterRef": {"name": cluster}, "machines": [str(uuid.uuid4()) for _ in range(3)],
        "systemExtensions": ["siderolabs/iscsi-tools", "siderolabs/util-linux-tools"]}
    for i in range(3):
        yield "OmniWorkers", "omniworkers", f"{cluster}-w{i}", labels, {
            "clusterRef": {"name": cluster}, "workerSetName": f"w{i}", "machines": [str(uuid.uuid4()) for _ in range(6)]}
    for i in range(20):
        yield "OmniMachine", "omnimachines", f"{cluster}-m{i:02}", labels, machine(cluster, i)


def stored(number):
    for kind, plural, name, labels, spec in objects(number):
        ns = f"fleet-{number % 10}"
        managed = [{"manager": manager, "operation": "Apply", "apiVersion": f"{GROUP}/v1alpha1", "time": WHEN, "fieldsType": "FieldsV1",
                    "fieldsV1": {"f:" + key: {} for key in [*spec, "metadata", "conditions", "observedGeneration"]}}
                   for manager in ("kustomize-controller", "omniops")]
        value = {"apiVersion": f"{GROUP}/v1alpha1", "kind": kind, "spec": spec, "status": status(f"edge-{number:05}"), "metadata": {
            "name": name, "namespace": ns, "uid": str(uuid.uuid4()), "generation": 2, "creationTimestamp": WHEN, "labels": labels,
            "finalizers": [f"{GROUP}/finalizer"] if kind == "OmniCluster" else [], "managedFields": managed}}
        yield f"/registry/{GROUP}/{plural}/{ns}/{name}", json.dumps(value, separators=(",", ":"))


def encoded(text):
    return base64.b64encode(text.encode()).decode()


def put(etcd, pairs):
    puts = [{"requestPut": {"key": encoded(key), "value": encoded(value)}} for key, value in pairs]
    urllib.request.urlopen(f"{etcd}/v3/kv/txn", json.dumps({"success": puts}).encode(), timeout=60).read()


etcd, clusters = sys.argv[1], int(sys.argv[2])
count = size = 0
for begin in range(0, clusters, 5):
    pairs = [pair for number in range(begin, min(begin + 5, clusters)) for pair in stored(number)]
    put(etcd, pairs)
    count += len(pairs)
    size += sum(len(value) for _, value in pairs)
print(f"{count} objects, {size // max(count, 1)} bytes each")
