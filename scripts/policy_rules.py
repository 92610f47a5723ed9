"""What must hold of every policy, by AWS's authorization tables (authorization.py). A finding is a sentence that begins with its kind."""

from __future__ import annotations

from collections.abc import Iterator

import authorization
import botocore.session
import iam
from policies import Account, Policy, Statement

# Operators, by the type of the key (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html).
# ARNs may be compared as texts too.
STRINGS = {"StringEquals", "StringNotEquals", "StringEqualsIgnoreCase", "StringNotEqualsIgnoreCase", "StringLike", "StringNotLike"}
ARNS = {"ArnEquals", "ArnLike", "ArnNotEquals", "ArnNotLike"}
NUMBERS = {f"Numeric{it}" for it in ("Equals", "NotEquals", "LessThan", "LessThanEquals", "GreaterThan", "GreaterThanEquals")}
OPERATORS = {
    "String": STRINGS,
    "ARN": ARNS | STRINGS,
    "Bool": {"Bool"},
    "Numeric": NUMBERS,
    "Long": NUMBERS,
    "IPAddress": {"IpAddress", "NotIpAddress"},
}
SET_OPERATORS = ("ForAllValues", "ForAnyValue")

# Actions whose table names no resource, and which AWS authorizes on the state machine of the token: its own refusal names that
# (https://github.com/aws/aws-cdk/issues/8486).
ON_A_RESOURCE = {"states:SendTaskSuccess", "states:SendTaskFailure"}
# Actions that are allowed on everything although their table names a resource, each with the reason.
ON_EVERYTHING = {
    "ecs:ListTasks": "its one resource type is a container instance, which tasks on Fargate do not have",
    "ecs:RegisterTaskDefinition": "its table named no resource for years; every family may be registered either way",
    "ssm:ListInstanceAssociations": "AWS's own policy for the agent of an instance names none: AmazonSSMManagedInstanceCore",
    "ssm:UpdateInstanceInformation": "the same",
}
# Actions that the tables do not list yet: botocore's model must have the operation.
NEWER = {"ecs:ContinueServiceDeployment"}
# How DynamoDB changes and deletes items. A Put replaces an item too, and IAM does not tell it from one that adds an item.
REMOVING = {f"dynamodb:{it}" for it in ("DeleteItem", "UpdateItem", "BatchWriteItem", "PartiQLDelete", "PartiQLUpdate")}
# The roles that append to the audit log.
APPENDING = {"ApiRole", "EventsRole"}
# The sessions of this role are limited to the partitions of one operation (crates/runner/src/isolation/policies.rs). A Deny with a
# set operator would stop it on moto, which the isolation tests run on.
LIMITED = {"BuildsRole"}
# Actions that others need only with a parameter that is never given, each with the reason.
NOT_NEEDED = {
    "application-autoscaling:TagResource": "for the parameter Tags: the workflow only suspends targets, which Terraform has tagged",
}
# Resource types of which an action needs only one: an execution is of a standard machine or of an express one.
ALTERNATIVES = {"express"}


def of_account(account: Account) -> Iterator[str]:
    """All findings about the policies of an account."""
    boundaries = {id(role.boundary.document) for role in account.roles.values() if role.boundary}
    for policy in account.policies():
        for statement in policy.statements:
            yield from actions_exist(statement)
            yield from resources_belong(statement, is_boundary=id(policy.document) in boundaries)
            yield from conditions_belong(statement)
    for policy in account.trusts():
        for statement in policy.statements:
            yield from actions_exist(statement)
            yield from conditions_belong(statement)
            yield from machine_is_trusted(statement)
    for role in account.roles.values():
        yield from role_is_complete(f"{account.name} {role.logical}", role.policies)
        yield from audit_is_appended_only(f"{account.name} {role.logical}", role.policies)
        yield from policies_are_changed_by_the_api(f"{account.name} {role.logical}", role.policies)


def known_actions(statement: Statement) -> list[authorization.Action]:
    return [authorization.action(name) for pattern in statement.actions for name in authorization.matching(pattern)]


def actions_exist(statement: Statement) -> Iterator[str]:
    for pattern in statement.actions:
        if not authorization.matching(pattern) and not is_newer(pattern):
            yield f"no such action: {statement.label}: {pattern}"


def is_newer(action: str) -> bool:
    service, _, operation = action.partition(":")
    return action in NEWER and operation in botocore.session.get_session().get_service_model(service).operation_names


def resources_belong(statement: Statement, *, is_boundary: bool = False) -> Iterator[str]:
    """Each resource is of a type of an action, each action has a resource of its types, and `*` stands where AWS forces it."""
    # The policy of a repository of ECR names no resource: it is about its repository.
    if statement.effect != "Allow" or not statement.resources:
        return
    for pattern in statement.actions:
        if "*" in pattern and not is_boundary:
            yield f"wider: {statement.label}: the action {pattern}"
    actions = [it for it in known_actions(statement) if not is_boundary or "*" not in "".join(statement.actions)]
    for action in actions:
        types = [it.arn for it in action.types]
        if action.name in ON_A_RESOURCE:
            continue
        if not types and "*" not in statement.resources:
            yield f"needs `*`: {statement.label}: {action.name} has no resource types, and the statement allows nothing"
        elif types and "*" in statement.resources and action.name not in ON_EVERYTHING and not is_boundary:
            yield f"wider: {statement.label}: {action.name} on everything, and AWS has resource types for it: {', '.join(types)}"
        elif types and not any(_fits(resource, types) for resource in statement.resources):
            yield f"wrong resource type: {statement.label}: {action.name} is about {', '.join(types)}"
    for resource in statement.resources:
        types = [it.arn for action in actions for it in action.types]
        anything = resource == "*" or any(action.name in ON_A_RESOURCE for action in actions)
        if actions and not anything and not _fits(resource, types):
            yield f"wrong resource type: {statement.label}: no action of it is about {resource}"


