"""Every policy of Slipway's templates, resolved: of roles (permissions and trust), boundaries, buckets, queues and buses."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from resolved_template import Template, Unknown

ROOT = Path(__file__).resolve().parent.parent

SLIPWAY, ENVIRONMENT, SOURCE = "111122223333", "444455556666", "777788889999"
REGION, STACK = "eu-west-1", "slipway"
# All parts of the template that depend on a parameter.
EVERYTHING = {
    "OidcIssuer": "https://issuer.example.com",
    "OidcAudience": "slipway",
    "OidcUserClaim": "sub",
    "EventSourceAccounts": SOURCE,
    "EventSourceOrganization": "o-a1b2c3d4e5",
    "EnvironmentAccounts": ENVIRONMENT,
    "AlarmEmail": "team@example.com",
}


@dataclass(frozen=True)
class Statement:
    """One statement of a policy; `label` says where it stands."""

    label: str
    effect: str
    actions: tuple[str, ...]
    resources: tuple[str, ...]
    # Operator, key, values.
    conditions: tuple[tuple[str, str, tuple[str, ...]], ...] = ()
    principal: Any = None


@dataclass
class Policy:
    label: str
    document: dict

    @property
    def statements(self) -> list[Statement]:
        found = listed(self.document["Statement"])
        return [statement_of(f"{self.label}[{at}]", it) for at, it in enumerate(found)]


@dataclass
class Role:
    logical: str
    name: str
    arn: str
    trust: Policy
    policies: list[Policy]
    boundary: Policy | None = None


@dataclass
class ResourcePolicy:
    """The policy of a bucket, queue or bus."""

    logical: str
    resource: str
    policy: Policy


@dataclass
class Account:
    """The policies that one template makes in one account."""

    name: str
    account: str
    roles: dict[str, Role] = field(default_factory=dict)
    resources: list[ResourcePolicy] = field(default_factory=list)

    def policies(self) -> list[Policy]:
        """All identity policies, boundaries and resource policies. Trust policies are `trusts`."""
        found = [policy for role in self.roles.values() for policy in role.policies]
        known = {id(policy.document) for policy in found}
        found += [role.boundary for role in self.roles.values() if role.boundary and id(role.boundary.document) not in known]
        return found + [it.policy for it in self.resources]

    def trusts(self) -> list[Policy]:
        return [role.trust for role in self.roles.values()]


def listed(value: Any) -> list:
    return value if isinstance(value, list) else [value]


def statement_of(label: str, document: dict) -> Statement:
    known = {"Sid", "Effect", "Action", "Resource", "Condition", "Principal"}
    if unknown := set(document) - known:
        raise Unknown(f"{label}: the checks have no rule for {', '.join(sorted(unknown))}")
    conditions = [
        (operator, key, tuple(str(value) for value in listed(values)))
        for operator, keys in document.get("Condition", {}).items()
        for key, values in keys.items()
    ]
    return Statement(
        label=f"{label} {document['Sid']}" if "Sid" in document else label,
        effect=document["Effect"],
        actions=tuple(listed(document["Action"])),
        resources=tuple(listed(document.get("Resource", []))),
        conditions=tuple(conditions),
        principal=document.get("Principal"),
    )


def of_template(name: str, template: Template) -> Account:
    """The policies of a template of CloudFormation."""
    managed = {
        template.arn(logical): Policy(f"{name} {logical}", it["PolicyDocument"])
        for logical, it in template.resources("AWS::IAM::ManagedPolicy").items()
    }

    def named(arn: str) -> Policy:
        if arn not in managed:
            raise Unknown(f"{name}: the policy {arn} is not in the template")
        return managed[arn]

    account = Account(name, template.account)
    for logical, it in template.resources("AWS::IAM::Role").items():
        label = f"{name} {logical}"
        account.roles[logical] = Role(
            logical=logical,
            name=template.name(logical),
            arn=template.arn(logical),
            trust=Policy(f"{label} trust", it["AssumeRolePolicyDocument"]),
            policies=[Policy(f"{label}/{one['PolicyName']}", one["PolicyDocument"]) for one in it.get("Policies", [])]
            + [named(arn) for arn in it.get("ManagedPolicyArns", [])],
            boundary=named(it["PermissionsBoundary"]) if "PermissionsBoundary" in it else None,
        )
    for logical, it in template.resources("AWS::S3::BucketPolicy", "AWS::SQS::QueuePolicy").items():
        policy = Policy(f"{name} {logical}", it["PolicyDocument"])
        resource = it["Bucket"] if "Bucket" in it else ",".join(it["Queues"])
        account.resources.append(ResourcePolicy(logical, resource, policy))
    for logical, it in template.resources("AWS::Events::EventBusPolicy").items():
        statement = {"Sid": it["StatementId"], **it["Statement"]}
        policy = Policy(f"{name} {logical}", {"Version": "2012-10-17", "Statement": [statement]})
        account.resources.append(ResourcePolicy(logical, it["EventBusName"], policy))
    return account


def templates(root: Path = ROOT, **given: Any) -> dict[str, Template]:
    """The three templates, as one installation uses them: Slipway, an account of an environment, an account that sends events."""
    given = {"stack": STACK, "account": SLIPWAY, "region": REGION, "parameters": EVERYTHING, **given}
    slipway = Template(root / "template.yaml", **given)
    outputs = {name: slipway.value(it["Value"]) for name, it in slipway.text["Outputs"].items()}
    region = slipway.region
    target = {
        "Name": "production",
        "ExternalId": "0f0f0f0f-aaaa-bbbb-cccc-000011112222",
        "Regions": region,
    } | {name: outputs[name] for name in ("RunnerRoleArn", "StateMachineArn", "WorkflowRoleArns", "ApiRoleArn", "EventBusArn")}
    source = {
        "BusArn": outputs["EventBusArn"],
        "Repositories": "shop/web,shop/worker",
        "RepositoryPattern": "team-a/*",
        "RequestSources": "com.example.portal",
        "EventsRoleArn": outputs["EventsRoleArn"],
    }
    return {
        "template.yaml": slipway,
        "aws/target-account": Template(root / "aws/target-account/template.yaml", "environment", ENVIRONMENT, region, target),
        "aws/event-source-account": Template(root / "aws/event-source-account/template.yaml", "source", SOURCE, region, source),
    }


def accounts(root: Path = ROOT, **given: Any) -> dict[str, Account]:
    """The policies of the three templates."""
    return {name: of_template(name, template) for name, template in templates(root, **given).items()}
