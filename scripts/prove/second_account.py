"""The account of an environment: its roles and rules from aws/target-account, and one rollout whose end has to reach Slipway's bus."""

from __future__ import annotations

import json

import probes
from cloud import Cloud
from deployment import ROOT, Deployment, create, make_bucket


def rollout_event(cloud: Cloud, second: Cloud, deployment: Deployment) -> tuple[bool, str]:
    """Whether the end of a rollout in the second account comes through the bus, and what was seen."""
    bus = deployment.outputs["EventBusArn"]
    queue = listen(cloud, bus)
    code = make_bucket(second, "target")
    second.client("s3").put_object(Bucket=code, Key="template", Body=(ROOT / "aws/target-account/template.yaml").read_bytes())
    parameters = (
        {
            "Name": second.run.removeprefix("slipway-"),
            "ExternalId": f"{second.run}-external-id",
            "Regions": second.region,
        }
        | {name: deployment.outputs[name] for name in ("RunnerRoleArn", "StateMachineArn", "WorkflowRoleArns", "ApiRoleArn")}
        | {"EventBusArn": bus}
    )
    stack = second.making("stack", second.name("target"))
    create(second, stack, f"https://{code}.s3.{second.region}.amazonaws.com/template", parameters)

    network = probes.default_network(second)
    if network is None:
        return False, "the second account has no default VPC for a service of Fargate"
    definition = probes.task_definition(second)
    # A service without tasks: its rollout completes at once, and says so.
    second.client("ecs").create_service(
        cluster=second.name("cluster"),
        serviceName=second.name("web"),
        taskDefinition=definition,
        desiredCount=0,
        launchType="FARGATE",
        networkConfiguration={"awsvpcConfiguration": {"subnets": network["Subnets"], "assignPublicIp": "ENABLED"}},
        tags=second.tags("key", "value"),
    )
    sqs = cloud.client("sqs")

    def arrived() -> list | None:
        return sqs.receive_message(QueueUrl=queue, WaitTimeSeconds=5).get("Messages")

    [message, *_] = cloud.until("the end of the rollout on the bus", arrived, 4)
    event = json.loads(message["Body"])
    return event["account"] == second.account, f"{event['detail-type']} {event['detail'].get('eventName')} of {event['account']}"


def listen(cloud: Cloud, bus: str) -> str:
    """A queue that gets the events of ECS on the bus; its address."""
    sqs, events = cloud.client("sqs"), cloud.client("events")
    bus_name, name = bus.rpartition("/")[2], cloud.name("heard")
    url = sqs.create_queue(QueueName=cloud.making("queue", name), tags={"slipway:prove": cloud.run})["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    policy = {"Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": "sqs:SendMessage", "Resource": arn,
    }]}  # fmt: skip
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": json.dumps(policy)})
    cloud.making("rule", f"{bus_name}/{name}")
    pattern = {"source": ["aws.ecs"], "detail-type": ["ECS Deployment State Change"]}
    events.put_rule(Name=name, EventBusName=bus_name, EventPattern=json.dumps(pattern), Tags=cloud.tags())
    events.put_targets(Rule=name, EventBusName=bus_name, Targets=[{"Id": "queue", "Arn": arn}])
    return url