def _fits(resource: str, types: list[str]) -> bool:
    return resource == "*" or any(authorization.overlap(resource, arn) for arn in types)


def conditions_belong(statement: Statement) -> Iterator[str]:
    """Each key belongs to each action (or is one of all services), and the operator is one for the key's type."""
    for operator, key, values in statement.conditions:
        kind = authorization.type_of_key(key)
        if kind is None:
            yield f"no such condition key: {statement.label}: {key}"
            continue
        yield from operator_fits(statement, operator, key, kind, values)
        if authorization.is_global(key):
            continue
        for action in known_actions(statement):
            keys = set(action.keys).union(*(it.keys for it in action.types))
            if not any(authorization.same_key(known, key) for known in keys):
                yield f"key of another action: {statement.label}: {key} is no key of {action.name}"


def operator_fits(statement: Statement, operator: str, key: str, kind: str, values: tuple[str, ...]) -> Iterator[str]:
    set_operator, _, plain = operator.rpartition(":")
    plain = plain.removesuffix("IfExists")
    where = f"{statement.label}: {operator} on {key}, which is {kind}"
    if plain == "Null":
        if set_operator or not set(values) <= {"true", "false"}:
            yield f"wrong operator: {where}: Null takes no set operator, and `true` or `false`"
        return
    many = kind.startswith("ArrayOf")
    if plain not in OPERATORS.get(kind.removeprefix("ArrayOf"), set()):
        yield f"wrong operator: {where}"
    # https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-single-vs-multi-valued-context-keys.html
    if many and set_operator not in SET_OPERATORS:
        yield f"needs a set operator: {where}: a key with several values matches no plain operator"
    if not many and set_operator:
        yield f"wrong operator: {where}: a set operator on a key with one value is met by a request without the key"
    # "ForAllValues … returns true if there are no keys in the request": the same page.
    if many and set_operator == "ForAllValues" and statement.effect == "Allow" and ("Null", key, ("false",)) not in statement.conditions:
        yield f"met without the key: {where}: add Null {key} `false`"


def machine_is_trusted(statement: Statement) -> Iterator[str]:
    """A role that a state machine works with is assumed by executions of its versions, too. AWS documents `aws:SourceArn` for the machine's
    own ARN (https://docs.aws.amazon.com/step-functions/latest/dg/procedure-create-iam-role.html), and not for executions that an alias
    starts: both are trusted."""
    principal = statement.principal if isinstance(statement.principal, dict) else {}
    if principal.get("Service") != "states.amazonaws.com":
        return
    machines = {it for _, key, values in statement.conditions if key.lower() == "aws:sourcearn" for it in values if "*" not in it}
    for machine in machines:
        for source in (machine, f"{machine}:live", f"{machine}:7"):
            context = {"aws__SourceArn": source, "aws__SourceAccount": machine.split(":")[4]}
            if not iam.conditions_hold(statement, iam.request("sts:AssumeRole", "*", **context)):
                yield f"no trust in versions: {statement.label}: Step Functions may come as {source}"


def tables_of(policies: list[Policy]) -> list[str]:
    """The tables that the statements name."""
    resources = {it for policy in policies for st in policy.statements for it in st.resources}
    return sorted(it for it in resources if ":dynamodb:" in it and "/index/" not in it and "/stream/" not in it)


def policies_are_changed_by_the_api(role: str, policies: list[Policy]) -> Iterator[str]:
    """A role that can change the policies can do everything, so only the API may. It asks the policies first."""
    if role.rsplit(maxsplit=1)[-1] in {"ApiRole"} | LIMITED:
        return
    for table in tables_of(policies):
        for action in sorted(REMOVING | {"dynamodb:PutItem"}):
            if iam.is_allowed(policies, iam.request(action, table, dynamodb__LeadingKeys=("policies",))):
                yield f"policies: {role} may call {action} on `policies`"


def audit_is_appended_only(role: str, policies: list[Policy]) -> Iterator[str]:
    """No role changes or deletes audit records, in whatever way DynamoDB has, and only those that record anything append."""
    forbidden = REMOVING if role.rsplit(maxsplit=1)[-1] in APPENDING | LIMITED else REMOVING | {"dynamodb:PutItem"}
    for table in tables_of(policies):
        for partition in ("audit#00", "audit#15", "audit-heads"):
            # A head is replaced by the next one: by a Put.
            for action in sorted(forbidden):
                if iam.is_allowed(policies, iam.request(action, table, dynamodb__LeadingKeys=(partition,))):
                    yield f"audit log: {role} may call {action} on `{partition}`"


def role_is_complete(role: str, policies: list[Policy]) -> Iterator[str]:
    """Every required resource type of an action is there, and every action that another depends on."""
    allowed: dict[str, set[str]] = {}
    for policy in policies:
        for statement in policy.statements:
            if statement.effect == "Allow" and "*" not in "".join(statement.actions):
                for action in known_actions(statement):
                    allowed.setdefault(action.name, set()).update(statement.resources)
    for name, resources in allowed.items():
        action = authorization.action(name)
        for it in action.types:
            if it.required and it.name not in ALTERNATIVES and not any(_fits(resource, [it.arn]) for resource in resources):
                yield f"resource type is missing: {role}: {name} needs {it.arn}"
        dependent = {needed for it in action.types for needed in it.dependent if any(_fits(r, [it.arn]) for r in resources)}
        for needed in sorted(dependent | set(action.dependent)):
            if needed not in allowed and needed not in NOT_NEEDED:
                yield f"dependent action is missing: {role}: {name} needs {needed}"
