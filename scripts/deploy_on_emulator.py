#!/usr/bin/env python3
"""Deploys template.yaml on ministack, an emulator of AWS from PyPI, and checks the result.

    python3 -m venv target/emulator && target/emulator/bin/pip install -r .ci/requirements-emulator.txt
    cargo build --bins
    target/emulator/bin/python scripts/deploy_on_emulator.py target/debug

It proves that CloudFormation's own order of things works out (references, conditions, rules, the SAM transform), that wrong
parameters are refused with what is expected, and that the real programs of the functions answer: API Gateway to the function to the
table, the start of an execution through the alias, and the real state machine with the real steps to its end, once failed and once
succeeded with a release; an event on the bus, from its source account's request to the result on that account's bus; and the sweeper.

It ends with a list of what this does not show, and why. The emulator listens on loopback, and is stopped afterwards.
"""

from __future__ import annotations

import hashlib
import http.server
import io
import json
import os
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
import zipfile
from pathlib import Path

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import ClientError
from emulator import REGION, client, emulator, entered
from samtranslator.translator.transform import transform
from samtranslator.yaml_helper import yaml_parse

ROOT = Path(__file__).resolve().parent.parent
CODE = "slipway-code"
FUNCTIONS = {
    "ApiFunction": "api",
    "EventsFunction": "events",
    "NotifyFunction": "notify",
    "StepsFunction": "steps",
    "SweepFunction": "sweep",
}

# What the emulator does not know, and what is done about it here.
LEFT_OUT = {
    "AWS::StepFunctions::StateMachineVersion": "made by its API below",
    "AWS::StepFunctions::StateMachineAlias": "made by its API below",
    "AWS::Events::EventBusPolicy": "there is one account",
}
# The property of alarms that compute over several metrics, which the emulator does not know.
OVER_SEVERAL = "Metrics"

# Parameters that are refused, each with a part of what is said.
REFUSED = [
    ({"OidcIssuer": "https://issuer.example.com"}, "OidcIssuer and OidcAudience go together"),
    ({"OidcAudience": "slipway"}, "OidcIssuer and OidcAudience go together"),
    ({"OidcIssuer": "https://issuer.example.com", "OidcAudience": "slipway"}, "OidcIssuer needs OidcUserClaim"),
    ({"OidcIssuer": "http://issuer.example.com", "OidcAudience": "slipway"}, "begins with https://"),
    ({"OidcIssuer": "https://issuer.example.com", "OidcAudience": "a, b"}, "commas and no spaces"),
    ({"Admins": ""}, "at least one group"),
    ({"EventSourceAccounts": "12"}, "12 digits"),
    ({"EnvironmentAccounts": "444455556666, 777788889999"}, "12 digits"),
    ({"EventSourceOrganization": "acme"}, "the id of an organization"),
    ({"RequestBurst": "0"}, "not less than 1"),
    ({"AlarmEmail": "no-address"}, "one e-mail address"),
    ({"Architecture": "mips"}, "mips"),
]
TOKENS = {
    "OidcIssuer": "https://issuer.example.com",
    "OidcAudience": "slipway,slipway-cli",
    "OidcUserClaim": "sub",
    "EventSourceAccounts": "111122223333,444455556666",
    "EventSourceOrganization": "o-a1b2c3d4e5",
    "EnvironmentAccounts": "444455556666,777788889999",
    "AlarmEmail": "ops@example.com",
    "Architecture": "x86_64",
}
# What is made up, because the emulator runs neither builds nor tasks: the ends of builds and of the rollout of a service, and what
# a build leaves behind (see `Runner`).
NO_BUILD = "there is no build here"
MOCKS = {
    "StateMachines": {
        "slipway-operation": {
            "TestCases": {
                "PlanFails": {"Plan": "NoBuild"},
                "Succeeds": {"Plan": "Built", "Apply": "Built", "Wait until stable": "Stable"},
            }
        }
    },
    "MockedResponses": {
        "NoBuild": {"0": {"Throw": {"Error": "States.TaskFailed", "Cause": NO_BUILD}}},
        "Built": {"0": {"Return": {"Build": {"BuildStatus": "SUCCEEDED"}}}},
        "Stable": {"0": {"Return": {}}},
    },
}
# What this does not show, each with the reason.
NOT_SHOWN = {
    "permissions": "the emulator enforces no policies; .ci/check-calls compares them with the calls, and has moto enforce them",
    "builds": "the emulator runs no buildspec: their ends are mock responses, and this script leaves behind what a build would",
    "migrations and rollouts": "without Docker no task runs: the rollout's end is a mock response, and there is no migration; the "
    "steps register task definitions and read services on the emulator",
    "tokens": "no identity provider is here; only the existence of the JWT authorizer is checked",
    "versions and alias of the machine in CloudFormation": "the emulator does not know the types: they are made by their API",
    "who may put events on the bus": "the emulator has one account, and no policies of buses",
    "environments in other accounts": "the emulator has one account, and passes over the Credentials of a state",
    "three alarms": "they compute over several metrics, which the emulator does not know",
}
ACCOUNT = "000000000000"
RESULTS = f"arn:aws:events:{REGION}:{ACCOUNT}:event-bus/slipway-results"
# What a provision with images goes through; the states inside of a Map are not in the emulator's history.
RELEASED = [
    "Begin operation",
    "What is asked for?",
    "Plan",
    "Review plan",
    "What does the plan ask for?",
    "Apply",
    "Is anything left of the stack?",
    "Record outputs",
    "Anything to release?",
    "Prepare release",
    "Take a snapshot?",
    "Any backups?",
    "Any migrations?",
    "Roll out services",
    "Anything to verify?",
    "Verify",
    "Any schedules?",
    "Complete",
    "Succeeded",
]
BLUEPRINT = 'output "slipway" { value = { endpoints = {} } }\n'


