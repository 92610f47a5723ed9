"""What IAM is asked for a call: the actions, their resources, and the context, by the service authorization reference.

A call that is not in the tables here is an error: it never passes unseen.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from iam import Request, request
from recorded_calls import Call
from resolved_template import Template


class Unknown(Exception):
    """A call of which the tables here do not say what IAM is asked."""


# Names that the tests of the functions have, where the template has others. Local mode has the template's.
BUCKETS_OF_TESTS = {"artifacts": "ArtifactsBucket", "state": "StateBucket"}

# S3's actions by operation (https://docs.aws.amazon.com/AmazonS3/latest/userguide/using-with-s3-policy-actions.html).
S3 = {
    "GetObject": "GetObject", "HeadObject": "GetObject", "PutObject": "PutObject", "DeleteObject": "DeleteObject",
    "CreateMultipartUpload": "PutObject", "UploadPart": "PutObject", "CompleteMultipartUpload": "PutObject",
    "AbortMultipartUpload": "AbortMultipartUpload", "ListParts": "ListMultipartUploadParts",
    "ListObjectsV2": "ListBucket", "HeadBucket": "ListBucket",
}  # fmt: skip


@dataclass(frozen=True)
class Names:
    """The physical names of an installation, by its template."""

    template: Template

    def arn(self, service: str, resource: str) -> str:
        return f"arn:aws:{service}:{self.template.region}:{self.template.account}:{resource}"

    def bucket(self, name: str, *, in_test: bool) -> str:
        logical = BUCKETS_OF_TESTS.get(name) if in_test else None
        return self.template.name(logical) if logical else name

    def machine(self, given: str, *, in_test: bool) -> tuple[str, str]:
        """The state machine and its alias."""
        if in_test:
            # Tests start the machine by a name of theirs; the functions' own variable has the alias.
            return self.template.arn("Operation"), "live"
        machine, _, alias = given.partition(":stateMachine:")[2].partition(":")
        return self.arn("states", f"stateMachine:{machine}"), alias


def requests(call: Call, names: Names) -> Iterator[Request]:
    """What IAM is asked for a call."""
    of = {
        "dynamodb": of_dynamodb, "s3": of_s3, "stepfunctions": of_states, "codebuild": of_codebuild, "logs": of_logs, "ecs": of_ecs,
        "scheduler": of_scheduler, "sts": of_sts, "events": of_events, "sqs": of_sqs, "lambda": of_lambda, "rds": of_rds,
        "application-autoscaling": of_autoscaling,
    }.get(call.service)  # fmt: skip
    found = list(of(call, names)) if of else []
    if not found:
        raise Unknown(f"{call.principal} calls {call.service}:{call.operation} (test {call.test}): no rule says what IAM is asked")
    yield from found


def of_dynamodb(call: Call, names: Names) -> Iterator[Request]:
    table = names.template.arn("Table")
    operation, given = call.operation, call.given
    if operation == "TransactWriteItems":
        # Each of its parts is authorized by the action of its own: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis-iam.html
        actions = {"Put": "PutItem", "Update": "UpdateItem", "Delete": "DeleteItem", "ConditionCheck": "ConditionCheckItem"}
        for part, partition in sorted({(part, leading_key(one)) for item in given["TransactItems"] for part, one in item.items()}):
            yield request(f"dynamodb:{actions[part]}", table, **with_partition(partition))
    elif operation == "TransactGetItems":
        yield request("dynamodb:GetItem", table)
    elif operation == "BatchGetItem":
        keys = [key for one in given["RequestItems"].values() for key in one["Keys"]]
        partitions = sorted({leading_key({"Key": key}) for key in keys})
        yield request("dynamodb:BatchGetItem", table, dynamodb__LeadingKeys=tuple(partitions))
    elif operation in ("GetItem", "PutItem", "DeleteItem", "UpdateItem", "BatchWriteItem", "Query", "Scan"):
        index = f"/index/{given['IndexName']}" if "IndexName" in given else ""
        partition = "" if index else leading_key(given)
        yield request(f"dynamodb:{operation}", f"{table}{index}", **with_partition(partition))


def leading_key(given: dict[str, Any]) -> str:
    """The partition that a part of a request is about, with `x` for what comes after `#`: policies name no single stack."""
    key = given.get("Key", given.get("Item", {})).get("pk")
    if key is None and (asked := re.match(r"(?:pk|#\w+) = (:\w+)", given.get("KeyConditionExpression", ""))):
        key = given["ExpressionAttributeValues"][asked[1]]
    return re.sub("#.*", "#x", key["S"]) if key else ""


def with_partition(partition: str) -> dict[str, tuple[str, ...]]:
    return {"dynamodb__LeadingKeys": (partition,)} if partition else {}


def of_s3(call: Call, names: Names) -> Iterator[Request]:
    if call.operation in S3:
        bucket = names.bucket(call.given["Bucket"], in_test=not call.is_of_local_mode)
        key = f"/{call.given['Key']}" if "Key" in call.given else ""
        yield request(f"s3:{S3[call.operation]}", f"arn:aws:s3:::{bucket}{key}")


def of_states(call: Call, names: Names) -> Iterator[Request]:
    given, in_test = call.given, not call.is_of_local_mode
    if call.operation == "StartExecution":
        machine, alias = names.machine(given["stateMachineArn"], in_test=in_test)
        context = {"states__StateMachineQualifier": (alias,)} if alias else {}
        yield request("states:StartExecution", machine, **context)
    elif call.operation in ("StopExecution", "DescribeExecution"):
        machine = names.template.name("Operation")
        execution = given["executionArn"].rpartition(":")[2]
        yield request(f"states:{call.operation}", names.arn("states", f"execution:{machine}:{execution}"))
    elif call.operation in ("SendTaskSuccess", "SendTaskFailure", "SendTaskHeartbeat"):
        yield request(f"states:{call.operation}", names.template.arn("Operation"))


def of_codebuild(call: Call, names: Names) -> Iterator[Request]:
    if call.operation in ("BatchGetBuilds", "StopBuild", "StartBuild"):
        yield request(f"codebuild:{call.operation}", names.template.arn("Builds"))


def of_logs(call: Call, names: Names) -> Iterator[Request]:
    if call.operation in ("GetLogEvents", "FilterLogEvents"):
        group, stream = call.given["logGroupName"], call.given.get("logStreamName", "*")
        yield request(f"logs:{call.operation}", names.arn("logs", f"log-group:{group}:log-stream:{stream}"))


def of_ecs(call: Call, names: Names) -> Iterator[Request]:
    operation, given = call.operation, call.given
    # The runner puts this tag on everything that Terraform makes (crates/runner/src/overrides.rs, and its tests).
    tagged = {"aws__ResourceTag/slipway:stack": "lusab-babad"}
    if operation in ("DescribeTaskDefinition", "ListTasks"):
        yield request(f"ecs:{operation}", "*")
    elif operation == "RegisterTaskDefinition":
        family = names.arn("ecs", f"task-definition/{given['family']}:1")
        yield request(f"ecs:{operation}", family)
        if given.get("tags"):
            yield request("ecs:TagResource", family, ecs__CreateAction=operation)
        yield from passed((given.get(name) for name in ("taskRoleArn", "executionRoleArn")), "ecs-tasks.amazonaws.com", names)
    elif operation in ("DescribeServices", "UpdateService"):
        for service in given.get("services") or [given["service"]]:
            name = service.rpartition("service/")[2]
            name = name if "/" in name else f"{short(given.get('cluster'))}/{name}"
            yield request(f"ecs:{operation}", names.arn("ecs", f"service/{name}"), **tagged)
    elif operation in ("DescribeServiceDeployments", "DescribeServiceRevisions"):
        # Of the deployment or the revision itself, and of its service: `service-deployment/CLUSTER/SERVICE/ID`.
        kind = "service-deployment" if operation.endswith("Deployments") else "service-revision"
        for arn in given.get("serviceDeploymentArns") or given["serviceRevisionArns"]:
            resource = arn.rpartition(f":{kind}/")[2]
            # The services of tests call theirs `SERVICE/NUMBER`.
            cluster, service, number = resource.split("/") if resource.count("/") == 2 else ("main", *resource.split("/"))
            yield request(f"ecs:{operation}", names.arn("ecs", f"{kind}/{cluster}/{service}/{number}"))
            yield request(f"ecs:{operation}", names.arn("ecs", f"service/{cluster}/{service}"), **tagged)
    elif operation in ("ContinueServiceDeployment", "StopServiceDeployment"):
        resource = given["serviceDeploymentArn"].rpartition(":service-deployment/")[2]
        resource = resource if resource.count("/") == 2 else f"main/{resource}"
        yield request(f"ecs:{operation}", names.arn("ecs", f"service-deployment/{resource}"))
    elif operation in ("DescribeTasks", "StopTask"):
        for task in given.get("tasks") or [given["task"]]:
            yield request(f"ecs:{operation}", names.arn("ecs", f"task/{short(given.get('cluster'))}/{short(task)}"))
    elif operation == "ListServiceDeployments":
        yield request(f"ecs:{operation}", names.arn("ecs", f"service/{short(given.get('cluster'))}/{short(given['service'])}"), **tagged)
    elif operation == "RunTask":
        definition = short(given["taskDefinition"])
        yield request(f"ecs:{operation}", names.arn("ecs", f"task-definition/{definition if ':' in definition else f'{definition}:1'}"))
        if given.get("propagateTags") or given.get("tags"):
            task = names.arn("ecs", f"task/{short(given.get('cluster'))}/1")
            yield request("ecs:TagResource", task, ecs__CreateAction=operation)
        # The definition names the roles of its task; blueprints make them below this path.
        yield from passed([f"arn:aws:iam::{names.template.account}:role/slipway/task"], "ecs-tasks.amazonaws.com", names)
        volumes = [it.get("managedEBSVolume", {}).get("roleArn") for it in given.get("volumeConfigurations", [])]
        yield from passed(volumes, "ecs.amazonaws.com", names)


def of_autoscaling(call: Call, names: Names) -> Iterator[Request]:
    if call.operation == "DescribeScalableTargets":
        yield request("application-autoscaling:DescribeScalableTargets", "*")
    elif call.operation == "RegisterScalableTarget":
        # AWS gives a scalable target its ID. The runner puts the tag on everything that Terraform makes.
        target = names.arn("application-autoscaling", "scalable-target/0ec5")
        tagged = {"aws__ResourceTag/slipway:stack": "lusab-babad"}
        yield request("application-autoscaling:RegisterScalableTarget", target, **tagged)


def of_scheduler(call: Call, names: Names) -> Iterator[Request]:
    if call.operation in ("GetSchedule", "UpdateSchedule"):
        group = call.given.get("GroupName") or call.given.get("groupName") or "default"
        yield request(f"scheduler:{call.operation}", names.arn("scheduler", f"schedule/{group}/{call.given['Name']}"))
        yield from passed([call.given.get("Target", {}).get("RoleArn")], "scheduler.amazonaws.com", names)


def passed(roles, to: str, names: Names) -> Iterator[Request]:
    """The roles that a call gives a service."""
    for role in roles:
        if role:
            # Names of roles in tests are any; blueprints make theirs below the path /slipway/ (scripts/lint_terraform.py checks that).
            arn = f"arn:aws:iam::{names.template.account}:role/slipway/{short(role)}"
            yield request("iam:PassRole", arn, iam__PassedToService=to)


def of_sts(call: Call, names: Names) -> Iterator[Request]:
    if call.operation == "AssumeRole":
        given = call.given
        # Tests have accounts of their own. The role of which builds take sessions is the template's.
        own = given["RoleArn"].endswith("-runner")
        role = names.template.arn("BuildsRole") if own else given["RoleArn"]
        context = {"sts__RoleSessionName": given["RoleSessionName"]}
        if "ExternalId" in given:
            external = given["ExternalId"]
            machine = names.machine(external, in_test=not call.is_of_local_mode)[0] if ":stateMachine:" in external else external
            context["sts__ExternalId"] = machine
        yield request("sts:AssumeRole", role, **context)
        if "SourceIdentity" in given:
            yield request("sts:SetSourceIdentity", role, sts__SourceIdentity=given["SourceIdentity"])


def of_events(call: Call, names: Names) -> Iterator[Request]:
    if call.operation == "PutEvents":
        for entry in call.given["Entries"]:
            bus = entry.get("EventBusName", "default")
            arn = bus if bus.startswith("arn:") else names.arn("events", f"event-bus/{bus}")
            yield request("events:PutEvents", arn, **{"events__source": (entry["Source"],), "events__detail-type": (entry["DetailType"],)})


def of_sqs(call: Call, names: Names) -> Iterator[Request]:
    if call.operation == "SendMessage":
        # The functions know one queue to send to, by a variable.
        yield request("sqs:SendMessage", names.template.arn("UnhandledEvents"))
    elif call.operation in ("ReceiveMessage", "ChangeMessageVisibilityBatch", "DeleteMessage", "GetQueueAttributes"):
        # Those of dead-lettered events, by name.
        queues = {"undelivered-events": "UndeliveredEvents", "unhandled-notifications": "UnhandledNotifications"}
        logical = next((queue for end, queue in queues.items() if call.given["QueueUrl"].endswith(end)), "UnhandledEvents")
        # IAM has no action for a batch: https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonsqs.html
        yield request(f"sqs:{call.operation.removesuffix('Batch')}", names.template.arn(logical))


def of_lambda(call: Call, names: Names) -> Iterator[Request]:
    if call.operation == "Invoke":
        qualifier = f":{call.given['Qualifier']}" if "Qualifier" in call.given else ""
        yield request("lambda:InvokeFunction", names.arn("lambda", f"function:{call.given['FunctionName']}{qualifier}"))


def of_rds(call: Call, names: Names) -> Iterator[Request]:
    given, operation = call.given, call.operation
    kinds = {
        "CreateDBSnapshot": ("db", "snapshot", "DBInstanceIdentifier", "DBSnapshotIdentifier"),
        "CreateDBClusterSnapshot": ("cluster", "cluster-snapshot", "DBClusterIdentifier", "DBClusterSnapshotIdentifier"),
        "DescribeDBSnapshots": (None, "snapshot", None, "DBSnapshotIdentifier"),
        "DescribeDBClusterSnapshots": (None, "cluster-snapshot", None, "DBClusterSnapshotIdentifier"),
    }
    if operation in kinds:
        database, snapshot, of_database, of_snapshot = kinds[operation]
        arn = names.arn("rds", f"{snapshot}:{given[of_snapshot]}")
        yield request(f"rds:{operation}", arn)
        if database:
            yield request(f"rds:{operation}", names.arn("rds", f"{database}:{given[of_database]}"))
            # A dependent action of CreateDBSnapshot, where the tags of the database are copied:
            # https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonrds.html
            yield request("rds:AddTagsToResource", arn)


def short(arn: str | None) -> str:
    """The name at the end of an ARN, or the name itself."""
    return (arn or "default").rpartition("/")[2]
