"""The policies of the Terraform modules that are twins of the templates in aws/, as Terraform itself evaluates them.

A module's variables and locals are copied, and each `aws_iam_policy_document` becomes an output of the same expressions. What only the
provider knows (the account, ARNs of resources) is given. So no provider is needed, and nothing of Terraform's language is written anew.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from policies import ENVIRONMENT, ROOT, SOURCE, Account, Policy, ResourcePolicy, Role
from terraform_module import Block, Module, read


class NotEvaluated(Exception):
    """Terraform refused what was made of a module."""


def evaluated(module: Module, variables: dict, known: dict) -> dict[str, dict]:
    """The policy documents of a module, by the names of their data sources. `known` is what the provider would say, as
    `{"data": {"aws_partition": {"this": {"partition": "aws"}}}, "aws_sqs_queue": {"undelivered": {"arn": "…"}}}`."""
    documents = [block for block in module.of("data") if block.labels[0] == "aws_iam_policy_document"]
    parts = [given(block.text) for block in module.of("locals")]
    parts += [f"locals {{\n  provider = {json.dumps(known)}\n}}"]
    parts += [f'output "{block.name}" {{\n  value = {given(statements(block))}\n}}' for block in documents]
    with tempfile.TemporaryDirectory() as folder:
        shutil.copy(module.folder / "variables.tf", folder)
        Path(folder, "main.tf").write_text("\n".join(parts))
        Path(folder, "terraform.tfvars.json").write_text(json.dumps(variables))
        for arguments in (["apply", "-auto-approve", "-input=false", "-no-color"], ["output", "-json"]):
            done = subprocess.run(["terraform", *arguments], cwd=folder, text=True, capture_output=True, check=False)
            if done.returncode:
                raise NotEvaluated(f"{module.folder}: {done.stderr}")
    outputs = {name: it["value"] for name, it in json.loads(done.stdout).items()}
    return {name: {"Version": "2012-10-17", "Statement": [as_json(it) for it in found]} for name, found in outputs.items()}


def given(text: str) -> str:
    """An expression in which the provider's values are those that are given."""
    text = re.sub(r"(?<![\w.])data\.aws_", "local.provider.data.aws_", text)
    return re.sub(r"(?<![\w./\"])aws_(\w+)\.", r"local.provider.aws_\1.", text)


def statements(document: Block) -> str:
    """The statements of a document as a list of objects of HCL."""

    def value(block: Block, inner: list[str]) -> str:
        fields = [f"{name} = {expression.text}" for name, expression in block.attributes.items()]
        fields += [f"{kind} = [{', '.join(value(it, []) for it in block.inner(kind))}]" for kind in inner]
        return "{ " + "\n".join(fields) + " }"

    if unknown := {it.kind for it in document.blocks} - {"statement"}:
        raise NotEvaluated(f"{document}: the checks have no rule for {', '.join(sorted(unknown))}")
    return "[" + ",\n".join(value(it, ["principals", "condition"]) for it in document.inner("statement")) + "]"


def as_json(statement: dict) -> dict:
    """A statement as IAM has it."""
    known = {"sid", "effect", "actions", "resources", "principals", "condition"}
    if unknown := set(statement) - known:
        raise NotEvaluated(f"the checks have no rule for {', '.join(sorted(unknown))} of a statement")
    document = {"Effect": statement.get("effect", "Allow"), "Action": statement["actions"]}
    if "sid" in statement:
        document["Sid"] = statement["sid"]
    if "resources" in statement:
        document["Resource"] = statement["resources"]
    if statement["principals"]:
        document["Principal"] = {it["type"]: it["identifiers"] for it in statement["principals"]}
    for it in statement["condition"]:
        document.setdefault("Condition", {}).setdefault(it["test"], {})[it["variable"]] = it["values"]
    return document


def provider_of(account: str, region: str) -> dict:
    """What the provider says in an account."""
    iam = f"arn:aws:iam::{account}"
    rules = ("slipway-images", "slipway-requests")
    return {
        "data": {
            "aws_partition": {"this": {"partition": "aws"}},
            "aws_caller_identity": {"this": {"account_id": account}},
            "aws_region": {"this": {"region": region}},
        },
        "aws_iam_policy": {"boundary": {"arn": f"{iam}:policy/slipway-environment-production"}},
        "aws_cloudwatch_event_rule": {
            "this": {name: {"arn": f"arn:aws:events:{region}:{account}:rule/{name}"} for name in rules},
        },
        "aws_sqs_queue": {"undelivered": {"arn": f"arn:aws:sqs:{region}:{account}:slipway-undelivered"}},
        "aws_cloudwatch_event_bus": {"results": [{"arn": f"arn:aws:events:{region}:{account}:event-bus/slipway-results"}]},
    }


def role_of(name: str, logical: str, trust: dict, documents: dict[str, dict], boundary: dict | None = None) -> Role:
    policies = [Policy(f"{name} {logical}/{it}", document) for it, document in documents.items()]
    bounded = next((policy for policy in policies if policy.document is boundary), None)
    return Role(logical, logical, logical, Policy(f"{name} {logical} trust", trust), policies, bounded)


def target_account(target: dict, region: str, root: Path = ROOT) -> Account:
    """tf/modules/target-account, with the parameters of its twin."""
    name = "tf/modules/target-account"
    variables = {
        "name": target["Name"],
        "runner_role_arn": target["RunnerRoleArn"],
        "external_id": target["ExternalId"],
        "state_machine_arn": target["StateMachineArn"],
        "workflow_role_arns": target["WorkflowRoleArns"],
        "event_bus_arn": target["EventBusArn"],
        "regions": target["Regions"],
    }
    found = evaluated(read(root / name), variables, provider_of(ENVIRONMENT, region))
    boundary = found["boundary"]
    roles = [
        role_of(name, "Role", found["trust"], {"Boundary": boundary}, boundary),
        role_of(name, "ReleaseRole", found["release_trust"], {"release": found["release"]}),
        role_of(name, "EventsRole", found["events_trust"], {"put-events": found["events"]}),
    ]
    return Account(name, ENVIRONMENT, {role.logical: role for role in roles})


def event_source_account(source: dict, region: str, root: Path = ROOT) -> Account:
    """tf/modules/event-source-account, with the parameters of its twin."""
    name = "tf/modules/event-source-account"
    variables = {
        "bus_arn": source["BusArn"],
        "repositories": [*source["Repositories"].split(","), source["RepositoryPattern"]],
        "request_sources": source["RequestSources"].split(","),
        "events_role_arn": source["EventsRoleArn"],
    }
    found = evaluated(read(root / name), variables, provider_of(SOURCE, region))
    role = role_of(name, "Role", found["trust"], {"put-events": found["put"]})
    resources = [
        ResourcePolicy("UndeliveredPolicy", "slipway-undelivered", Policy(f"{name} UndeliveredPolicy", found["undelivered"])),
        ResourcePolicy("ResultsBusPolicy", "slipway-results", Policy(f"{name} ResultsBusPolicy", found["results"])),
    ]
    return Account(name, SOURCE, {"Role": role}, resources)