def say(text):
    print(f"ok: {text}", flush=True)


class Runner(http.server.BaseHTTPRequestHandler):
    """Stands before Step Functions. When an execution is started it does what the operation's builds will have done by the time that
    they have ended, says by the name of a mock case how they end, and passes the call on. Without a case it is not available."""

    case: str | None = "PlanFails"
    cloud: Cloud
    outputs: dict[str, str]

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers["X-Amz-Target"].endswith(".StartExecution"):
            if self.case is None:
                self.send_error(503)
                return
            call = json.loads(body)
            if self.case == "Succeeds":
                self.build(call["name"])
            call["stateMachineArn"] += f"#{self.case}"
            body = json.dumps(call).encode()
        headers = {name: text for name, text in self.headers.items() if name.lower() not in ("content-length", "host")}
        try:
            answer = urllib.request.urlopen(urllib.request.Request(self.cloud.endpoint, body, headers), timeout=60)
        except urllib.error.HTTPError as error:
            answer = error
        with answer:
            said = answer.read()
            self.send_response(answer.status)
            for name in ("Content-Type", "x-amzn-requestid"):
                if name in answer.headers:
                    self.send_header(name, answer.headers[name])
            self.send_header("Content-Length", str(len(said)))
            self.end_headers()
            self.wfile.write(said)

    def build(self, operation):
        """The plan in the table, the outputs in the bucket, and a cluster with a service that runs nothing yet."""
        key = {"pk": {"S": f"operation#{operation}"}, "sk": {"S": "operation"}}
        counts = {name: {"N": "0"} for name in ("change", "destroy", "replace", "import", "forget")}
        plan = {"M": counts | {"add": {"N": "1"}, "outputs_changed": {"BOOL": True}, "resources": {"L": []}}}
        table, name = self.cloud.client("dynamodb"), self.outputs["TableName"]
        written = table.update_item(
            TableName=name,
            Key=key,
            # As with every write of the record: earlier readers have to read it again.
            UpdateExpression="SET #plan = :plan ADD revision :one",
            ExpressionAttributeNames={"#plan": "plan"},
            ExpressionAttributeValues={":plan": plan, ":one": {"N": "1"}},
            ReturnValues="ALL_NEW",
        )["Attributes"]
        service = f"{written['stack']['S']}-web"
        images = "web" in written.get("images", {}).get("M", {})
        contract: dict = {"endpoints": {"web": "https://shop.example.com"}}
        if images:
            definition = {"requiresCompatibilities": ["FARGATE"], "networkMode": "awsvpc", "cpu": "256", "memory": "512"}
            containers = [{"name": "app", "essential": True}]
            web = {"name": service, "desired_count": 1, "task_definition": definition | {"containerDefinitions": containers}}
            contract |= {"cluster": "main", "services": {"web": web}, "network": {"subnets": ["subnet-1"], "security_groups": []}}
            ecs = self.cloud.client("ecs")
            ecs.create_cluster(clusterName="main")
            placeholder = [{"name": "app", "image": "none", "memory": 128}]
            ecs.register_task_definition(family=service, containerDefinitions=placeholder)
            ecs.create_service(cluster="main", serviceName=service, taskDefinition=service, desiredCount=0)
        named = f"operations/{written['stack']['S']}/{operation}/outputs.json"
        outputs = {"Bucket": self.outputs["ArtifactsBucketName"], "Key": named}
        body = json.dumps({"slipway": contract}).encode()
        digest = f"sha256:{hashlib.sha256(body).hexdigest()}"
        table.update_item(
            TableName=name,
            Key=key,
            UpdateExpression="SET #outputs = :outputs ADD revision :one",
            ExpressionAttributeNames={"#outputs": "outputs"},
            ExpressionAttributeValues={":outputs": {"S": digest}, ":one": {"N": "1"}},
        )
        self.cloud.s3.put_object(**outputs, Body=body)

    def log_message(self, *_):
        pass


