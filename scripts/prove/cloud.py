"""One account: its clients, what this run has made in it, and how that is removed.

Everything that is made is written into a journal before it is made, so that it is removed after a failure, after Ctrl-C, and by
`--clean-up JOURNAL` after a crash. Nothing else is ever removed: names come from the journal alone, and each holds the id of the run.
"""

from __future__ import annotations

import contextlib
import json
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

TAG = "slipway:prove"
# Codes with which services say that something does not exist.
GONE = ("NotFound", "NoSuch", "DoesNotExist", "ResourceNotFound", "NonExistent", "ValidationError", "ClusterNotFound")


class Timeout(Exception):
    """Something did not happen in time."""


@dataclass
class Cloud:
    """An account in a Region; `endpoint` is that of an emulator."""

    region: str
    endpoint: str | None = None
    profile: str | None = None
    run: str = ""
    journal: Path = Path("prove-journal.json")
    made: list[dict] = field(default_factory=list)

    def __post_init__(self):
        self.run = self.run or f"slipway-prove-{secrets.token_hex(3)}"
        keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test"} if self.endpoint else {"profile_name": self.profile}
        self.session = boto3.Session(region_name=self.region, **keys)

    @property
    def is_emulator(self) -> bool:
        return self.endpoint is not None

    def client(self, service: str):
        retries = {"mode": "standard", "total_max_attempts": 1 if self.is_emulator else 5}
        return self.session.client(service, endpoint_url=self.endpoint, config=Config(retries=retries))

    @property
    def account(self) -> str:
        return self.client("sts").get_caller_identity()["Account"]

    def arn(self, service: str, resource: str) -> str:
        return f"arn:aws:{service}:{self.region}:{self.account}:{resource}"

    def name(self, part: str) -> str:
        return f"{self.run}-{part}"

    def tags(self, key: str = "Key", value: str = "Value") -> list[dict]:
        return [{key: TAG, value: self.run}]

    # -------------------------------------------------------------------------------------------- journal

    def making(self, kind: str, name: str) -> str:
        """Writes down what is about to be made, and returns its name."""
        assert kind in REMOVE, kind
        self.made.append({"kind": kind, "name": name})
        self.save()
        return name

    def save(self):
        text = {"run": self.run, "region": self.region, "profile": self.profile, "endpoint": self.endpoint, "made": self.made}
        self.journal.write_text(json.dumps(text, indent=1))

    @classmethod
    def of_journal(cls, path: Path) -> Cloud:
        text = json.loads(path.read_text())
        return cls(**text, journal=path)

    def clean_up(self) -> list[str]:
        """Removes what was made, the newest first; what is left, each with the reason."""
        left = []
        for it in reversed(list(self.made)):
            # Only what has the id of the run in its name: the journal may have been edited.
            if self.run not in it["name"]:
                left.append(f"{it['kind']} {it['name']}: it has not the id of this run in its name")
                continue
            try:
                REMOVE[it["kind"]](self, it["name"])
            except ClientError as error:
                if not no_longer_exists(error):
                    left.append(f"{it['kind']} {it['name']}: {error}")
                    continue
            except Timeout as error:
                left.append(f"{it['kind']} {it['name']}: {error}")
                continue
            self.made.remove(it)
            self.save()
        if not self.made:
            self.journal.unlink(missing_ok=True)
        return left

    def until(self, what: str, holds: Callable[[], object], minutes: float) -> object:
        """Waits until a condition holds, and returns what it gave."""
        end = time.monotonic() + minutes * 60
        while True:
            if found := holds():
                return found
            if time.monotonic() > end:
                raise Timeout(f"{what}: not within {minutes:g} minutes")
            time.sleep(0.2 if self.is_emulator else 5)


def no_longer_exists(error: ClientError) -> bool:
    code = error.response["Error"]["Code"]
    return any(word in code for word in GONE)


# ------------------------------------------------------------------------------------------------ how it is removed


