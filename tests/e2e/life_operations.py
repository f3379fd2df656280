#!/usr/bin/env python3
"""Was done what the plan said, no more and no less?

life_operations.py summary PLAN             "+1 ~0 -0 safe", of a plan in JSON
life_operations.py compare PLAN BEFORE AFTER [CLUSTER…]
                                            the plan's operations against two dumps of what people own in an Omni; with
                                            CLUSTERs that were to be destroyed as a whole, besides the plan
life_operations.py logged PLAN LOG LINE     … against what the agent's log says from that line on
"""
import json
import re
import sys

CLUSTER, SET = "omni.sidero.dev/cluster", "omni.sidero.dev/machine-set"
BY_CLASS = "omni.sidero.dev/managed-by-machine-set-node-controller"
MACHINE_LABELS = "MachineLabels.omni.sidero.dev"
# What Omni takes away together with a resource that carries it as this label's value.
CARRIERS = {CLUSTER: "Clusters.omni.sidero.dev", SET: "MachineSets.omni.sidero.dev"}


def plan_operations(path):
    with open(path, encoding="utf-8") as file:
        plan = json.load(file)
    return plan, {(op["op"], op["type"], op["id"]) for op in plan["operations"]}


def read_dump(path):
    """(type, id) → (labels, text), without phases and without what Omni makes by itself: nodes from a machine class, and
    labels of machines that join."""
    resources, key = {}, None
    with open(path, encoding="utf-8") as file:
        for line in file:
            if not line.startswith(" "):
                key = tuple(line.split()[:2])
                resources[key] = ({}, [])
                continue
            label = re.match(r'  label "([^"]*)" = "([^"]*)"', line)
            if label:
                resources[key][0][label.group(1)] = label.group(2)
            resources[key][1].append(line)
    return {key: value for key, value in resources.items() if BY_CLASS not in value[0] and key[0] != MACHINE_LABELS}


def changes(before, after):
    for key in before.keys() | after.keys():
        if key not in before:
            yield ("create", *key)
        elif key not in after:
            yield ("destroy", *key)
        elif before[key][1] != after[key][1]:
            yield ("update", *key)


def goes_along(operation, before, planned):
    """A resource that goes because what it belongs to goes."""
    labels = before[operation[1:]][0] if operation[0] == "destroy" else {}
    return any(("destroy", carrier, labels.get(label)) in planned for label, carrier in CARRIERS.items())


def report(missing, surplus, place):
    for words, operations in (("planned, but not " + place, missing), (place + ", but not planned", surplus)):
        for operation in sorted(operations):
            print(f"{words}: {operation[0]} {operation[1]}({operation[2]})")
    return 1 if missing or surplus else 0


def compare(plan_path, before_path, after_path, *destroyed):
    planned = plan_operations(plan_path)[1] | {("destroy", CARRIERS[CLUSTER], name) for name in destroyed}
    before, after = read_dump(before_path), read_dump(after_path)
    seen = set(changes(before, after))
    surplus = {operation for operation in seen - planned if not goes_along(operation, before, planned)}
    left = [key for key, value in after.items() if value[0].get(CLUSTER) in destroyed]
    for key in left:
        print(f"left of a cluster that is gone: {key[0]}({key[1]})")
    return report(planned - seen, surplus, "in Omni") or len(left)


def logged(plan_path, log_path, first):
    done = set()
    with open(log_path, encoding="utf-8") as file:
        for line in list(file)[int(first):]:
            entry = json.loads(line)
            if entry.get("component") == "apply" and entry.get("msg") in ("written", "destroyed"):
                done.add((entry["op"], entry["type"], entry["id"]))
    planned = plan_operations(plan_path)[1]
    return report(planned - done, done - planned, "in the log")


def summary(path):
    plan, _ = plan_operations(path)
    print(f"+{plan['create']} ~{plan['update']} -{plan['destroy']} {plan['risk']}")
    return 0


if __name__ == "__main__":
    sys.exit({"summary": summary, "compare": compare, "logged": logged}[sys.argv[1]](*sys.argv[2:]))