class Cloud:
    def __init__(self, endpoint, binaries):
        self.endpoint, self.binaries = endpoint, binaries
        self.runner = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Runner)
        Runner.cloud = self
        threading.Thread(target=self.runner.serve_forever, daemon=True).start()
        self.credentials = Credentials("test", "test")
        self.s3, self.cloudformation = self.client("s3"), self.client("cloudformation")
        self.s3.create_bucket(Bucket=CODE, CreateBucketConfiguration={"LocationConstraint": REGION})

    def client(self, service):
        return client(self.endpoint, service)

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
        # Where AWS is, for the SDK in the programs.
        variables = template["Globals"]["Function"]["Environment"]["Variables"]
        variables["AWS_ENDPOINT_URL"] = self.endpoint
        variables["AWS_ENDPOINT_URL_SFN"] = f"http://127.0.0.1:{self.runner.server_port}"
        definition = (ROOT / "statemachine/operation.asl.json").read_bytes()
        self.s3.put_object(Bucket=CODE, Key="definition", Body=definition)
        template["Resources"]["Operation"]["Properties"]["DefinitionUri"] = f"s3://{CODE}/definition"
        os.environ.setdefault("AWS_DEFAULT_REGION", REGION)
        translated = transform(template, {}, type("NoPolicies", (), {"load": lambda _: {}})())
        resources = translated["Resources"]
        for logical in [it for it, r in resources.items() if r["Type"] in LEFT_OUT or OVER_SEVERAL in r.get("Properties", {})]:
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
                return answer.status, json.loads(answer.read() or "null")
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
            "StateMachineArn": outputs["StateMachineArn"],
            "WorkflowRoleArns": outputs["WorkflowRoleArns"],
            "ApiRoleArn": outputs["ApiRoleArn"],
            "EventBusArn": outputs["EventBusArn"],
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
    default = yaml_parse((ROOT / "aws/target-account/template.yaml").read_text())["Parameters"]["Services"]["Default"]
    assert services == [f"{service}:*" for service in default.split(",")], services
    rule = cloud.client("events").describe_rule(Name="slipway-images")
    assert json.loads(rule["EventPattern"])["detail"]["repository-name"] == ["shop/web", "shop/worker"], rule
    say("the accounts around it are made from their own templates")