def remove_stack(cloud: Cloud, name: str):
    formation = cloud.client("cloudformation")
    with contextlib.suppress(ClientError):
        formation.update_termination_protection(StackName=name, EnableTerminationProtection=False)
    formation.delete_stack(StackName=name)

    def is_deleted() -> bool:
        try:
            [stack] = formation.describe_stacks(StackName=name)["Stacks"]
        except ClientError as error:
            return no_longer_exists(error)
        if stack["StackStatus"] == "DELETE_FAILED":
            raise Timeout(f"{stack['StackStatus']}: {stack.get('StackStatusReason')}")
        return stack["StackStatus"] == "DELETE_COMPLETE"

    cloud.until(f"the stack {name} is deleted", is_deleted, 10)


def remove_table(cloud: Cloud, name: str):
    tables = cloud.client("dynamodb")
    tables.update_table(TableName=name, DeletionProtectionEnabled=False)
    cloud.until("the table takes the change", lambda: tables.describe_table(TableName=name)["Table"]["TableStatus"] == "ACTIVE", 2)
    tables.delete_table(TableName=name)


def remove_bucket(cloud: Cloud, name: str):
    s3 = cloud.client("s3")
    for page in s3.get_paginator("list_object_versions").paginate(Bucket=name):
        versions = page.get("Versions", []) + page.get("DeleteMarkers", [])
        for version in versions:
            s3.delete_object(Bucket=name, Key=version["Key"], VersionId=version["VersionId"])
    s3.delete_bucket(Bucket=name)


def remove_role(cloud: Cloud, name: str):
    iam = cloud.client("iam")
    for policy in iam.list_role_policies(RoleName=name)["PolicyNames"]:
        iam.delete_role_policy(RoleName=name, PolicyName=policy)
    iam.delete_role(RoleName=name)


def remove_cluster(cloud: Cloud, name: str):
    ecs = cloud.client("ecs")
    for service in ecs.list_services(cluster=name)["serviceArns"]:
        ecs.delete_service(cluster=name, service=service, force=True)
    for task in ecs.list_tasks(cluster=name)["taskArns"]:
        ecs.stop_task(cluster=name, task=task)
    cloud.until("the tasks have stopped", lambda: not ecs.list_tasks(cluster=name)["taskArns"], 3)
    ecs.delete_cluster(cluster=name)


def remove_family(cloud: Cloud, name: str):
    ecs = cloud.client("ecs")
    for definition in ecs.list_task_definitions(familyPrefix=name)["taskDefinitionArns"]:
        ecs.deregister_task_definition(taskDefinition=definition)


def remove_rule(cloud: Cloud, name: str):
    """A rule by `bus/rule`."""
    bus, rule = name.split("/")
    events = cloud.client("events")
    targets = [it["Id"] for it in events.list_targets_by_rule(Rule=rule, EventBusName=bus)["Targets"]]
    if targets:
        events.remove_targets(Rule=rule, EventBusName=bus, Ids=targets)
    events.delete_rule(Name=rule, EventBusName=bus)


def remove_queue(cloud: Cloud, name: str):
    sqs = cloud.client("sqs")
    sqs.delete_queue(QueueUrl=sqs.get_queue_url(QueueName=name)["QueueUrl"])


def remove_builds(cloud: Cloud, name: str):
    """A build project with what still runs."""
    builds = cloud.client("codebuild")
    with contextlib.suppress(ClientError):
        for build in builds.list_builds_for_project(projectName=name)["ids"][:100]:
            with contextlib.suppress(ClientError):
                builds.stop_build(id=build)
    builds.delete_project(name=name)


def remove_database(cloud: Cloud, name: str):
    cloud.client("rds").delete_db_instance(DBInstanceIdentifier=name, SkipFinalSnapshot=True, DeleteAutomatedBackups=True)


REMOVE: dict[str, Callable[[Cloud, str], object]] = {
    "stack": remove_stack,
    "table": remove_table,
    "bucket": remove_bucket,
    "role": remove_role,
    "cluster": remove_cluster,
    "task definition": remove_family,
    "rule": remove_rule,
    "queue": remove_queue,
    "build project": remove_builds,
    "database": remove_database,
    "snapshot": lambda cloud, name: cloud.client("rds").delete_db_snapshot(DBSnapshotIdentifier=name),
    "log group": lambda cloud, name: cloud.client("logs").delete_log_group(logGroupName=name),
}
