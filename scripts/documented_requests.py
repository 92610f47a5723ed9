"""Requests that no test can record, because AWS's services make them with Slipway's roles: each with the page that says so.

`must_allow` has what roles need; `must_deny` what they must never be allowed, whatever their policies become.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from iam import Request, request
from iam_requests import Names

# The logical ids of roles are those of the templates; "target ReleaseRole" is that of aws/target-account.
Asked = tuple[str, Request, str]

FUNCTIONS = {"ApiRole": "api", "EventsRole": "events", "NotifyRole": "notify", "StepsRole": "steps", "SweepRole": "sweep"}
LAMBDA = "Lambda writes logs and traces: https://docs.aws.amazon.com/lambda/latest/dg/lambda-intro-execution-role.html"
STREAM = "Lambda reads a stream: https://docs.aws.amazon.com/lambda/latest/dg/with-ddb.html"
ASYNC = "Lambda sends failed events: https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html"
BUILD = "CodeBuild writes its log: https://docs.aws.amazon.com/codebuild/latest/userguide/setting-up-service-role.html"
SOURCE = "CodeBuild fetches its source: the same page"
GONE = "a deleted service has no tags: https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DescribeServices.html"
SYNC = "Step Functions follows .sync jobs: https://docs.aws.amazon.com/step-functions/latest/dg/connect-codebuild.html"
LOGS = "Step Functions writes its log: https://docs.aws.amazon.com/step-functions/latest/dg/cw-logs.html"
TRACES = "Step Functions writes traces: https://docs.aws.amazon.com/step-functions/latest/dg/concepts-xray-tracing.html"
RULES = "EventBridge puts events with the role of a rule: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-cross-account.html"
SCHEDULES = "EventBridge Scheduler invokes: https://docs.aws.amazon.com/scheduler/latest/UserGuide/setting-up.html"
MISSING = "S3 says of a missing object that it is missing only with s3:ListBucket: https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html"
SESSIONS = "the runner takes sessions for one operation: crates/runner/tests/runner/assumed_role.rs records them on moto"
UPLOADS = "an upload has the rights of its signer: https://docs.aws.amazon.com/AmazonS3/latest/userguide/using-presigned-url.html"
TERRAFORM = "Terraform's provider assumes the environment's role: crates/runner/tests/runner/assumed_role.rs records it on moto"
OPERATION = "op-01kaq0w3m2v9g8x7y6z5t4s3r2"
EXTERNAL_ID = "0f0f0f0f-aaaa-bbbb-cccc-000011112222"
STACK = "lusab-babad"


@dataclass(frozen=True)
class World:
    """Slipway's account, and that of an environment."""

    slipway: Names
    target: Names

    @property
    def machine(self) -> str:
        return self.slipway.template.arn("Operation")

    def role(self, name: str) -> str:
        return f"arn:aws:iam::{self.target.template.account}:role/{name}"

    def bucket(self, logical: str, key: str) -> str:
        return f"{self.slipway.template.arn(logical)}/{key}"

    def stream(self, logical: str) -> str:
        return f"{self.slipway.template.arn(logical).removesuffix(':*')}:log-stream:a"


def must_allow(world: World) -> Iterator[Asked]:
    for role in FUNCTIONS:
        for action in ("CreateLogStream", "PutLogEvents"):
            yield role, request(f"logs:{action}", world.stream("FunctionLogs")), LAMBDA
        for action in ("PutTraceSegments", "PutTelemetryRecords"):
            yield role, request(f"xray:{action}", "*"), LAMBDA
    yield "ApiRole", request("s3:PutObject", world.bucket("ArtifactsBucket", "uploads/a")), UPLOADS
    for role in ("ApiRole", "StepsRole", "BuildsRole"):
        for bucket in ("ArtifactsBucket", "StateBucket"):
            yield role, request("s3:ListBucket", world.slipway.template.arn(bucket)), MISSING
    for role in ("EventsRole", "StepsRole"):
        yield role, request("sqs:SendMessage", world.slipway.template.arn("UnhandledEvents")), ASYNC
    yield "NotifyRole", request("sqs:SendMessage", world.slipway.template.arn("UnhandledNotifications")), ASYNC
    stream = world.slipway.template.attribute("Table", "StreamArn")
    for action in ("DescribeStream", "GetRecords", "GetShardIterator"):
        yield "NotifyRole", request(f"dynamodb:{action}", stream), STREAM
    yield "NotifyRole", request("dynamodb:ListStreams", "*"), STREAM
    yield from of_builds(world)
    yield from of_the_machine(world)
    for role, names in (("StepsRole", world.slipway), ("target ReleaseRole", world.target)):
        yield role, request("ecs:DescribeServices", names.arn("ecs", "service/main/deleted")), GONE
    bus = world.slipway.template.arn("Bus")
    context = {"events__source": ("aws.ecs",), "events__detail-type": ("ECS Deployment State Change",)}
    yield "target EventsRole", request("events:PutEvents", bus, **context), RULES
    function = world.slipway.template.arn("SweepFunction")
    yield "SweepFunctionRegularlyRole", request("lambda:InvokeFunction", function), SCHEDULES


