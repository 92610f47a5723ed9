#!/usr/bin/env python3
"""Compares what Slipway's roles may do with what was called while the tests ran.

The tests record their calls (crates/recording): every function against its services, and builds with Terraform on the local AWS. What
the state machine calls is what the cases of statemachine/operation.cases.json evaluate. What AWS's services do with a role is in
documented_requests.py, each with its page. Then, for every role:

  missing    a request that the role does not allow, with the test that made it
  unused     an action or a resource of a statement that no request needs
  redundant  a statement without which every request is still allowed, or a Deny without which every request that must be denied still is
  too wide   a request that must be denied, and is not
  unproven   a condition without which every request that must be denied still is; of a Deny, one without which nothing that is called
             would be denied

    cargo test --workspace    with SLIPWAY_RECORD_CALLS=$PWD/target/calls
    target/lint/policies/bin/python scripts/check_permissions.py target/calls target/debug/examples/paths
    … --statements    removes each statement in turn, and prints the test that fails without it
    … --self-test     changes policies and expects each finding

A call that no rule of iam_requests.py knows ends the run: it is never passed over.
"""

import argparse
import copy
import json
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import check_state_machine
import iam
from check_policies import document_with
from documented_requests import World, must_allow, must_deny
from iam_requests import Names, requests
from policies import EVERYTHING, ROOT, Account, Policy, of_template, templates
from recorded_calls import Call, calls
from resolved_template import Template
from service_models import java_name, problems, wire_name

# Where the tests are.
ACCOUNT, REGION = "000000000000", "us-east-1"
# The property of a principal's role, by its type.
ROLE_OF = {
    "AWS::Lambda::Function": "Role",
    "AWS::CodeBuild::Project": "ServiceRole",
    "AWS::StepFunctions::StateMachine": "RoleArn",
}
# Roles whose policies are a boundary for users' own programs: no recorded call shows what they need.
OF_USERS = {"target Role", "source Role"}

# What builds call by themselves. Environments of local mode have no role, so there Terraform makes the resources of stacks with the
# build's key; on AWS it does so with the environment's role, whose calls are those of blueprints.
OF_BUILDS = {"codebuild", "dynamodb", "s3", "sts"}

# The services of stacks, which the steps call in the account of the environment.
OF_STACKS = {"application-autoscaling", "ecs", "logs", "rds", "scheduler"}

Asked = dict[str, dict[iam.Request, str]]


def principals(template: Template, account: Account) -> dict[str, str]:
    """The role of each function, of the builds and of the state machine, by logical ids."""
    by_arn = {role.arn: logical for logical, role in account.roles.items()}
    found = {logical: by_arn[properties[ROLE_OF[kind]]] for kind in ROLE_OF for logical, properties in template.resources(kind).items()}
    # Builds work in sessions of another role than that which CodeBuild gives them.
    for logical, properties in template.resources("AWS::CodeBuild::Project").items():
        variables = {it["Name"]: it["Value"] for it in properties["Environment"]["EnvironmentVariables"]}
        found[logical] = by_arn[variables["SLIPWAY_SESSION_ROLE"]]
    return found


def installed() -> tuple[World, dict[str, Account], dict[str, str]]:
    """The installation of the tests: its names, its accounts, and the role of each principal."""
    resolved = templates(account=ACCOUNT, region=REGION, parameters=EVERYTHING)
    slipway, target = resolved["template.yaml"], resolved["aws/target-account"]
    accounts = {name: of_template(name, template) for name, template in resolved.items()}
    return World(Names(slipway), Names(target)), accounts, principals(slipway, accounts["template.yaml"])


def policies_of(accounts: dict[str, Account]) -> dict[str, list[Policy]]:
    """The policies of every role; those of an environment's account are called `target …`."""
    policies = {logical: role.policies for logical, role in accounts["template.yaml"].roles.items()}
    return policies | {f"target {logical}": role.policies for logical, role in accounts["aws/target-account"].roles.items()}


# ------------------------------------------------------------------------------------------------ what is asked


def clients_of_builds() -> Iterator[str]:
    """A client of a service that the record of builds is not read for."""
    for manifest in ("crates/runner/Cargo.toml", "crates/store/Cargo.toml"):
        for name in tomllib.loads((ROOT / manifest).read_text())["dependencies"]:
            if name.startswith("aws-sdk-") and name.removeprefix("aws-sdk-") not in OF_BUILDS:
                yield f"not compared: {manifest} depends on {name}, which is not among the services that builds are compared for"


