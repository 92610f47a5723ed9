"""The questions that no documentation answers, in order of risk: each runs on the account and says what it saw.

A check returns `Seen(True | False, evidence)`, or `NotRun(why)`. What an emulator cannot show of it stands beside it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import probes
from botocore.exceptions import ClientError
from cloud import Cloud
from deployment import Deployment
from second_account import rollout_event


@dataclass(frozen=True)
class Seen:
    holds: bool
    evidence: str


@dataclass(frozen=True)
class NotRun:
    why: str


@dataclass
class Setting:
    """What the checks work with."""

    cloud: Cloud
    deployment: Deployment | None = None
    second: Cloud | None = None
    with_database: bool = False

    @property
    def deployed(self) -> Deployment:
        assert self.deployment, "the check `deploy` runs first"
        return self.deployment


@dataclass(frozen=True)
class Check:
    id: str
    claim: str
    run: Callable[[Setting], Seen | NotRun]
    # Why an emulator does not show it.
    emulator: str
    # Slipway works with either answer: it is distinguished from what Slipway relies on.
    either: bool = False


def role_of_the_machine(setting: Setting) -> Seen:
    """OperationRole's trust names the machine as aws:SourceArn; executions are started through an alias."""
    cloud, machine = setting.cloud, setting.deployed.machine
    alias = machine if cloud.is_emulator else f"{machine}:live"
    given = {"operation": "op-00000000000000000000000000", "stack_id": "babab-babab"}
    execution = probes.executed(cloud, alias, given)
    # No such operation: the step is called and refuses. Without the role no step is called.
    refused = execution.get("error", "") or ""
    called = refused.startswith(("Slipway.", "Failed")) or "Slipway" in execution.get("cause", "")
    return Seen(called, f"started through {alias.rpartition(':')[2]}: {execution['status']} {refused}")


def alarm_dimension(setting: Setting) -> Seen:
    """The metric of failed executions by the machine alone counts executions that an alias started."""
    cloud, machine = setting.cloud, setting.deployed.machine
    metrics = cloud.client("cloudwatch")

    def dimensions() -> set[tuple[str, ...]]:
        pages = metrics.get_paginator("list_metrics").paginate(Namespace="AWS/States", MetricName="ExecutionsFailed")
        found = [it["Dimensions"] for page in pages for it in page["Metrics"]]
        ours = [it for it in found if {"Name": "StateMachineArn", "Value": machine} in it]
        return {tuple(sorted(one["Name"] for one in it)) for it in ours}

    if cloud.is_emulator:
        return Seen(False, f"dimensions: {sorted(dimensions())}")
    seen = cloud.until("a metric of the failed executions", dimensions, 6)
    return Seen(("StateMachineArn",) in seen, f"dimensions of ExecutionsFailed: {sorted(seen)}")


def events_of_environments(setting: Setting) -> Seen | NotRun:
    """The bus takes the end of a rollout of another account."""
    if setting.second is None:
        return NotRun("give --second-profile, with rights in a second account")
    return Seen(*rollout_event(setting.cloud, setting.second, setting.deployed))


def signal_of_stop(setting: Setting) -> Seen:
    """StopBuild gives the build a signal that a trap sees."""
    cloud = setting.cloud
    group = f"/{cloud.name('builds')}"
    command = (
        "trap 'echo PROVE caught SIGTERM; exit 1' TERM; trap 'echo PROVE caught SIGINT; exit 1' INT; echo PROVE ready; "
        "for n in $(seq 120); do sleep 1; done; echo PROVE nothing"
    )
    project = probes.build_project(cloud, [command])
    builds = cloud.client("codebuild")
    started = builds.start_build(projectName=project)["build"]["id"]
    if cloud.is_emulator:
        return Seen(False, f"started {started}; nothing runs it")
    cloud.until("the build runs", lambda: "PROVE ready" in probes.log_of(cloud, group), 4)
    builds.stop_build(id=started)
    cloud.until("the build ends", lambda: probes.build(cloud, started)["buildComplete"], 3)
    time.sleep(15)
    caught = [line for line in probes.log_of(cloud, group).splitlines() if "PROVE caught" in line]
    return Seen(bool(caught), f"{probes.build(cloud, started)['buildStatus']}; the log has: {caught or 'no signal'}")