def of_builds(world: World) -> Iterator[Asked]:
    session = request("sts:AssumeRole", world.slipway.template.arn("BuildsRole"), sts__RoleSessionName=OPERATION)
    yield "CodeBuildRole", session, SESSIONS
    for action in ("CreateLogStream", "PutLogEvents"):
        yield "CodeBuildRole", request(f"logs:{action}", world.stream("BuildLogs")), BUILD
    for action in ("GetObject", "GetObjectVersion"):
        yield "CodeBuildRole", request(f"s3:{action}", world.bucket("ArtifactsBucket", "toolchain/arm64.zip")), SOURCE
    role = world.role("slipway-environment-production")
    context = {"sts__RoleSessionName": OPERATION, "sts__ExternalId": EXTERNAL_ID}
    yield "BuildsRole", request("sts:AssumeRole", role, **context), TERRAFORM
    yield "BuildsRole", request("sts:SetSourceIdentity", role, sts__SourceIdentity=STACK), TERRAFORM


def of_the_machine(world: World) -> Iterator[Asked]:
    builds = world.slipway.template.arn("Builds")
    for action in ("StopBuild", "BatchGetBuilds"):
        yield "OperationRole", request(f"codebuild:{action}", builds), SYNC
    rule = world.slipway.arn("events", "rule/StepFunctionsGetEventForCodeBuildStartBuildRule")
    for action in ("PutTargets", "PutRule", "DescribeRule"):
        yield "OperationRole", request(f"events:{action}", rule), SYNC
    for action in (
        "CreateLogDelivery", "DeleteLogDelivery", "GetLogDelivery", "UpdateLogDelivery", "ListLogDeliveries", "PutResourcePolicy",
        "DescribeResourcePolicies", "DescribeLogGroups",
    ):  # fmt: skip
        yield "OperationRole", request(f"logs:{action}", "*"), LOGS
    for action in ("GetSamplingRules", "GetSamplingTargets", "PutTelemetryRecords", "PutTraceSegments"):
        yield "OperationRole", request(f"xray:{action}", "*"), TRACES


def must_deny_secrets(world: World) -> Iterator[Asked]:
    """The states of stacks, and the lists of their secrets beside them."""
    state, secrets = (world.bucket("StateBucket", key) for key in ("stacks/a/a/terraform.tfstate", "stacks/a/secrets.json"))
    for role in ("ApiRole", "StepsRole"):
        yield role, request("s3:GetObject", state), "a state has every secret of a stack, and says which"
        yield role, request("s3:PutObject", secrets), "builds write the lists of secrets"
    for role in ("EventsRole", "NotifyRole", "SweepRole"):
        yield role, request("s3:GetObject", secrets), "it quotes what others have hidden secrets in"


