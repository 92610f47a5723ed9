#!/usr/bin/env python3
"""Checks what cfn-lint does not know about template.yaml and aws/*/template.yaml.

blocks retry       a resource with a fixed name that a failed first deployment leaves behind
cannot roll back   a resource that CloudFormation cannot delete when a first deployment fails
lost events        a rule that sends to another account's bus without a dead-letter queue, a function with rules and without a destination
                   for events that it fails on, or a queue without an alarm
out of order       a state machine that is published before a function that starts its executions, and shares their records, is replaced
one dimension      an alarm on executions that watches the state machine with or without its alias, but not both
builds fail        a build project with a limit of its own, at which StartBuild fails instead of queueing
billed key         a table that is encrypted with a key whose requests are billed, though it needs none
copies differ      the dead-letter queue of one account template that is not as the others have it
other caller       an access log that names callers with a token by another claim than the functions do
global name        a resource whose name an account has once, which a deployment in a second Region would need as well
quota              parameters that are allowed and exceed a quota of AWS (template_quotas.py)

  python3 scripts/check_templates.py               needs PyYAML
  python3 scripts/check_templates.py --self-test   breaks a copy in each way and expects the problem
"""

import argparse
import copy
import sys
from collections.abc import Iterator
from pathlib import Path

import template_quotas
from cloudformation import load
from retained_resources import NAMES, RETAINED, retained

ROOT = Path(__file__).resolve().parent.parent
TEMPLATES = [ROOT / "template.yaml", *sorted(ROOT.glob("aws/*/template.yaml"))]


def problems_of(template: dict) -> Iterator[str]:
    resources = template["Resources"]
    for logical_id, resource in resources.items():
        yield from retention(logical_id, resource)
    yield from deliveries(resources)
    yield from order(resources)
    yield from executions(resources)
    yield from charges(resources)
    yield from builds(resources)
    yield from global_names(resources)
    yield from callers(resources)
    yield from template_quotas.of_template(template)


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
    for logical_id, function in of_type(resources, "AWS::Serverless::Function").items():
        # Lambda drops an event that the function fails on three times.
        rules = [event for event in function["Properties"].get("Events", {}).values() if event["Type"] == "EventBridgeRule"]
        if rules and "DestinationConfig" not in function["Properties"].get("EventInvokeConfig", {}):
            yield f"lost events: {logical_id} has rules, and no destination for events that it fails on"
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


def order(resources: dict) -> Iterator[str]:
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-attribute-dependson.html"""
    functions = of_type(resources, "AWS::Serverless::Function").items()
    starting = [
        logical_id
        for logical_id, function in functions
        if "states:StartExecution" in str(resources[function["Properties"]["Role"]["Fn::GetAtt"][0]])
    ]
    for machine, resource in of_type(resources, "AWS::Serverless::StateMachine").items():
        for function in starting:
            if function not in str(resource):
                yield f"out of order: {machine} does not depend on {function}"


def builds(resources: dict) -> Iterator[str]:
    """https://docs.aws.amazon.com/codebuild/latest/userguide/builds-working.html: a project at its own limit queues no builds."""
    for logical_id, project in of_type(resources, "AWS::CodeBuild::Project").items():
        if "ConcurrentBuildLimit" in project["Properties"]:
            yield f"builds fail: {logical_id} has a ConcurrentBuildLimit; without it AWS queues builds"


# Types whose names an account has once for all Regions, and the property with the name.
GLOBAL = {"AWS::IAM::Role": "RoleName", "AWS::IAM::ManagedPolicy": "ManagedPolicyName", "AWS::CloudWatch::Dashboard": "DashboardName"}
# What makes a name another one for each deployment: the Region, or the parameter with the name of the environment.
OF_ONE_DEPLOYMENT = ("${AWS::Region}", "${Name}")


def global_names(resources: dict) -> Iterator[str]:
    """https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html: names are unique in an account; IAM has no Regions."""
    for kind, name in GLOBAL.items():
        for logical_id, resource in of_type(resources, kind).items():
            given = str(resource["Properties"].get(name, OF_ONE_DEPLOYMENT))
            if not any(part in given for part in OF_ONE_DEPLOYMENT):
                yield f"global name: {logical_id} has the same name in every Region"


# A claim of a token in an access log.
CLAIM = "$context.authorizer.claims."


def callers(resources: dict) -> Iterator[str]:
    """https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-logging-variables.html: a log has any claim of a token."""
    for logical_id, stage in of_type(resources, "AWS::ApiGatewayV2::Stage").items():
        log = str(stage["Properties"].get("AccessLogSettings"))
        if CLAIM in log.replace(CLAIM + "${OidcUserClaim}", ""):
            yield f"other caller: {logical_id} has another claim than OidcUserClaim in its access log"


def charges(resources: dict) -> Iterator[str]:
    """https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/EncryptionAtRest.html: without SSESpecification DynamoDB's own key
    encrypts the table at no charge; with it the requests of a KMS key are billed."""
    for logical_id, table in of_type(resources, "AWS::DynamoDB::Table").items():
        encryption = table["Properties"].get("SSESpecification", {})
        if encryption.get("SSEEnabled"):
            yield f"billed key: {logical_id} uses a KMS key always; make SSESpecification depend on a parameter"