def tags_of_snapshots(setting: Setting) -> Seen | NotRun:
    """CreateDBSnapshot needs rds:AddTagsToResource where the database copies its tags."""
    if not setting.with_database:
        return NotRun("a database takes ten minutes and costs cents: give --with-database")
    cloud = setting.cloud
    rds, sts = cloud.client("rds"), cloud.client("sts")
    name = cloud.making("database", cloud.name("db"))
    rds.create_db_instance(
        DBInstanceIdentifier=name, Engine="postgres", DBInstanceClass="db.t4g.micro", AllocatedStorage=20, MasterUsername="prove",
        ManageMasterUserPassword=True, CopyTagsToSnapshot=True, PubliclyAccessible=False, Tags=cloud.tags(),
    )  # fmt: skip
    allowed = [{"Effect": "Allow", "Action": "rds:CreateDBSnapshot", "Resource": "*"}]
    probe = probes.role(cloud, "snapshots", "rds.amazonaws.com", allowed)
    me = sts.get_caller_identity()["Arn"]
    probes.trust_caller(cloud, cloud.name("snapshots"), me)
    cloud.until(
        "the database",
        lambda: rds.describe_db_instances(DBInstanceIdentifier=name)["DBInstances"][0]["DBInstanceStatus"] == "available",
        14,
    )
    as_probe = probes.client_as(cloud, probe, "rds")
    snapshot = cloud.making("snapshot", cloud.name("snapshot"))
    try:
        as_probe.create_db_snapshot(DBInstanceIdentifier=name, DBSnapshotIdentifier=snapshot)
        return Seen(False, "a role with rds:CreateDBSnapshot alone made the snapshot: the further right is not needed")
    except ClientError as error:
        return Seen("AddTagsToResource" in str(error), str(error))


def keys_of_transactions(setting: Setting) -> Seen:
    """In a transaction, IAM judges each action by the partitions of its own items, as conditions of template.yaml and of the sessions of
    builds rely on. No page says so: transaction-apis-iam.html names the actions alone."""
    cloud, table = setting.cloud, setting.deployed.stack
    mine = ["prove#1", "prove#2", "audit#prove"]
    arn = f"arn:aws:dynamodb:{cloud.region}:{cloud.account}:table/{table}"
    keys = {"ForAllValues:StringEquals": {"dynamodb:LeadingKeys": mine}, "Null": {"dynamodb:LeadingKeys": "false"}}
    audit = {"ForAnyValue:StringLike": {"dynamodb:LeadingKeys": ["audit#*"]}}
    statements = [
        {"Effect": "Allow", "Action": "dynamodb:PutItem", "Resource": arn, "Condition": keys},
        {"Effect": "Allow", "Action": "dynamodb:DeleteItem", "Resource": arn},
        {"Effect": "Deny", "Action": "dynamodb:DeleteItem", "Resource": arn, "Condition": audit},
    ]
    probe = probes.role(cloud, "keys", "dynamodb.amazonaws.com", statements)
    probes.trust_caller(cloud, cloud.name("keys"), cloud.client("sts").get_caller_identity()["Arn"])
    time.sleep(0 if cloud.is_emulator else 10)
    as_probe = probes.client_as(cloud, probe, "dynamodb")

    def allowed(*items: tuple[str, str]) -> bool:
        asked = []
        for action, partition in items:
            item = {"pk": {"S": partition}, "sk": {"S": "prove"}}
            asked.append({action: {"TableName": table, "Key" if action == "Delete" else "Item": item}})
        try:
            as_probe.transact_write_items(TransactItems=asked)
        except ClientError as error:
            if error.response["Error"]["Code"] != "AccessDeniedException":
                raise
            return False
        return True

    seen = {
        "puts into two of its partitions": allowed(("Put", "prove#1"), ("Put", "prove#2")),
        "a delete beside a put of audit": allowed(("Delete", "prove#1"), ("Put", "audit#prove")),
        "a put into another partition": not allowed(("Put", "prove#2"), ("Put", "stack#other")),
        "a delete of audit": not allowed(("Delete", "audit#prove"), ("Delete", "prove#2")),
    }
    wrong = [what for what, as_expected in seen.items() if not as_expected]
    return Seen(not wrong, f"not as expected: {', '.join(wrong)}" if wrong else "two transactions allowed, two denied")


