"""IAM's decision on a request, as far as the policies here go: identity policies of a role, and the trust policy of a role.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html. An operator that is not known here is an error,
never "allowed". scripts/simulate_policies.mjs holds these decisions against those of an independent implementation.
"""

from __future__ import annotations

import fnmatch
import re
from dataclasses import dataclass, field

import authorization
from policies import Policy, Statement


class NotDecided(Exception):
    """A policy that this does not evaluate."""


@dataclass(frozen=True)
class Request:
    """A request to IAM: the action on a resource, with the keys of its context. A key with several values has a tuple."""

    action: str
    resource: str
    context: tuple[tuple[str, str | tuple[str, ...]], ...] = field(default=())

    def keys(self) -> dict[str, tuple[str, ...]]:
        return {key.lower(): (value,) if isinstance(value, str) else value for key, value in self.context}

    def __str__(self) -> str:
        context = ", ".join(f"{key}={value}" for key, value in self.context)
        return f"{self.action} on {self.resource}{f' ({context})' if context else ''}"


def request(action: str, resource: str, **context: str | tuple[str, ...]) -> Request:
    """`request("iam:PassRole", arn, iam__PassedToService="ecs.amazonaws.com")`: a colon is two underscores."""
    return Request(action, resource, tuple(sorted((key.replace("__", ":"), value) for key, value in context.items())))


def allowing(policies: list[Policy], asked: Request) -> list[Statement]:
    """The statements that allow a request; none where one denies it."""
    found = [it for policy in policies for it in policy.statements if applies(it, asked)]
    return [] if any(it.effect == "Deny" for it in found) else found


def is_allowed(policies: list[Policy], asked: Request) -> bool:
    return bool(allowing(policies, asked))


def applies(statement: Statement, asked: Request) -> bool:
    return has_action(statement, asked) and has_resource(statement, asked) and conditions_hold(statement, asked)


def has_action(statement: Statement, asked: Request) -> bool:
    return any(fnmatch.fnmatchcase(asked.action.lower(), action.lower()) for action in statement.actions)


def has_resource(statement: Statement, asked: Request) -> bool:
    # A trust policy has none: it is about its role.
    return not statement.resources or any(authorization.covers(it, asked.resource) for it in statement.resources)


def conditions_hold(statement: Statement, asked: Request) -> bool:
    keys = asked.keys()
    for operator, key, values in statement.conditions:
        # "Multivalued context keys require a condition set operator": without one nothing matches, however many values there are.
        many = (authorization.type_of_key(key) or "").startswith("ArrayOf")
        if many and operator != "Null" and ":" not in operator:
            return False
        if not holds(operator, values, keys.get(key.lower())):
            return False
    return True


def holds(operator: str, wanted: tuple[str, ...], given: tuple[str, ...] | None) -> bool:
    """One condition: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html."""
    quantifier, _, plain = operator.rpartition(":")
    if plain == "Null":
        return wanted == (("true",) if given is None else ("false",))
    if plain.endswith("IfExists") and given is None:
        return True
    plain = plain.removesuffix("IfExists")
    compare = {
        "StringEquals": lambda want, value: want == value,
        "StringLike": like,
        "ArnEquals": authorization.covers,
        "ArnLike": authorization.covers,
        "Bool": lambda want, value: want.lower() == value.lower(),
    }.get(plain)
    if compare is None:
        raise NotDecided(f"the operator {operator}")
    met = [any(compare(want, value) for want in wanted) for value in given or ()]
    if quantifier == "ForAllValues":
        return all(met)
    if quantifier == "ForAnyValue":
        return any(met)
    return met == [True]


def like(pattern: str, value: str) -> bool:
    expression = "".join({"*": ".*", "?": "."}.get(character, re.escape(character)) for character in pattern)
    return re.fullmatch(expression, value, re.DOTALL) is not None


def trusts(trust: Policy, principal_arn: str, asked: Request) -> bool:
    """Whether the trust policy of a role lets a role assume it."""
    account = principal_arn.split(":")[4]
    with_principal = Request(asked.action, asked.resource, (*asked.context, ("aws:PrincipalArn", principal_arn)))

    def names(statement: Statement) -> bool:
        principals = statement.principal.get("AWS", []) if isinstance(statement.principal, dict) else [statement.principal]
        known = {principal_arn, account, f"arn:aws:iam::{account}:root", "*"}
        return bool(known & set([principals] if isinstance(principals, str) else principals))

    return any(it.effect == "Allow" and names(it) and applies(it, with_principal) for it in trust.statements)