def asked_by_tests(recorded: list[Call], world: World, roles: dict[str, str]) -> Asked:
    """What the recorded calls ask of each role."""
    asked: Asked = {}
    for call in recorded:
        if call.principal == "Builds" and call.service not in OF_BUILDS:
            continue
        role, names = roles[call.principal], world.slipway
        if call.service == "sts" and call.given.get("RoleArn", "").endswith("-runner"):
            role = "CodeBuildRole"
        # Keys of a session are those of the role that was assumed: the steps assume the release roles of other accounts.
        if call.key.startswith("ASIA") and role == "StepsRole":
            role, names = "target ReleaseRole", world.target
        if call.key.startswith("ASIA") and role == "ApiRole":
            role, names = "target LogsRole", world.target
        for request in requests(call, names):
            asked.setdefault(role, {}).setdefault(request, call.test)
        # What the steps do in Slipway's own account they do in another with its release role: StackAccount is one code for both.
        if role == "StepsRole" and call.service in OF_STACKS:
            for request in requests(call, world.target):
                asked.setdefault("target ReleaseRole", {}).setdefault(request, call.test)
    return asked


def asked_by_machine(evaluated: list[dict], world: World) -> Asked:
    """What the tasks of the state machine ask of the machine's role."""
    definition = json.loads(check_state_machine.DEFINITION.read_text())
    states = dict(check_state_machine.tasks(definition["States"]))
    asked: Asked = {}
    for task in evaluated:
        integration = check_state_machine.integration(states[task["state"]]["Resource"])
        if isinstance(integration, str):
            sys.exit(f"{task['state']}: {integration}")
        model = integration.model
        source = f"statemachine: {task['state']}"
        if model.name == "Invoke":
            version = f"{world.slipway.template.arn('StepsFunction')}:1"
            asked.setdefault("OperationRole", {}).setdefault(iam.request("lambda:InvokeFunction", version), source)
            continue
        given = {
            member: task["arguments"][java_name(member)] for member in model.input_shape.members if java_name(member) in task["arguments"]
        }
        call = Call("Operation", "Operation", source, model.service_model.service_name, model.name, given)
        for request in requests(call, world.slipway):
            asked.setdefault("OperationRole", {}).setdefault(request, source)
    return asked


def everything_asked(recorded: list[Call], evaluated: list[dict], world: World, roles: dict[str, str]) -> Asked:
    asked = asked_by_tests(recorded, world, roles)
    for role, them in asked_by_machine(evaluated, world).items():
        asked[role] = them | asked.get(role, {})
    for role, request, why in must_allow(world):
        asked.setdefault(role, {}).setdefault(request, why)
    return asked


# ------------------------------------------------------------------------------------------------ findings


def findings(policies: dict[str, list[Policy]], asked: Asked, denied: list) -> Iterator[str]:
    for role, them in asked.items():
        for request, source in them.items():
            if not iam.is_allowed(policies[role], request):
                yield f"missing: {role}: {request} is denied ({source})"
    for role, request, why in denied:
        if iam.is_allowed(policies[role], request):
            yield f"too wide: {role}: {request} is allowed ({why})"
    for role in sorted(set(policies) - OF_USERS):
        yield from unused(role, policies[role], list(asked.get(role, {})))
        yield from unproven(role, policies[role], list(asked.get(role, {})), [request for of, request, _ in denied if of == role])
    for role, label, test in needed(policies, asked, denied):
        if test is None and role not in OF_USERS:
            yield f"redundant: {role}: nothing changes without {label}"


def unused(role: str, policies: list[Policy], them: list[iam.Request]) -> Iterator[str]:
    for statement in (it for policy in policies for it in policy.statements if it.effect == "Allow"):
        used = [request for request in them if iam.applies(statement, request)]
        for action in statement.actions:
            if not any(request.action.lower() == action.lower() for request in used):
                yield f"unused: {role}: {statement.label}: nothing calls {action}"
        for resource in statement.resources:
            if not any(iam.authorization.covers(resource, request.resource) for request in used):
                yield f"unused: {role}: {statement.label}: nothing is done with {resource}"


def unproven(role: str, policies: list[Policy], asked: list[iam.Request], denied: list[iam.Request]) -> Iterator[str]:
    """Conditions that could be left out, as far as the requests know that are called or must be denied."""
    for policy in policies:
        for at, document in enumerate(policy.document["Statement"]):
            for operator, keys in document.get("Condition", {}).items():
                for key in keys:
                    wider = copy.deepcopy(policy)
                    del wider.document["Statement"][at]["Condition"][operator][key]
                    changed = [wider, *(it for it in policies if it is not policy)]
                    where = f"{role}: {policy.label}[{at}]"
                    if document["Effect"] == "Deny":
                        if all(iam.is_allowed(changed, request) for request in asked):
                            yield f"unproven: {where}: nothing is denied without the condition {operator} on {key}"
                    elif not any(iam.is_allowed(changed, request) for request in denied):
                        yield f"unproven: {where}: nothing is allowed without the condition {operator} on {key}"


def without(policies: list[Policy], policy: Policy, at: int) -> list[Policy]:
    """The policies without one statement of one of them."""
    rest = [it for n, it in enumerate(policy.document["Statement"]) if n != at]
    return [Policy(policy.label, {"Statement": rest}), *(it for it in policies if it is not policy)]


