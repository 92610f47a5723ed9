#!/usr/bin/env python3
"""Holds the decisions of scripts/iam.py against @cloud-copilot/iam-simulate from npm, an independent implementation.

Every request of check_permissions.py, allowed or denied, and for each statement of a role the request that fails without it; the trust
policies and the policy of the bus too, across accounts. Both have to decide alike, and as expected.

    npm install --prefix target/lint/simulate $(cat .ci/iam-simulate.txt)
    target/lint/policies/bin/python scripts/compare_with_simulator.py target/calls target/debug/examples/paths target/lint/simulate
    … --self-test    decides differently for one request, and expects to see it

The package has its own licence (AGPL-3.0): it is run from target/, and no part of it is in Slipway.
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import check_state_machine
import iam
from check_permissions import Asked, everything_asked, installed, policies_of, without
from documented_requests import EXTERNAL_ID, OPERATION, STACK, World, must_deny
from policies import Account, Policy
from policy_rules import ON_A_RESOURCE
from recorded_calls import calls

SIMULATE = Path(__file__).with_name("simulate_policies.mjs")


@dataclass
class Case:
    """A request of a role with these policies, and the decision that is expected. Across accounts the resource has a say."""

    what: str
    principal: str
    request: iam.Request
    policies: list[Policy]
    allowed: bool
    resource_policy: Policy | None = None

    def ours(self) -> bool:
        if not iam.is_allowed(self.policies, self.request):
            return False
        return self.resource_policy is None or iam.trusts(self.resource_policy, self.principal, self.request)

    def theirs(self) -> dict:
        account = self.principal.split(":")[4]
        parts = self.request.resource.split(":")
        _, _, name = self.principal.rpartition("/")
        return {
            "principal": f"arn:aws:sts::{account}:assumed-role/{name}/session",
            "account": account,
            "action": self.request.action,
            "resource": self.request.resource,
            "resourceAccount": parts[4] if len(parts) > 4 and parts[4] else account,
            "context": {key: list(value) if isinstance(value, tuple) else value for key, value in self.request.context}
            | {"aws:PrincipalArn": self.principal, "aws:PrincipalAccount": account},
            "policies": [{"name": policy.label, "policy": policy.document} for policy in self.policies],
            "resourcePolicy": self.resource_policy and self.resource_policy.document,
        }


def of_roles(accounts: dict[str, Account], policies: dict[str, list[Policy]], asked: Asked, world: World) -> Iterator[Case]:
    """Requests inside of one account, and what is denied without the statement that allows them."""

    def arn(role: str) -> str:
        account = accounts["aws/target-account" if role.startswith("target ") else "template.yaml"]
        return account.roles[role.removeprefix("target ")].arn

    def is_inside(role: str, request: iam.Request) -> bool:
        owner = (request.resource.split(":") + [""] * 5)[4]
        return owner in ("", arn(role).split(":")[4])

    for role, them in asked.items():
        inside = [request for request in them if is_inside(role, request)]
        for request in inside:
            yield Case("is called", arn(role), request, policies[role], True)
        for policy in policies[role]:
            for at, statement in enumerate(policy.statements):
                rest = without(policies[role], policy, at)
                fails = next((it for it in inside if iam.applies(statement, it) and not iam.is_allowed(rest, it)), None)
                if fails:
                    yield Case(f"without {statement.label}", arn(role), fails, rest, False)
    for role, request, why in must_deny(world):
        yield Case(why, arn(role), request, policies[role], False)


def across_accounts(accounts: dict[str, Account], world: World) -> Iterator[Case]:
    """Trust policies, and the policy of the bus."""
    slipway, target = accounts["template.yaml"], accounts["aws/target-account"]
    machine, account = world.machine, world.target.template.account
    builds, steps, operation = (slipway.roles[it] for it in ("BuildsRole", "StepsRole", "OperationRole"))
    codebuild = slipway.roles["CodeBuildRole"]
    environment, release = target.roles["Role"], target.roles["ReleaseRole"]
    named = {"sts__RoleSessionName": OPERATION}

    def assume(who, whom, allowed, why, action="sts:AssumeRole", **context):
        return Case(why, who.arn, iam.request(action, whom.arn, **context), who.policies, allowed, whom.trust)

    assert environment.arn.split(":")[4] == account
    yield assume(codebuild, builds, True, "a build takes a session for its operation", **named)
    yield assume(codebuild, builds, False, "a session of no operation", sts__RoleSessionName="me")
    yield assume(steps, builds, False, "a step takes a build's session", **named)
    yield assume(builds, environment, True, "a build assumes the environment's role", **named, sts__ExternalId=EXTERNAL_ID)
    yield assume(builds, environment, False, "with another external id", **named, sts__ExternalId="another-external-id")
    yield assume(builds, environment, True, "the stack is the source identity", "sts:SetSourceIdentity", sts__SourceIdentity=STACK)
    yield assume(builds, environment, False, "no stack", "sts:SetSourceIdentity", sts__SourceIdentity="ann")
    yield assume(steps, release, True, "a step assumes the release role", **named, sts__ExternalId=machine)
    yield assume(steps, release, False, "in the name of another machine", **named, sts__ExternalId=machine.replace("slipway", "other"))
    yield assume(operation, release, False, "the machine assumes the release role", **named, sts__ExternalId=machine)
    api, logs = slipway.roles["ApiRole"], target.roles["LogsRole"]
    session = {"sts__RoleSessionName": f"logs-{STACK}"}
    yield assume(api, logs, True, "the API assumes the logs role", **session, sts__ExternalId=machine)
    yield assume(api, logs, False, "in the name of another machine", **session, sts__ExternalId=machine.replace("slipway", "other"))
    yield assume(steps, logs, False, "a step assumes the logs role", **session, sts__ExternalId=machine)
    [bus] = [it.policy for it in slipway.resources if it.logical == "BusOfEnvironments"]
    events, arn = target.roles["EventsRole"], world.slipway.template.arn("Bus")
    for source, kind, allowed in (
        ("aws.ecs", "ECS Deployment State Change", True),
        ("aws.ecs", "ECS Task State Change", True),
        ("com.example", "ECS Deployment State Change", False),
        ("aws.ecs", "ECS Service Action", False),
    ):
        context = {"events__source": (source,), "events__detail-type": (kind,)}
        yield Case(f"{kind} of {source}", events.arn, iam.request("events:PutEvents", arn, **context), events.policies, allowed, bus)


def decided(cases: list[Case], package: Path) -> list[bool]:
    asked = json.dumps([case.theirs() for case in cases])
    done = subprocess.run(["node", SIMULATE, package.resolve()], input=asked, text=True, capture_output=True, check=True)
    answers = json.loads(done.stdout)
    if errors := [answer["error"] for answer in answers if "error" in answer]:
        sys.exit(f"the simulator refuses {len(errors)} requests: {errors[0]}")
    return [answer["decision"] == "Allowed" for answer in answers]


def differences(cases: list[Case], theirs: list[bool]) -> list[str]:
    found = []
    for case, decision in zip(cases, theirs, strict=True):
        if not case.ours() == decision == case.allowed:
            name = case.principal.rpartition("/")[2]
            found.append(f"{name}: {case.request} ({case.what}): ours {case.ours()}, theirs {decision}, expected {case.allowed}")
    return found


def main():
    arguments = argparse.ArgumentParser(description="Holds our decisions of IAM against another implementation's.")
    arguments.add_argument("calls", type=Path)
    arguments.add_argument("paths")
    arguments.add_argument("package", type=Path, help="the folder that npm installed into")
    arguments.add_argument("--self-test", action="store_true")
    given = arguments.parse_args()
    world, accounts, roles = installed()
    policies = policies_of(accounts)
    asked = everything_asked(list(calls(given.calls, set(roles))), check_state_machine.evaluated_by(given.paths), world, roles)
    cases = [*of_roles(accounts, policies, asked, world), *across_accounts(accounts, world)]
    # The simulator takes AWS's tables at their word, and refuses a resource for actions that these give none.
    cases = [case for case in cases if case.request.action not in ON_A_RESOURCE]
    theirs = decided(cases, given.package)
    if given.self_test:
        theirs[0] = not theirs[0]
        if len(differences(cases, theirs)) != len(differences(cases, decided(cases, given.package))) + 1:
            sys.exit("self-test: another decision is not seen")
        return print("self-test: another decision is seen")
    found = differences(cases, theirs)
    print(*found, sep="\n")
    if found:
        sys.exit(f"{len(found)} of {len(cases)} decisions differ")
    return print(f"{len(cases)} requests are decided alike, {sum(theirs)} allowed and {len(cases) - sum(theirs)} denied")


if __name__ == "__main__":
    main()
