#!/usr/bin/env python3
"""Checks what cfn-lint does not know about template.yaml and aws/*/template.yaml.

blocks retry       a resource with a fixed name that a failed first deployment leaves behind
cannot roll back   a resource that CloudFormation cannot delete when a first deployment fails
lost events        a rule that sends to another account's bus without a dead-letter queue, or a queue without an alarm
one dimension      an alarm on executions that watches the state machine with or without its alias, but not both

  python3 scripts/check_templates.py               needs PyYAML
  python3 scripts/check_templates.py --self-test   breaks a copy in each way and expects the problem
"""

import argparse
import copy
import sys
from collections.abc import Iterator
from pathlib import Path

from cloudformation import load
from retained_resources import NAMES, RETAINED, retained

ROOT = Path(__file__).resolve().parent.parent
TEMPLATES = [ROOT / "template.yaml", *sorted(ROOT.glob("aws/*/template.yaml"))]


def problems_of(template: dict) -> Iterator[str]:
    resources = template["Resources"]
    for logical_id, resource in resources.items():
        yield from retention(logical_id, resource)
    yield from deliveries(resources)
    yield from executions(resources)


def retention(logical_id: str, resource: dict) -> Iterator[str]:
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-attribute-deletionpolicy.html"""
    policy, properties = resource.get("DeletionPolicy"), resource.get("Properties", {})
    if policy not in RETAINED:
        return
    name = NAMES.get(resource["Type"])
    if name is None:
        yield f"blocks retry: {logical_id} is retained, and NAMES does not say which property names a {resource['Type']}"
    elif policy != "RetainExceptOnCreate" and name in properties:
        yield f"blocks retry: {logical_id} is retained with a fixed name; use RetainExceptOnCreate"
    if properties.get("DeletionProtectionEnabled") is True:
        yield f"cannot roll back: {logical_id} is protected against deletion in the first deployment, too"


def deliveries(resources: dict) -> Iterator[str]:
    watched = [
        dimension["Value"]["Fn::GetAtt"][0]
        for alarm in of_type(resources, "AWS::CloudWatch::Alarm").values()
        for dimension in alarm["Properties"].get("Dimensions", [])
        if dimension["Name"] == "QueueName"
    ]
    for logical_id, rule in of_type(resources, "AWS::Events::Rule").items():
        for target in rule["Properties"]["Targets"]:
            if "DeadLetterConfig" not in target:
                yield f"lost events: {logical_id} has a target without a dead-letter queue"
    for logical_id in of_type(resources, "AWS::SQS::Queue"):
        if logical_id not in watched:
            yield f"lost events: {logical_id} has no alarm"


def executions(resources: dict) -> Iterator[str]:
    """Executions are started through an alias. AWS does not say whether the metrics without `Alias` count those as well:
    https://docs.aws.amazon.com/step-functions/latest/dg/procedure-cw-metrics.html"""
    for logical_id, alarm in of_type(resources, "AWS::CloudWatch::Alarm").items():
        properties = alarm["Properties"]
        metrics = [query["MetricStat"]["Metric"] for query in properties.get("Metrics", []) if "MetricStat" in query]
        metrics = metrics or [properties]
        if not any(metric.get("Namespace") == "AWS/States" for metric in metrics):
            continue
        kinds = [tuple(sorted(dimension["Name"] for dimension in metric["Dimensions"])) for metric in metrics]
        if sorted(kinds) != [("Alias", "StateMachineArn"), ("StateMachineArn",)]:
            yield f"one dimension: {logical_id} watches {kinds}"


def of_type(resources: dict, kind: str) -> dict:
    return {logical_id: resource for logical_id, resource in resources.items() if resource["Type"] == kind}


def self_test() -> None:
    main = load(TEMPLATES[0])
    target = load(ROOT / "aws/target-account/template.yaml")

    def broken(template, change, expected):
        template = copy.deepcopy(template)
        change(template["Resources"])
        found = list(problems_of(template))
        if not any(problem.startswith(expected) for problem in found):
            sys.exit(f"self-test: expected `{expected}`, found {found or 'nothing'}")

    changes = [
        (main, lambda r: r["Table"].update(DeletionPolicy="Retain"), "blocks retry: Table"),
        (main, lambda r: r["Bus"].update(DeletionPolicy="Retain"), "blocks retry: Bus"),
        (main, lambda r: r["Table"]["Properties"].update(DeletionProtectionEnabled=True), "cannot roll back: Table"),
        (main, lambda r: r["OperationsFail"]["Properties"]["Metrics"].pop(), "one dimension: OperationsFail"),
        (main, lambda r: r.pop("EventsUnhandled"), "lost events: UnhandledEvents"),
        (target, lambda r: r["RolloutsEnd"]["Properties"]["Targets"][0].pop("DeadLetterConfig"), "lost events: RolloutsEnd"),
        (target, lambda r: r.pop("EventsUndelivered"), "lost events: Undelivered"),
    ]
    for template, change, expected in changes:
        broken(template, change, expected)
    kept = {logical_id for logical_id, resource in main["Resources"].items() if resource.get("DeletionPolicy") in RETAINED}
    restored = retained(main, "slipway", "111122223333", "eu-west-1")["Resources"]
    if restored.keys() != kept or restored["StateBucket"]["Properties"]["BucketName"] != "slipway-state-111122223333-eu-west-1":
        sys.exit(f"self-test: retained_resources.py restores {restored.keys()} of {kept}")
    print(f"self-test: each of {len(changes)} changes is found; {len(kept)} retained resources can be imported")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--self-test", action="store_true")
    if parser.parse_args().self_test:
        self_test()
        return
    problems = [f"{path.relative_to(ROOT)}: {problem}" for path in TEMPLATES for problem in problems_of(load(path))]
    for problem in problems:
        print(problem)
    if problems:
        sys.exit(f"{len(problems)} problems in {len(TEMPLATES)} templates")
    print(f"{len(TEMPLATES)} templates can be deployed again, lose no events and count every execution")


if __name__ == "__main__":
    main()
