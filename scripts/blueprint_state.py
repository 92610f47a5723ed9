"""What has to be true of every resource that a blueprint makes, judged by the state after an apply."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

# The argument whose value may be there once in an account and region (or VPC): with the stack's id in it, no two stacks collide.
UNIQUE = {
    "aws_autoscaling_group": "name",
    "aws_cloudwatch_dashboard": "dashboard_name",
    "aws_cloudwatch_event_bus": "name",
    "aws_cloudwatch_event_rule": "name",
    "aws_cloudwatch_log_group": "name",
    "aws_cloudwatch_metric_alarm": "alarm_name",
    "aws_codebuild_project": "name",
    "aws_db_instance": "identifier",
    "aws_db_option_group": "name",
    "aws_db_parameter_group": "name",
    "aws_db_subnet_group": "name",
    "aws_ecr_repository": "name",
    "aws_ecs_capacity_provider": "name",
    "aws_ecs_cluster": "name",
    "aws_ecs_task_definition": "family",
    "aws_elasticache_parameter_group": "name",
    "aws_elasticache_replication_group": "replication_group_id",
    "aws_elasticache_serverless_cache": "name",
    "aws_elasticache_subnet_group": "name",
    "aws_elasticache_user": "user_id",
    "aws_elasticache_user_group": "user_group_id",
    "aws_iam_group": "name",
    "aws_iam_instance_profile": "name",
    "aws_iam_policy": "name",
    "aws_iam_role": "name",
    "aws_iam_user": "name",
    "aws_key_pair": "key_name",
    "aws_kms_alias": "name",
    "aws_lambda_function": "function_name",
    "aws_launch_template": "name",
    "aws_lb": "name",
    "aws_lb_target_group": "name",
    "aws_placement_group": "name",
    "aws_rds_cluster": "cluster_identifier",
    "aws_rds_cluster_instance": "identifier",
    "aws_rds_cluster_parameter_group": "name",
    "aws_s3_bucket": "bucket",
    "aws_scheduler_schedule": "name",
    "aws_scheduler_schedule_group": "name",
    "aws_secretsmanager_secret": "name",
    "aws_security_group": "name",
    "aws_service_discovery_http_namespace": "name",
    "aws_service_discovery_private_dns_namespace": "name",
    "aws_ses_configuration_set": "name",
    "aws_sesv2_configuration_set": "configuration_set_name",
    "aws_sfn_state_machine": "name",
    "aws_sns_topic": "name",
    "aws_sqs_queue": "name",
    "aws_ssm_document": "name",
    "aws_ssm_parameter": "name",
    "aws_wafv2_web_acl": "name",
}


def broken_rules(state: dict[str, Any], stack: str, variables: dict[str, Any]) -> list[str]:
    """Every rule that a resource breaks; empty if none does."""
    chosen = set(leaves(variables))
    return [f"{address}: {rule}" for address, kind, values in _managed(state) for rule in _rules(kind, values, stack, chosen)]


def addresses(state: dict[str, Any]) -> list[str]:
    """What a state manages, as Terraform writes addresses."""
    return [address for address, _, _ in _managed(state)]


def policies(state: dict[str, Any]) -> list[dict[str, Any]]:
    """Every policy that a state manages: its address, whether it says who may have a role, that role, and its document."""
    found = []
    for address, kind, values in _managed(state):
        for argument in ("assume_role_policy", "policy"):
            text = values.get(argument)
            if not isinstance(text, str) or not text.startswith("{") or "Statement" not in (document := json.loads(text)):
                continue
            name = values.get("name") if kind == "aws_iam_role" else values.get("role")
            found.append({"address": address, "argument": argument, "role": name, "document": document})
    return found


def _managed(state: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Of every resource that a state manages its address, its type and its values."""
    for resource in state["resources"]:
        if resource["mode"] != "managed":
            continue
        for instance in resource["instances"]:
            index = f"[{json.dumps(instance['index_key'])}]" if "index_key" in instance else ""
            address = ".".join(part for part in (resource.get("module"), resource["type"], resource["name"]) if part) + index
            yield address, resource["type"], instance["attributes"]


def leaves(value: Any) -> Iterator[str]:
    """Every text in a value: names that the requester of the stack has chosen."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield key
            yield from leaves(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from leaves(inner)
    elif isinstance(value, str):
        yield value


def _rules(kind: str, values: dict[str, Any], stack: str, chosen: set[str]) -> Iterator[str]:
    argument = UNIQUE.get(kind)
    name = values.get(argument, "") if argument else ""
    # What AWS names by a prefix gets a unique end from it.
    if name and stack not in name and name not in chosen and not values.get(f"{argument}_prefix"):
        yield f"{argument} = {name!r} has no stack id in it: two stacks collide; put ${{terraform.workspace}} into it"
    if kind == "aws_iam_role":
        if values.get("path") != "/slipway/":
            yield f'path = {values.get("path")!r}: environments only let a stack make roles below "/slipway/"'
        if not values.get("permissions_boundary"):
            yield "no permissions_boundary: environments only let a stack make roles that have theirs"
    if kind == "aws_cloudwatch_log_group" and not name.startswith(f"/slipway/stacks/{stack}/"):
        yield f"name = {name!r}: log groups of a stack begin with /slipway/stacks/<stack id>/"
    if kind == "aws_ecs_service" and values.get("scheduling_strategy") != "DAEMON" and values.get("desired_count"):
        yield f"desired_count = {values['desired_count']}: a service starts at zero, before its first release"
    # https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/blue-green-deployments-considerations.html
    by_copy = any(block.get("enabled") for block in values.get("blue_green_update") or [])
    if kind == "aws_db_instance" and values.get("manage_master_user_password") and by_copy:
        yield "blue_green_update: RDS copies no database whose password Secrets Manager keeps, and each update fails"
    if kind == "aws_scheduler_schedule" and values.get("state") != "DISABLED":
        yield f"state = {values.get('state')!r}: a schedule starts DISABLED, before its first release"
