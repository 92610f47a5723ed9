"""Slipway in the account: the template with the built functions, deployed by CloudFormation as `sam deploy` would."""

from __future__ import annotations

import contextlib
import io
import json
import os
import zipfile
from dataclasses import dataclass
from pathlib import Path

from cloud import Cloud, Timeout
from samtranslator.translator.transform import transform
from samtranslator.yaml_helper import yaml_parse

ROOT = Path(__file__).resolve().parent.parent.parent
FUNCTIONS = {
    "ApiFunction": "api",
    "EventsFunction": "events",
    "NotifyFunction": "notify",
    "StepsFunction": "steps",
    "SweepFunction": "sweep",
}
# What ministack does not know.
NOT_ON_EMULATORS = {
    "AWS::StepFunctions::StateMachineVersion",
    "AWS::StepFunctions::StateMachineAlias",
    "AWS::Events::EventBusPolicy",
}


@dataclass
class Deployment:
    """A deployed stack."""

    stack: str
    outputs: dict[str, str]

    @property
    def machine(self) -> str:
        return self.outputs["StateMachineArn"]


def deploy(cloud: Cloud, binaries: Path, architecture: str, second_account: str | None) -> Deployment:
    """Deploys template.yaml under the name of the run."""
    stack = cloud.run
    code = make_bucket(cloud, "code")
    body = template(cloud, code, binaries)
    s3 = cloud.client("s3")
    s3.put_object(Bucket=code, Key="template", Body=json.dumps(body))
    cloud.making("stack", stack)
    retained(cloud, stack)
    parameters = {"Architecture": architecture, "WithDashboard": "no"}
    if second_account:
        parameters["EnvironmentAccounts"] = second_account
    url = f"{cloud.endpoint}/{code}/template" if cloud.is_emulator else f"https://{code}.s3.{cloud.region}.amazonaws.com/template"
    return Deployment(stack, create(cloud, stack, url, parameters))


def retained(cloud: Cloud, stack: str):
    """What stays when the stack is deleted. It goes after the stack, so it is written down before it."""
    account = cloud.account
    stays = [("table", stack)]
    stays += [("bucket", f"{stack}-{part}-{account}-{cloud.region}") for part in ("state", "artifacts")]
    at = next(n for n, it in enumerate(cloud.made) if it["kind"] == "stack")
    cloud.made[at:at] = [{"kind": kind, "name": name} for kind, name in stays]
    cloud.save()


def make_bucket(cloud: Cloud, part: str) -> str:
    name = cloud.making("bucket", f"{cloud.name(part)}-{cloud.account}")
    where = {} if cloud.region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": cloud.region}}
    cloud.client("s3").create_bucket(Bucket=name, **where)
    return name


def template(cloud: Cloud, bucket: str, binaries: Path) -> dict:
    """The template with the addresses of the code, translated by SAM's own translator."""
    s3 = cloud.client("s3")
    text = yaml_parse((ROOT / "template.yaml").read_text())
    for logical, name in FUNCTIONS.items():
        s3.put_object(Bucket=bucket, Key=name, Body=zipped(binary(binaries, name)))
        text["Resources"][logical]["Properties"]["CodeUri"] = f"s3://{bucket}/{name}"
    s3.put_object(Bucket=bucket, Key="definition", Body=(ROOT / "statemachine/operation.asl.json").read_bytes())
    text["Resources"]["Operation"]["Properties"]["DefinitionUri"] = f"s3://{bucket}/definition"
    if cloud.is_emulator:
        text["Globals"]["Function"]["Environment"]["Variables"]["AWS_ENDPOINT_URL"] = cloud.endpoint
    os.environ["AWS_DEFAULT_REGION"] = cloud.region
    translated = transform(text, {}, type("NoPolicies", (), {"load": lambda _: {}})())
    if cloud.is_emulator:
        resources = translated["Resources"]
        # Alarms over several metrics are not known to ministack either.
        for logical in [it for it, r in resources.items() if r["Type"] in NOT_ON_EMULATORS or "Metrics" in r.get("Properties", {})]:
            del resources[logical]
    return translated


def binary(folder: Path, name: str) -> bytes:
    """A function's program: `slipway-api`, or `slipway-api/bootstrap` as cargo lambda writes it."""
    for path in (folder / f"slipway-{name}" / "bootstrap", folder / f"slipway-{name}"):
        if path.is_file():
            return path.read_bytes()
    raise SystemExit(f"failed to find slipway-{name} in {folder}: build the functions with `cargo lambda build --release --arm64`")


def zipped(program: bytes) -> bytes:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as written:
        info = zipfile.ZipInfo("bootstrap")
        info.external_attr = 0o755 << 16
        written.writestr(info, program)
    return archive.getvalue()


def create(cloud: Cloud, name: str, url: str, parameters: dict[str, str]) -> dict[str, str]:
    """Creates a stack, and returns its outputs."""
    formation = cloud.client("cloudformation")
    formation.create_stack(
        StackName=name,
        TemplateURL=url,
        Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()],
        Capabilities=["CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"],
        Tags=cloud.tags(),
        OnFailure="DO_NOTHING",
    )

    def ended() -> dict | None:
        [stack] = formation.describe_stacks(StackName=name)["Stacks"]
        return None if stack["StackStatus"].endswith("IN_PROGRESS") else stack

    stack = cloud.until(f"the stack {name} is created", ended, 10)
    if stack["StackStatus"] != "CREATE_COMPLETE":
        reasons = []
        with contextlib.suppress(Exception):
            events = formation.describe_stack_events(StackName=name)["StackEvents"]
            reasons = [f"{it['LogicalResourceId']}: {it.get('ResourceStatusReason')}" for it in events if "FAILED" in it["ResourceStatus"]]
        raise Timeout(f"the stack {name} is {stack['StackStatus']}: {'; '.join(reasons)}")
    return {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}