def two_ways_in(cloud):
    gateway = cloud.client("apigatewayv2")
    found = {}
    for api in gateway.get_apis()["Items"]:
        routes = gateway.get_routes(ApiId=api["ApiId"])["Items"]
        found[api["Name"]] = {route["RouteKey"]: route["AuthorizationType"] for route in routes}
    # A browser gets the console's files without a token, and nothing else.
    console = {"GET /": "NONE", "GET /console": "NONE", "GET /console/{proxy+}": "NONE"}
    expected = {
        "slipway-signed": {"$default": "AWS_IAM"},
        "tokens-signed": {"$default": "AWS_IAM"},
        "tokens-tokens": {"$default": "JWT", **console},
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


def configured(cloud, api):
    """What an administrator configures; the blueprint that is published."""
    version = {"root": "", "files": {"main.tf": BLUEPRINT}}
    status, published = cloud.request(api, "PUT", "/v1/blueprints/empty/versions/1.0.0", version)
    assert status == 201, (status, published)
    environment = {"account": ACCOUNT, "region": REGION, "approval": "never"}
    status, put = cloud.request(api, "PUT", "/v1/environments/test", environment)
    assert (status, put["name"]) == (201, "test"), (status, put)
    may = {"actions": ["provision"], "blueprints": ["empty"], "environments": ["test"], "results": RESULTS}
    status, put = cloud.request(api, "PUT", f"/v1/source-accounts/{ACCOUNT}", may)
    assert status == 201, (status, put)
    status, listed = cloud.request(api, "GET", "/v1/source-accounts")
    assert [one["account"] for one in listed["items"]] == [ACCOUNT], (status, listed)
    say("environments and source accounts are configured by the API")
    return published


def ended(cloud, api, operation):
    """Waits until an operation and its execution have ended; the operation, the execution, the states that it entered."""
    for _ in range(30):
        operation = cloud.request(api, "GET", f"/v1/operations/{operation['id']}?wait=5&seen={operation['revision']}")[1]
        if operation["status"] in ("succeeded", "failed", "cancelled"):
            break
    # The operation has ended before the last state of its execution.
    states = cloud.client("stepfunctions")
    for _ in range(100):
        execution = states.describe_execution(executionArn=operation["execution_arn"])
        if execution["status"] != "RUNNING":
            break
        time.sleep(0.1)
    assert execution["name"] == operation["id"], execution
    return operation, execution, entered(states, operation["execution_arn"])


def a_failed_operation(cloud, outputs, api, published):
    key = f"blueprints/{published['digest'].replace(':', '-')}.json"
    stored = cloud.s3.get_object(Bucket=outputs["ArtifactsBucketName"], Key=key)["Body"].read()
    assert b"endpoints" in stored, stored
    say("a signed request reaches the program of the API, which writes into the table and the bucket")

    Runner.case = "PlanFails"
    request = {"name": "first", "blueprint": "empty", "environment": "test"}
    status, operation = cloud.request(api, "POST", "/v1/stacks", request)
    assert status == 202, (status, operation)
    operation, execution, path = ended(cloud, api, operation)
    assert (operation["status"], execution["status"]) == ("failed", "FAILED"), (operation, execution)
    assert operation["error"]["step"] == "Plan" and NO_BUILD in operation["error"]["message"], operation["error"]
    assert path == ["Begin operation", "What is asked for?", "Plan", "Record failure", "Did it fail?", "Failed"], path
    say("an operation starts through the alias, and its failed build ends it as failed, with the reason")


def a_successful_operation(cloud, api):
    Runner.case = "Succeeds"
    image = f"registry.example.com/shop@sha256:{'5' * 64}"
    request = {"name": "shop", "blueprint": "empty", "environment": "test", "images": {"web": image}}
    status, operation = cloud.request(api, "POST", "/v1/stacks", request)
    assert status == 202, (status, operation)
    operation, execution, path = ended(cloud, api, operation)
    assert (operation["status"], execution["status"]) == ("succeeded", "SUCCEEDED"), (operation, execution)
    assert path == RELEASED, path
    status, stack = cloud.request(api, "GET", operation["links"]["stack"])
    assert (stack["status"], stack["current_release"]) == ("ready", 1), stack
    definition = cloud.client("ecs").describe_task_definition(taskDefinition=f"{stack['id']}-web")["taskDefinition"]
    assert [it["image"] for it in definition["containerDefinitions"]] == [image], definition
    status, refused = cloud.request(api, "DELETE", "/v1/environments/test")
    assert status == 409 and "shop" in refused, (status, refused)
    say("an operation plans, applies, registers its release's task definition and succeeds; its environment cannot be deleted")


def an_event(cloud, outputs, api):
    """A request of a source account on the bus, and the results for that account."""
    events, sqs = cloud.client("events"), cloud.client("sqs")
    queue = sqs.create_queue(QueueName="results")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    events.create_event_bus(Name="slipway-results")
    events.put_rule(Name="results", EventBusName="slipway-results", EventPattern=json.dumps({"source": ["slipway"]}))
    events.put_targets(Rule="results", EventBusName="slipway-results", Targets=[{"Id": "results", "Arn": arn}])

    Runner.case = "Succeeds"
    request = {"name": "asked-for", "blueprint": "empty", "environment": "test"}
    detail = {"version": 1, "key": "order-4711", "action": "provision", "request": request}
    # The same twice: it is one request.
    for _ in range(2):
        entry = {"Source": "com.example.portal", "DetailType": "Slipway Request", "Detail": json.dumps(detail)}
        put = events.put_events(Entries=[entry | {"EventBusName": outputs["EventBusArn"].split("/")[-1]}])
        assert put["FailedEntryCount"] == 0, put
    results = {}
    for _ in range(60):
        for message in sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10, WaitTimeSeconds=1).get("Messages", []):
            result = json.loads(message["Body"])["detail"]
            assert result["key"] == "order-4711", result
            results[result["status"]] = result
        if "succeeded" in results:
            break
    assert set(results) == {"accepted", "succeeded"}, results
    assert results["accepted"]["operation"] == results["succeeded"]["operation"], results
    assert results["succeeded"]["stack"]["endpoints"] == {"web": "https://shop.example.com"}, results
    stacks = cloud.request(api, "GET", f"/v1/stacks?owner=event%3A{ACCOUNT}")[1]["items"]
    assert [stack["name"] for stack in stacks] == ["asked-for"], stacks
    say("an event on the bus, sent twice, starts one operation, and its account receives its acceptance and its success")