# What both templates for other accounts have, because CloudFormation includes no file without a bucket.
SHARED = ("Undelivered", "UndeliveredPolicy", "EventsUndelivered")
# Where each names its own: the queue and the alarm, and the rules that send there.
OWN = {"QueueName", "AlarmName", "aws:SourceArn", "ArnEquals", "ArnLike"}


def shared(template: dict) -> dict:
    """The shared resources of an account template, without the names that are its own; and the targets of its rules."""

    def common(value):
        if isinstance(value, list):
            return [common(item) for item in value]
        if not isinstance(value, dict):
            return value
        return {name: common(item) for name, item in value.items() if name not in OWN}

    resources = template["Resources"]
    parts = {name: common(resources.get(name)) for name in SHARED}
    parts["AlarmTopicArn"] = template["Parameters"].get("AlarmTopicArn")
    parts["NotifyTopic"] = template.get("Conditions", {}).get("NotifyTopic")
    return parts


def copies(one: dict, other: dict) -> Iterator[str]:
    ours, theirs = shared(one), shared(other)
    for name, part in ours.items():
        if part is None or part != theirs[name]:
            yield f"copies differ: {name} of the two account templates"


def of_type(resources: dict, kind: str) -> dict:
    return {logical_id: resource for logical_id, resource in resources.items() if resource["Type"] == kind}


def pattern(rule: dict) -> dict:
    return rule["Properties"]["EventPattern"]


def log_of(stage: dict) -> dict:
    return stage["Properties"]["AccessLogSettings"]


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
        (main, lambda r: r["Operation"].pop("DependsOn"), "out of order: Operation does not depend on SweepFunction"),
        (main, lambda r: r["OperationsFail"]["Properties"]["Metrics"].pop(), "one dimension: OperationsFail"),
        (main, lambda r: r.pop("EventsUnhandled"), "lost events: UnhandledEvents"),
        (main, lambda r: r["StepsFunction"]["Properties"].pop("EventInvokeConfig"), "lost events: StepsFunction"),
        (target, lambda r: r["RolloutsEnd"]["Properties"]["Targets"][0].pop("DeadLetterConfig"), "lost events: RolloutsEnd"),
        (target, lambda r: r.pop("EventsUndelivered"), "lost events: Undelivered"),
        (main, lambda r: r["Builds"]["Properties"].update(ConcurrentBuildLimit=10), "builds fail: Builds"),
        (main, lambda r: r["Table"]["Properties"].update(SSESpecification={"SSEEnabled": True}), "billed key: Table"),
        (main, lambda r: r["BuildsRole"]["Properties"].update(RoleName="slipway-runner"), "global name: BuildsRole"),
        (main, lambda r: log_of(r["TokenStage"]).update(Format=f'{{"caller":"{CLAIM}sub"}}'), "other caller: TokenStage"),
        (target, lambda r: pattern(r["TasksEnd"]).update(source=["x" * 2_000]), "quota: pattern: TasksEnd"),
        (main, lambda r: r["BusOfAccounts"]["Properties"]["Statement"].update(Sid="x" * 9_000), "quota: bus policy: "),
    ]
    for template, change, expected in changes:
        broken(template, change, expected)
    # Without the bounds of the parameters, the quotas are exceeded by the values that were allowed.
    for name, expected in {
        "Admins": "quota: environment: ApiFunction: the parameter Admins has no MaxLength",
        "EventSourceAccounts": "quota: bus policy: ",
    }.items():
        unbounded = copy.deepcopy(main)
        del unbounded["Parameters"][name]["MaxLength"]
        if not any(problem.startswith(expected) for problem in problems_of(unbounded)):
            sys.exit(f"self-test: {name} without MaxLength is not found")
    for name in ("OidcScopes", "OidcAudience"):
        unbounded = copy.deepcopy(main)
        unbounded["Parameters"][name]["AllowedPattern"] = "([^ ,]+(,[^ ,]+)*)?"
        if not any(problem.startswith("quota: list: ") for problem in problems_of(unbounded)):
            sys.exit(f"self-test: {name} of any number of items is not found")
    for part in (*SHARED, "AlarmTopicArn"):
        changed = copy.deepcopy(target)
        (changed["Resources"].get(part) or changed["Parameters"][part])["Description"] = "changed"
        if list(copies(changed, load(ROOT / "aws/event-source-account/template.yaml"))) != [
            f"copies differ: {part} of the two account templates"
        ]:
            sys.exit(f"self-test: a change of {part} in one of the account templates is not found")
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
    # SAM uploads template.yaml to a bucket.
    accounts = [ROOT / "aws/target-account/template.yaml", ROOT / "aws/event-source-account/template.yaml"]
    problems += [f"{path.relative_to(ROOT)}: {problem}" for path in TEMPLATES[1:] for problem in template_quotas.of_body(path.read_text())]
    problems += copies(*map(load, accounts))
    for problem in problems:
        print(problem)
    if problems:
        sys.exit(f"{len(problems)} problems in {len(TEMPLATES)} templates")
    kept = "can be deployed again and in a second Region, lose no events, count every execution and stay within quotas"
    print(f"{len(TEMPLATES)} templates {kept}")


if __name__ == "__main__":
    main()
