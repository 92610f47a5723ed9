#!/usr/bin/env python3
"""Deploys template.yaml on ministack, an emulator of AWS from PyPI, and looks at what came of it.

    python3 -m venv target/emulator && target/emulator/bin/pip install -r .ci/requirements-emulator.txt
    cargo build --bins
    target/emulator/bin/python scripts/deploy_on_emulator.py target/debug

It proves that CloudFormation's own order of things works out (references, conditions, rules, the SAM transform), that wrong
parameters are refused with what is expected, and that the real programs of the functions answer: API Gateway to the function to the
table, the start of an execution through the alias, and the real state machine with the real steps to its end.

Not here: roles are not enforced, so that permissions are compared by scripts/check_permissions.py; builds and services do not run, so
that an operation goes no further than its first build; tokens are not tried. The emulator listens on loopback, and is gone afterwards.
"""

import contextlib
import io
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
import zipfile
from pathlib import Path

import boto3
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import ClientError
from samtranslator.translator.transform import transform
from samtranslator.yaml_helper import yaml_parse

ROOT = Path(__file__).resolve().parent.parent
REGION = "eu-west-1"
CODE = "slipway-code"
FUNCTIONS = {"ApiFunction": "api", "EventsFunction": "events", "StepsFunction": "steps", "SweepFunction": "sweep"}

# What the emulator does not know, and what is done about it here.
LEFT_OUT = {
    "AWS::StepFunctions::StateMachineVersion": "made by its API below",
    "AWS::StepFunctions::StateMachineAlias": "made by its API below",
    "AWS::Events::EventBusPolicy": "there is one account",
}
LEFT_OUT_BY_NAME = {"SweeperSilent": "alarms over several metrics are not known"}

# Parameters that are refused, each with a part of what is said.
REFUSED = [
    ({"OidcIssuer": "https://issuer.example.com"}, "OidcIssuer and OidcAudience go together"),
    ({"OidcAudience": "slipway"}, "OidcIssuer and OidcAudience go together"),
    ({"OidcIssuer": "http://issuer.example.com", "OidcAudience": "slipway"}, "begins with https://"),
    ({"OidcIssuer": "https://issuer.example.com", "OidcAudience": "a, b"}, "commas and no spaces"),
    ({"Admins": ""}, "at least one group"),
    ({"EventSourceAccounts": "12"}, "12 digits"),
    ({"EventSourceOrganization": "acme"}, "the id of an organization"),
    ({"ConcurrentBuilds": "0"}, "not less than 1"),
    ({"AlarmEmail": "nobody"}, "one e-mail address"),
    ({"Architecture": "mips"}, "mips"),
]
TOKENS = {
    "OidcIssuer": "https://issuer.example.com",
    "OidcAudience": "slipway,slipway-cli",
    "EventSourceAccounts": "111122223333,444455556666",
    "EventSourceOrganization": "o-a1b2c3d4e5",
    "AlarmEmail": "somebody@example.com",
    "Architecture": "x86_64",
}
# The one answer that is made up: the emulator runs no builds.
NO_BUILD = "there is no build here"
MOCKS = {
    "StateMachines": {"slipway-operation": {"TestCases": {"NoBuild": {"Plan": "NoBuild"}}}},
    "MockedResponses": {"NoBuild": {"0": {"Throw": {"Error": "Slipway.PlanFailed", "Cause": NO_BUILD}}}},
}
BLUEPRINT = 'output "slipway" { value = { endpoints = {} } }\n'


def say(text):
    print(f"ok: {text}", flush=True)