def the_sweeper(cloud, api):
    Runner.case = None
    request = {"name": "orphaned", "blueprint": "empty", "environment": "test"}
    status, operation = cloud.request(api, "POST", "/v1/stacks", request)
    assert (status, operation["status"]) == (202, "starting"), (status, operation)
    Runner.case = "PlanFails"
    event = json.dumps({"older_than_seconds": 0}).encode()
    swept = cloud.client("lambda").invoke(FunctionName="slipway-sweep", Payload=event)
    said = swept["Payload"].read().decode()
    assert swept["StatusCode"] == 200 and "FunctionError" not in swept, said
    operation, execution, _ = ended(cloud, api, operation)
    assert (operation["status"], execution["status"]) == ("failed", "FAILED"), (operation, execution)
    say("an operation that was written while Step Functions was away is started by the sweeper")


def main():
    binaries = Path(sys.argv[1]) if len(sys.argv) == 2 else sys.exit(__doc__)
    with tempfile.TemporaryDirectory() as folder, emulator(folder, MOCKS) as endpoint:
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
        Runner.outputs = outputs
        api = outputs["SignedEndpoint"]
        published = configured(cloud, api)
        a_failed_operation(cloud, outputs, api, published)
        a_successful_operation(cloud, api)
        an_event(cloud, outputs, api)
        the_sweeper(cloud, api)
    for what, why in NOT_SHOWN.items():
        print(f"not shown: {what}: {why}")


if __name__ == "__main__":
    main()