def needed(policies: dict[str, list[Policy]], asked: Asked, denied: list) -> Iterator[tuple[str, str, str | None]]:
    """Each statement, and what fails without it; of a Deny, why what is allowed then must be denied."""
    for role, them in asked.items():
        for policy in policies[role]:
            for at, statement in enumerate(policy.statements):
                rest = without(policies[role], policy, at)
                if statement.effect == "Deny":
                    opened = (f"{request.action} ({why})" for of, request, why in denied if of == role and iam.is_allowed(rest, request))
                    yield role, statement.label, next(opened, None)
                    continue
                affected = [request for request in them if iam.applies(statement, request)]
                fails = next((request for request in affected if not iam.is_allowed(rest, request)), None)
                yield role, statement.label, f"{fails.action} ({them[fails]})" if fails else None


def of_models(recorded: list[Call]) -> Iterator[str]:
    """Where a recorded call is not what AWS's model of the service takes."""
    seen = set()
    for call in recorded:
        if call.is_whole:
            model = check_state_machine.operation(call.service, call.operation)
            shape = model.input_shape if model else None
            for problem in problems(shape, call.given, wire_name) if shape else []:
                line = f"wrong arguments: {call.principal}: {call.service}:{call.operation}: {problem}"
                if line not in seen:
                    seen.add(line)
                    yield f"{line} ({call.test})"


# ------------------------------------------------------------------------------------------------ self-test


def changes() -> list[tuple[str, str, str, dict]]:
    """The finding that is expected, the role, the statement that is changed, and what is put into it."""
    other = "arn:aws:dynamodb:us-east-1:000000000000:table/another"
    every_object = "arn:aws:s3:::slipway-artifacts-000000000000-us-east-1/*"
    target, start_build = "target ReleaseRole", "operation codebuild:StartBuild"
    return [
        ("missing: ApiRole: dynamodb:GetItem", "ApiRole", "api dynamodb:GetItem", {"Action": "dynamodb:Query"}),
        ("missing: BuildsRole: dynamodb:PutItem", "BuildsRole", "builds dynamodb:PutItem", {"Resource": other}),
        ("missing: OperationRole: codebuild:StartBuild", "OperationRole", start_build, {"Action": "codebuild:StartSandbox"}),
        ("missing: StepsRole: ecs:UpdateService", "StepsRole", "steps ecs:UpdateService", {"Action": "ecs:CreateService"}),
        (f"missing: {target}: logs:GetLogEvents", target, "release logs:GetLogEvents", {"Action": "logs:FilterLogEvents"}),
        ("unused: SweepRole:", "SweepRole", "sweep codebuild:StopBuild", {"Action": ["codebuild:StopBuild", "codebuild:StartBuild"]}),
        ("unused: EventsRole:", "EventsRole", "events sqs:SendMessage", {"Resource": ["arn:aws:sqs:us-east-1:000000000000:another"]}),
        ("too wide: ApiRole: s3:PutObject", "ApiRole", "api s3:PutObject", {"Resource": every_object}),
        ("too wide: OperationRole: codebuild:StartBuild", "OperationRole", start_build, {"Condition": {}}),
        ("unproven: StepsRole:", "StepsRole", "steps codebuild:", {"Condition": {"StringEquals": {"aws:ResourceAccount": "000000000000"}}}),
    ]  # fmt: skip


def self_test(policies: dict[str, list[Policy]], asked: Asked, denied: list):
    before = set(findings(policies, asked, denied))
    for expected, role, part, put in changes():
        changed = copy.deepcopy(policies)
        document_with(changed[role], f"/{part}").update(put)
        found = set(findings(changed, asked, denied)) - before
        if not any(finding.startswith(expected) for finding in found):
            sys.exit(f"self-test: expected `{expected}`, found\n" + "\n".join(found or ["nothing"]))
    print(f"self-test: each of {len(changes())} changes is found")


def main():
    arguments = argparse.ArgumentParser(description="Compares what Slipway's roles may do with what the tests called.")
    arguments.add_argument("calls", type=Path, help="the folder of recorded calls")
    arguments.add_argument("paths", help="the example `paths` of asl-interpreter, built")
    arguments.add_argument("--statements", action="store_true", help="print what fails without each statement")
    arguments.add_argument("--self-test", action="store_true")
    given = arguments.parse_args()
    world, accounts, roles = installed()
    policies = policies_of(accounts)
    recorded = list(calls(given.calls, set(roles)))
    asked = everything_asked(recorded, check_state_machine.evaluated_by(given.paths), world, roles)
    denied = list(must_deny(world))
    if given.self_test:
        return self_test(policies, asked, denied)
    if given.statements:
        for role, label, test in needed(policies, asked, denied):
            print(f"{role}: without {label.rpartition('/')[2]} fails {test}")
        return None
    found = [*findings(policies, asked, denied), *of_models(recorded), *clients_of_builds()]
    print(*found, sep="\n")
    counted = f"{len(recorded)} calls, {sum(map(len, asked.values()))} requests to IAM, {len(denied)} that must be denied"
    if found:
        sys.exit(f"the policies and the calls differ: {len(found)} findings in {counted}")
    print(f"the policies allow what is called, and nothing else: {counted}")
    return None


if __name__ == "__main__":
    main()