def first_build(setting: Setting) -> Seen:
    """A build starts at all: new accounts may have a quota of 10 and a queue of 0."""
    cloud = setting.cloud
    builds = cloud.client("codebuild")
    try:
        started = builds.start_build(projectName=f"{setting.deployed.stack}-runner")["build"]["id"]
    except ClientError as error:
        return Seen(False, str(error))
    builds.stop_build(id=started)
    return Seen(True, f"StartBuild answered {started}")


def queue_of_builds(setting: Setting) -> Seen | NotRun:
    """Builds beyond the account's limit wait, because the project has no limit of its own."""
    cloud = setting.cloud
    builds = cloud.client("codebuild")
    [project] = builds.batch_get_projects(names=[f"{setting.deployed.stack}-runner"])["projects"]
    if project.get("concurrentBuildLimit"):
        return Seen(False, f"the project limits its builds to {project['concurrentBuildLimit']}: further ones are refused")
    limit = None if cloud.is_emulator else quota(cloud)
    if limit is None or limit > 20:
        return NotRun(f"the account's limit is {limit or 'not known'}: more builds than a proof should start")
    waiting = cloud.name("builds")
    started, refused = [], None
    for _ in range(limit + 1):
        try:
            started.append(builds.start_build(projectName=waiting)["build"]["id"])
        except ClientError as error:
            refused = error
            break
    phases = [probes.build(cloud, it)["currentPhase"] for it in started]
    for it in started:
        builds.stop_build(id=it)
    return Seen(refused is None, f"limit {limit}; phases {phases}; {refused or 'none is refused'}")


def quota(cloud: Cloud) -> int | None:
    """The account's limit of concurrent builds on ARM, small."""
    try:
        pages = cloud.client("service-quotas").get_paginator("list_service_quotas").paginate(ServiceCode="codebuild")
        found = [it for page in pages for it in page["Quotas"] if "ARM" in it["QuotaName"] and "Small" in it["QuotaName"]]
    except ClientError:
        return None
    return int(found[0]["Value"]) if found else None


IN_ORDER = [
    Check("F8 role", "OperationRole trusts executions that an alias starts", role_of_the_machine, "ministack checks no trust policy"),
    Check(
        "F21",
        "alarms by StateMachineArn count executions of an alias",
        alarm_dimension,
        "ministack has no metrics of executions",
        either=True,
    ),
    Check("F12", "the bus takes rollout events of an environment's account", events_of_environments, "there is one account"),
    Check("F27", "conditions on partitions judge the items of transactions", keys_of_transactions, "ministack enforces no policies"),
    Check("F4", "StopBuild gives a build a signal", signal_of_stop, "ministack runs no builds", either=True),
    Check("F13", "snapshots with copied tags need rds:AddTagsToResource", tags_of_snapshots, "ministack enforces no policies", either=True),
    Check("F2", "the account starts a build", first_build, "ministack has no quotas"),
    Check("F1", "builds beyond the account's limit are queued", queue_of_builds, "ministack has no quotas and no queue"),
]