def must_deny(world: World) -> Iterator[Asked]:
    """What a wider policy would allow. Each condition of a policy has a request here that only the condition denies."""
    artifacts = "ArtifactsBucket"
    yield "ApiRole", request("s3:PutObject", world.bucket(artifacts, "operations/stack/op/plan.tfplan")), "plans are written by builds"
    yield (
        "ApiRole",
        request("s3:GetObject", world.bucket(artifacts, "operations/stack/op/work.tar")),
        "a saved plan has every secret in clear",
    )
    yield "ApiRole", request("s3:PutObject", world.bucket(artifacts, "toolchain/arm64.zip")), "the API would choose what builds run"
    yield from must_deny_secrets(world)
    yield "ApiRole", request("logs:GetLogEvents", world.stream("FunctionLogs")), "the functions' logs are not the users'"
    for role in ("ApiRole", "EventsRole", "StepsRole", "SweepRole"):
        yield role, request("states:StartExecution", world.machine), "an execution that no version holds"
        yield role, request("states:StartExecution", world.machine, states__StateMachineQualifier=("other",)), "another alias"
    for role in ("ApiRole", "EventsRole", "StepsRole", "SweepRole", "BuildsRole"):
        yield role, request("dynamodb:Scan", world.slipway.template.arn("Table")), "nothing scans"
        yield role, request("dynamodb:GetItem", world.slipway.arn("dynamodb", "table/another")), "another table"
    for partition in ("stack#lusab-babad", "policies"):
        for action in ("GetItem", "PutItem"):
            asked = request(f"dynamodb:{action}", world.slipway.template.arn("Table"), dynamodb__LeadingKeys=(partition,))
            yield "NotifyRole", asked, "it speaks to the internet, and reads notifications and webhooks alone"
    for action in ("GetItem", "Query"):
        yield "NotifyRole", request(f"dynamodb:{action}", world.slipway.template.arn("Table")), "a request without keys"
    records = {"dynamodb__LeadingKeys": ("audit#3",)}
    for role in ("ApiRole", "EventsRole", "StepsRole", "SweepRole"):
        yield role, request("dynamodb:DeleteItem", world.slipway.template.arn("Table"), **records), "audit records are never deleted"
    for role in ("StepsRole", "SweepRole"):
        yield role, request("dynamodb:PutItem", world.slipway.template.arn("Table"), **records), "it writes no audit records"
    policies = {"dynamodb__LeadingKeys": ("policies",)}
    for role in ("EventsRole", "StepsRole", "SweepRole"):
        for action in ("PutItem", "DeleteItem"):
            yield role, request(f"dynamodb:{action}", world.slipway.template.arn("Table"), **policies), "policies are changed by the API"
    for role in ("StepsRole", "target ReleaseRole"):
        names = world.target if role.startswith("target") else world.slipway
        service, account = names.arn("ecs", "service/main/web"), names.template.account
        yield role, request("ecs:UpdateService", service), "a service without the tag of a stack"
        target = names.arn("application-autoscaling", "scalable-target/0ec5")
        yield role, request("application-autoscaling:RegisterScalableTarget", target), "an autoscaler without the tag of a stack"
        yield (
            role,
            request("iam:PassRole", f"arn:aws:iam::{account}:role/slipway/a", iam__PassedToService="ec2.amazonaws.com"),
            "not to EC2",
        )
        yield (
            role,
            request("iam:PassRole", f"arn:aws:iam::{account}:role/admin", iam__PassedToService="ecs-tasks.amazonaws.com"),
            "no others",
        )
    for role, names in (("StepsRole", world.slipway), ("target ReleaseRole", world.target)):
        definition = names.arn("ecs", "task-definition/web:1")
        yield role, request("ecs:TagResource", definition, ecs__CreateAction="RunTask"), "only when registering"
        running = names.arn("ecs", "task/main/1")
        yield role, request("ecs:TagResource", running), "a task only when it starts"
        yield role, request("scheduler:UpdateSchedule", names.arn("scheduler", "schedule/default/nightly")), "no stack's schedule"
    release, another = world.role("slipway-release-production"), "arn:aws:states:eu-west-1:999999999999:stateMachine:slipway-operation"
    named = {"sts__RoleSessionName": OPERATION}
    yield "StepsRole", request("sts:AssumeRole", release, **named, sts__ExternalId=another), "in the name of another machine"
    yield "StepsRole", request("sts:AssumeRole", release, sts__RoleSessionName="me", sts__ExternalId=world.machine), "no operation"
    logs, session = world.role("slipway-logs-production"), f"logs-{STACK}"
    yield (
        "ApiRole",
        request("sts:AssumeRole", logs, sts__RoleSessionName=session, sts__ExternalId=another),
        "in the name of another machine",
    )
    yield "ApiRole", request("sts:AssumeRole", logs, sts__RoleSessionName="me", sts__ExternalId=world.machine), "no stack"
    yield "ApiRole", request("sts:AssumeRole", release, sts__RoleSessionName=session, sts__ExternalId=world.machine), "a role of releases"
    other_group = world.target.arn("logs", "log-group:/aws/lambda/payments:log-stream:*")
    yield "target LogsRole", request("logs:FilterLogEvents", other_group), "no stack's log"
    builds = world.slipway.template.arn("BuildsRole")
    yield "CodeBuildRole", request("sts:AssumeRole", builds, sts__RoleSessionName="me"), "no operation"
    yield "CodeBuildRole", request("s3:GetObject", world.bucket("StateBucket", "stacks/a/terraform.tfstate")), "a state, without a session"
    environment = world.role("slipway-environment-production")
    yield "BuildsRole", request("sts:AssumeRole", environment, **named), "without the external id"
    yield "BuildsRole", request("sts:AssumeRole", environment, sts__RoleSessionName="me", sts__ExternalId=EXTERNAL_ID), "no operation"
    yield "BuildsRole", request("sts:AssumeRole", world.role("admin"), **named, sts__ExternalId=EXTERNAL_ID), "no environment"
    yield "BuildsRole", request("sts:SetSourceIdentity", environment, sts__SourceIdentity="ann"), "no stack"
    yield "BuildsRole", request("s3:PutObject", world.bucket(artifacts, "toolchain/arm64.zip")), "what the next builds run"
    yield "BuildsRole", request("s3:PutObject", world.bucket(artifacts, "blueprints/sha256-0.json")), "published blueprints"
    for override in ("source.buildspec", "source.location", "environment.image", "serviceRole"):
        start = request("codebuild:StartBuild", world.slipway.template.arn("Builds"), **{f"codebuild__{override}": "x"})
        yield "OperationRole", start, f"a build with its own {override}"
    for role, names in (("StepsRole", world.slipway), ("target ReleaseRole", world.target)):
        yield role, request("rds:CreateDBSnapshot", names.arn("rds", "snapshot:mine")), "a snapshot without a stack"
