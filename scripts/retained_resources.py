#!/usr/bin/env python3
"""Prints a template of what remains after `delete-stack`: the table and the buckets, under their names.

    python3 scripts/retained_resources.py --stack-name slipway --account 111122223333 --region eu-west-1 > retained.json

`aws cloudformation create-change-set --import-existing-resources` takes only names that are literal in the template, so it cannot
use template.yaml itself. docs/aws.md ("Restore after delete-stack") has the commands. Needs PyYAML.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/import-resources-automatically.html
"""

import argparse
import json
import re
import sys
from pathlib import Path

from cloudformation import load

TEMPLATE = Path(__file__).resolve().parent.parent / "template.yaml"
# The properties that name a resource, by type: https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-properties-name.html
NAMES = {"AWS::DynamoDB::Table": "TableName", "AWS::S3::Bucket": "BucketName", "AWS::KMS::Key": "KeyId"}
RETAINED = ("Retain", "RetainExceptOnCreate")
NO_VALUE = {"Ref": "AWS::NoValue"}


class Unresolved(Exception):
    """A value that is not literal without CloudFormation."""


def resolved(value, pseudo: dict[str, str], conditions: dict[str, bool]):
    """`value` with references to pseudo parameters and conditions replaced."""
    if isinstance(value, list):
        return [resolved(item, pseudo, conditions) for item in value]
    if not isinstance(value, dict):
        return value
    if value.keys() == {"Fn::Sub"} and isinstance(value["Fn::Sub"], str):
        return re.sub(r"\$\{([^}]+)\}", lambda found: known(pseudo, found[1]), value["Fn::Sub"])
    if value == NO_VALUE:
        return value
    if value.keys() == {"Ref"}:
        return known(pseudo, value["Ref"])
    if value.keys() == {"Fn::If"}:
        condition, if_true, if_false = value["Fn::If"]
        return resolved(if_true if known(conditions, condition) else if_false, pseudo, conditions)
    if any(key.startswith("Fn::") for key in value):
        raise Unresolved(f"{next(iter(value))} is not supported here")
    members = {key: resolved(item, pseudo, conditions) for key, item in value.items()}
    return {key: item for key, item in members.items() if item != NO_VALUE}


def known(values: dict, name: str):
    if name not in values:
        raise Unresolved(f"`{name}` is not known here")
    return values[name]


def retained(template: dict, stack_name: str, account: str, region: str, key: str = "") -> dict:
    """The template of the retained resources. The table is protected: delete-stack leaves nothing else that would be lost."""
    pseudo = {"AWS::StackName": stack_name, "AWS::AccountId": account, "AWS::Region": region, "KmsKeyArn": key}
    resources = {}
    for logical_id, resource in template["Resources"].items():
        if resource.get("DeletionPolicy") not in RETAINED:
            continue
        properties = resolved(resource["Properties"], pseudo, {"Protected": True, "WithKey": bool(key)})
        if not isinstance(properties.get(NAMES[resource["Type"]]), str):
            raise Unresolved(f"{logical_id} has no name")
        resources[logical_id] = {
            "Type": resource["Type"],
            "DeletionPolicy": resource["DeletionPolicy"],
            "UpdateReplacePolicy": resource["UpdateReplacePolicy"],
            "Properties": properties,
        }
    return {"AWSTemplateFormatVersion": "2010-09-09", "Resources": resources}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--stack-name", default="slipway", help="name of the deleted stack [default: slipway]")
    parser.add_argument("--account", required=True, help="AWS account ID")
    parser.add_argument("--region", required=True, help="AWS Region")
    parser.add_argument("--kms-key-arn", default="", help="the parameter KmsKeyArn of the deleted stack [default: none]")
    arguments = parser.parse_args()
    template = retained(load(TEMPLATE), arguments.stack_name, arguments.account, arguments.region, arguments.kms_key_arn)
    json.dump(template, sys.stdout, indent=2)
    print()


if __name__ == "__main__":
    main()