@contextlib.contextmanager
def emulator(folder):
    """Runs the emulator on a free port of loopback."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    mocks = Path(folder) / "mocks.json"
    mocks.write_text(json.dumps(MOCKS))
    settings = {"BIND_HOST": "127.0.0.1", "GATEWAY_PORT": str(port), "LAMBDA_EXECUTOR": "local", "HOME": folder}
    settings["SFN_MOCK_CONFIG"] = str(mocks)
    program = Path(sys.executable).with_name("ministack")
    with open(Path(folder) / "log", "w") as log:
        process = subprocess.Popen([program], env={**os.environ, **settings}, stdout=log, stderr=log, cwd=folder)
    try:
        endpoint = f"http://127.0.0.1:{port}"
        for _ in range(200):
            with contextlib.suppress(OSError), urllib.request.urlopen(f"{endpoint}/_ministack/health", timeout=1):
                break
            time.sleep(0.1)
        yield endpoint
    finally:
        process.terminate()
        process.wait()


class Cloud:
    def __init__(self, endpoint, binaries):
        self.endpoint, self.binaries = endpoint, binaries
        self.credentials = Credentials("test", "test")
        self.s3, self.cloudformation = self.client("s3"), self.client("cloudformation")
        self.s3.create_bucket(Bucket=CODE, CreateBucketConfiguration={"LocationConstraint": REGION})

    def client(self, service):
        keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
        return boto3.client(service, endpoint_url=self.endpoint, region_name=REGION, **keys)

    def package(self):
        """What `sam package` does: code and definition into a bucket, then SAM's own translator."""
        template = yaml_parse((ROOT / "template.yaml").read_text())
        for logical, name in FUNCTIONS.items():
            archive = io.BytesIO()
            with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as zipped:
                info = zipfile.ZipInfo("bootstrap")
                info.external_attr = 0o755 << 16
                zipped.writestr(info, (self.binaries / f"slipway-{name}").read_bytes())
            self.s3.put_object(Bucket=CODE, Key=name, Body=archive.getvalue())
            template["Resources"][logical]["Properties"]["CodeUri"] = f"s3://{CODE}/{name}"
        # Where AWS is, for the SDK in the programs; and which of the answers above an execution gets.
        variables = template["Globals"]["Function"]["Environment"]["Variables"]
        variables["AWS_ENDPOINT_URL"] = self.endpoint
        variables["SLIPWAY_STATE_MACHINE_ARN"]["Fn::Sub"] += "#NoBuild"
        definition = (ROOT / "statemachine/operation.asl.json").read_bytes()
        self.s3.put_object(Bucket=CODE, Key="definition", Body=definition)
        template["Resources"]["Operation"]["Properties"]["DefinitionUri"] = f"s3://{CODE}/definition"
        os.environ.setdefault("AWS_DEFAULT_REGION", REGION)
        translated = transform(template, {}, type("NoPolicies", (), {"load": lambda self: {}})())
        resources = translated["Resources"]
        for logical in [it for it, r in resources.items() if r["Type"] in LEFT_OUT or it in LEFT_OUT_BY_NAME]:
            del resources[logical]
        self.s3.put_object(Bucket=CODE, Key="template", Body=json.dumps(translated))

    def deploy(self, name, parameters, template="template"):
        """Makes a stack, and returns its outputs."""
        self.cloudformation.create_stack(
            StackName=name,
            TemplateURL=f"{self.endpoint}/{CODE}/{template}",
            Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()],
            Capabilities=["CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"],
        )
        for _ in range(600):
            stack = self.cloudformation.describe_stacks(StackName=name)["Stacks"][0]
            if not stack["StackStatus"].endswith("IN_PROGRESS"):
                break
            time.sleep(0.2)
        if stack["StackStatus"] != "CREATE_COMPLETE":
            for event in self.cloudformation.describe_stack_events(StackName=name)["StackEvents"]:
                if event["ResourceStatus"].endswith("FAILED"):
                    print(event["LogicalResourceId"], event.get("ResourceStatusReason"))
            sys.exit(f"the stack {name} is {stack['StackStatus']}")
        return {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}

    def request(self, api, method, path, body=None, headers=None):
        """Sends a signed request to an API, by its address in the emulator: status and answer."""
        data = None if body is None else json.dumps(body).encode()
        headers = {"Host": api.split("//")[1], "Content-Type": "application/json", **(headers or {})}
        signed = AWSRequest(method, self.endpoint + path, data=data, headers=headers)
        SigV4Auth(self.credentials, "execute-api", REGION).add_auth(signed)
        sent = urllib.request.Request(signed.url, data=data, method=method, headers=dict(signed.headers))
        try:
            with urllib.request.urlopen(sent, timeout=40) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()


def wrong_parameters(cloud):
    for parameters, said in REFUSED:
        try:
            cloud.deploy("refused", parameters)
        except ClientError as error:
            assert said in str(error), f"{parameters}: {error} does not say {said!r}"
        else:
            sys.exit(f"{parameters} should be refused")
    say(f"{len(REFUSED)} wrong parameters are refused with what is expected")


def accounts_around(cloud, outputs):
    for account, parameters in {
        "target-account": {
            "Name": "production",
            "RunnerRoleArn": outputs["RunnerRoleArn"],
            "ExternalId": "b3d2f6a8-1c55-4d0e-9a52-0d6f2c1f7a10",
            "Regions": "eu-west-1,us-east-1",
        },
        "event-source-account": {"BusArn": outputs["EventBusArn"], "Repositories": "shop/web,shop/worker"},
    }.items():
        text = (ROOT / "aws" / account / "template.yaml").read_text()
        cloud.s3.put_object(Bucket=CODE, Key=account, Body=text)
        cloud.deploy(account, parameters, account)
    iam = cloud.client("iam")
    boundary = "arn:aws:iam::000000000000:policy/slipway-environment-production"
    version = iam.get_policy(PolicyArn=boundary)["Policy"]["DefaultVersionId"]
    document = iam.get_policy_version(PolicyArn=boundary, VersionId=version)["PolicyVersion"]["Document"]
    services = document["Statement"][0]["Action"]
    assert "acm:*" in services and "ssmmessages:*" in services and len(services) == 21, services
    rule = cloud.client("events").describe_rule(Name="slipway-images")
    assert json.loads(rule["EventPattern"])["detail"]["repository-name"] == ["shop/web", "shop/worker"], rule
    say("the accounts around it are made from their own templates")


