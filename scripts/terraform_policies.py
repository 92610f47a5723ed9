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


def provider_of(account: str, region: str, name: str) -> dict:
    """What the provider says in an account."""
    rules = ("slipway-images", "slipway-requests")
    ends = (f"slipway-rollouts-{name}", f"slipway-snapshots-{name}", f"slipway-tasks-{name}")

    def arns(names: tuple[str, ...]) -> dict:
        return {it: {"arn": f"arn:aws:events:{region}:{account}:rule/{it}"} for it in names}

    return {
        "data": {
            "aws_partition": {"this": {"partition": "aws"}},
            "aws_caller_identity": {"this": {"account_id": account}},
            "aws_region": {"this": {"region": region}},
        },
        "aws_iam_policy": {"boundary": {"arn": f"arn:aws:iam::{account}:policy/slipway-environment-{name}"}},
        "aws_cloudwatch_event_rule": {"this": arns(rules), "ends": arns(ends)},
        "aws_sqs_queue": {"undelivered": {"arn": f"arn:aws:sqs:{region}:{account}:slipway-undelivered{name and f'-{name}'}"}},
        "aws_cloudwatch_event_bus": {"results": [{"arn": f"arn:aws:events:{region}:{account}:event-bus/slipway-results"}]},
    }


# What the data sources of a module are, by the logical ids of its twin: trust and policies of a role, or the policy of a resource.
ROLES = {
    "tf/modules/target-account": {
        "Role": ("trust", {"Boundary": "boundary"}),
        "ReleaseRole": ("release_trust", {"release": "release"}),
        "LogsRole": ("logs_trust", {"logs": "logs"}),
        "EventsRole": ("events_trust", {"put-events": "events"}),
    },
    "tf/modules/event-source-account": {"Role": ("trust", {"put-events": "put"})},
}
RESOURCES = {"undelivered": "UndeliveredPolicy", "results": "ResultsBusPolicy"}


def account_of(name: str, account: str, found: dict[str, dict]) -> Account:
    """The policies of a module by the logical ids of its twin. A document that is none of these is refused."""
    known, used = Account(name, account), set()
    for logical, (trust, documents) in ROLES[name].items():
        used |= {trust, *documents.values()}
        policies = [Policy(f"{name} {logical}/{it}", found[document]) for it, document in documents.items()]
        boundary = policies[0] if "Boundary" in documents else None
        known.roles[logical] = Role(logical, logical, logical, Policy(f"{name} {logical} trust", found[trust]), policies, boundary)
    for document, logical in RESOURCES.items():
        if document in found:
            used.add(document)
            known.resources.append(ResourcePolicy(logical, document, Policy(f"{name} {logical}", found[document])))
    if unknown := set(found) - used:
        raise NotEvaluated(f"{name}: the checks have no rule for the document {', '.join(sorted(unknown))}")
    return known


def target_account(target: dict, region: str, root: Path = ROOT) -> Account:
    """tf/modules/target-account, with the parameters of its twin."""
    name = "tf/modules/target-account"
    variables = {
        "name": target["Name"],
        "runner_role_arn": target["RunnerRoleArn"],
        "external_id": target["ExternalId"],
        "state_machine_arn": target["StateMachineArn"],
        "workflow_role_arns": target["WorkflowRoleArns"],
        "api_role_arn": target["ApiRoleArn"],
        "event_bus_arn": target["EventBusArn"],
        "regions": target["Regions"],
    }
    provider = provider_of(ENVIRONMENT, region, target["Name"])
    return account_of(name, ENVIRONMENT, evaluated(read(root / name), variables, provider))


def event_source_account(source: dict, region: str, root: Path = ROOT) -> Account:
    """tf/modules/event-source-account, with the parameters of its twin."""
    name = "tf/modules/event-source-account"
    variables = {
        "bus_arn": source["BusArn"],
        "repositories": [*source["Repositories"].split(","), source["RepositoryPattern"]],
        "request_sources": source["RequestSources"].split(","),
        "events_role_arn": source["EventsRoleArn"],
    }
    return account_of(name, SOURCE, evaluated(read(root / name), variables, provider_of(SOURCE, region, "")))
