"""Pieces of the checks: small roles, builds, clusters and state machines, each made for one question."""

from __future__ import annotations

import json
import time

from botocore.exceptions import ClientError
from cloud import Cloud

IMAGE = "public.ecr.aws/docker/library/busybox:1.36"


def role(cloud: Cloud, part: str, service: str, statements: list[dict], path: str = "/") -> str:
    """A role of a service; its ARN. IAM needs seconds until other services see it."""
    iam = cloud.client("iam")
    name = cloud.making("role", cloud.name(part))
    trust = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}]}
    made = iam.create_role(RoleName=name, Path=path, AssumeRolePolicyDocument=json.dumps(trust), Tags=cloud.tags())
    iam.put_role_policy(RoleName=name, PolicyName="prove", PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": statements}))
    if not cloud.is_emulator:
        time.sleep(10)
    return made["Role"]["Arn"]


def build_project(cloud: Cloud, commands: list[str]) -> str:
    """A build project whose log is in a group of its own, both called after the run."""
    name, group = cloud.name("builds"), f"/{cloud.name('builds')}"
    cloud.making("log group", group)
    logs = [{"Effect": "Allow", "Action": ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"], "Resource": "*"}]
    service_role = role(cloud, "builds", "codebuild.amazonaws.com", logs)
    cloud.making("build project", name)
    buildspec = {"version": 0.2, "phases": {"build": {"commands": commands}}}
    cloud.client("codebuild").create_project(
        name=name,
        serviceRole=service_role,
        source={"type": "NO_SOURCE", "buildspec": json.dumps(buildspec)},
        artifacts={"type": "NO_ARTIFACTS"},
        environment={
            "type": "ARM_CONTAINER",
            "computeType": "BUILD_GENERAL1_SMALL",
            "image": "aws/codebuild/amazonlinux-aarch64-standard:3.0",
        },
        timeoutInMinutes=10,
        logsConfig={"cloudWatchLogs": {"status": "ENABLED", "groupName": group}},
        tags=cloud.tags("key", "value"),
    )
    return name


def build(cloud: Cloud, identity: str) -> dict:
    [found] = cloud.client("codebuild").batch_get_builds(ids=[identity])["builds"]
    return found


def log_of(cloud: Cloud, group: str) -> str:
    """All that is in a log group."""
    logs = cloud.client("logs")
    try:
        pages = logs.get_paginator("filter_log_events").paginate(logGroupName=group)
        return "".join(event["message"] for page in pages for event in page["events"])
    except ClientError:
        return ""


def executed(cloud: Cloud, machine: str, given: dict, minutes: float = 5) -> dict:
    """Runs a machine, or an alias of it, and returns the ended execution."""
    states = cloud.client("stepfunctions")
    arn = states.start_execution(stateMachineArn=machine, input=json.dumps(given))["executionArn"]

    def ended() -> dict | None:
        execution = states.describe_execution(executionArn=arn)
        return None if execution["status"] == "RUNNING" else execution

    return cloud.until("the execution ends", ended, minutes)


def default_network(cloud: Cloud) -> dict | None:
    """A subnet of the default VPC, for tasks of Fargate; none where there is no such VPC."""
    ec2 = cloud.client("ec2")
    subnets = ec2.describe_subnets(Filters=[{"Name": "default-for-az", "Values": ["true"]}])["Subnets"]
    return {"Subnets": [subnets[0]["SubnetId"]], "AssignPublicIp": "ENABLED"} if subnets else None


def task_definition(cloud: Cloud) -> str:
    """A cluster called after the run, and a task that ends at once; the task definition's ARN."""
    pull = [{"Effect": "Allow", "Action": ["logs:CreateLogStream", "logs:PutLogEvents"], "Resource": "*"}]
    execution = role(cloud, "task", "ecs-tasks.amazonaws.com", pull, path="/slipway/")
    ecs = cloud.client("ecs")
    ecs.create_cluster(clusterName=cloud.making("cluster", cloud.name("cluster")), tags=cloud.tags("key", "value"))
    made = ecs.register_task_definition(
        family=cloud.making("task definition", cloud.name("task")),
        requiresCompatibilities=["FARGATE"],
        networkMode="awsvpc",
        cpu="256",
        memory="512",
        executionRoleArn=execution,
        containerDefinitions=[{"name": "probe", "image": IMAGE, "command": ["true"], "essential": True}],
        tags=cloud.tags("key", "value"),
    )
    return made["taskDefinition"]["taskDefinitionArn"]


def trust_caller(cloud: Cloud, name: str, caller: str):
    """Lets the caller of this program assume a role of the run."""
    account = cloud.account
    statement = {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{account}:root"}, "Action": "sts:AssumeRole"}
    if ":assumed-role/" not in caller:
        statement["Condition"] = {"ArnEquals": {"aws:PrincipalArn": caller}}
    trust = {"Version": "2012-10-17", "Statement": [statement]}
    cloud.client("iam").update_assume_role_policy(RoleName=name, PolicyDocument=json.dumps(trust))


def client_as(cloud: Cloud, role_arn: str, service: str):
    """A client with the credentials of a role."""
    given = cloud.client("sts").assume_role(RoleArn=role_arn, RoleSessionName=cloud.run)["Credentials"]
    return cloud.session.client(
        service,
        endpoint_url=cloud.endpoint,
        aws_access_key_id=given["AccessKeyId"],
        aws_secret_access_key=given["SecretAccessKey"],
        aws_session_token=given["SessionToken"],
    )