def two_ways_in(cloud):
    gateway = cloud.client("apigatewayv2")
    found = {}
    for api in gateway.get_apis()["Items"]:
        [route] = gateway.get_routes(ApiId=api["ApiId"])["Items"]
        found[api["Name"]] = (route["RouteKey"], route["AuthorizationType"])
    expected = {
        "slipway-signed": ("$default", "AWS_IAM"),
        "tokens-signed": ("$default", "AWS_IAM"),
        "tokens-tokens": ("$default", "JWT"),
    }
    assert found == expected, found
    say("there is an API for signed requests, and one for tokens where an issuer is given")


def workflow(cloud, outputs):
    states = cloud.client("stepfunctions")
    machine = outputs["StateMachineArn"]
    definition = states.describe_state_machine(stateMachineArn=machine)["definition"]
    assert "${" not in definition and "function:slipway-steps:1" in definition, definition[:400]
    version = states.publish_state_machine_version(stateMachineArn=machine)["stateMachineVersionArn"]
    routing = [{"stateMachineVersionArn": version, "weight": 100}]
    states.create_state_machine_alias(name="live", routingConfiguration=routing)
    say("the definition names the version of the steps that was deployed with it")


def an_operation(cloud, outputs):
    api = outputs["SignedEndpoint"]
    version = {"root": "", "files": {"main.tf": BLUEPRINT}}
    status, published = cloud.request(api, "PUT", "/v1/blueprints/empty/versions/1.0.0", version)
    assert status == 201, (status, published)
    key = f"blueprints/{published['digest'].replace(':', '-')}.json"
    stored = cloud.s3.get_object(Bucket=outputs["ArtifactsBucketName"], Key=key)["Body"].read()
    assert b"endpoints" in stored, stored
    say("a signed request reaches the program of the API, which writes into the table and the bucket")

    environment = {"pk": "environments", "sk": "test", "name": "test", "account": "000000000000", "region": REGION}
    environment |= {"approval": "never"}
    item = {name: {"S": text} for name, text in environment.items()} | {"protected": {"BOOL": False}}
    cloud.client("dynamodb").put_item(TableName=outputs["TableName"], Item=item)
    request = {"name": "first", "blueprint": "empty", "environment": "test"}
    status, operation = cloud.request(api, "POST", "/v1/stacks", request)
    assert status == 202, (status, operation)
    path = f"/v1/operations/{operation['id']}"
    for _ in range(20):
        operation = cloud.request(api, "GET", f"{path}?wait=5&seen={operation['revision']}")[1]
        if operation["status"] in ("succeeded", "failed", "cancelled"):
            break
    assert operation["status"] == "failed", operation
    assert operation["error"]["step"] == "Plan" and NO_BUILD in operation["error"]["message"], operation["error"]

    states = cloud.client("stepfunctions")
    # The operation has ended before the last state of its execution.
    for _ in range(100):
        execution = states.describe_execution(executionArn=operation["execution_arn"])
        if execution["status"] != "RUNNING":
            break
        time.sleep(0.1)
    assert execution["name"] == operation["id"] and execution["status"] == "FAILED", execution
    history = states.get_execution_history(executionArn=operation["execution_arn"])["events"]
    entered = [event["stateEnteredEventDetails"]["name"] for event in history if "stateEnteredEventDetails" in event]
    assert entered == ["Begin operation", "What is asked for?", "Plan", "Record failure", "Failed"], entered
    say("an operation starts through the alias, and its failed build ends it as failed, with the reason")


def main():
    binaries = Path(sys.argv[1]) if len(sys.argv) == 2 else sys.exit(__doc__)
    with tempfile.TemporaryDirectory() as folder, emulator(folder) as endpoint:
        cloud = Cloud(endpoint, binaries)
        cloud.package()
        wrong_parameters(cloud)
        outputs = cloud.deploy("slipway", {"Admins": "slipway-admin,arn:aws:iam::000000000000:root", "Architecture": "x86_64"})
        say(f"a stack with defaults is made, with {len(outputs)} outputs")
        cloud.deploy("tokens", TOKENS)
        say("a stack with every parameter is made beside it")
        two_ways_in(cloud)
        accounts_around(cloud, outputs)
        workflow(cloud, outputs)
        an_operation(cloud, outputs)


if __name__ == "__main__":
    main()
