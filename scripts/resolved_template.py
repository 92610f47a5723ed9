"""A CloudFormation template as the account sees it: SAM translated, conditions decided, functions evaluated.

`Template` evaluates for given parameters, account, Region and stack name. A resource has the physical name that the template gives
it, else `<stack>-<logical id>`; `names` overrides both. What is not known here is refused: a check that reads half a template
would pass what it did not read.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from samtranslator.translator.transform import transform
from samtranslator.yaml_helper import yaml_parse

PARTITION = "aws"
# `AWS::NoValue`: the property is left out.
NO_VALUE = object()

# By type: the property with the physical name, and the ARN of a name, from the documentation of each type's return values
# (https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-template-resource-type-ref.html).
NAMED = {
    "AWS::DynamoDB::Table": ("TableName", "dynamodb:{region}:{account}:table/{name}"),
    "AWS::S3::Bucket": ("BucketName", "s3:::{name}"),
    "AWS::Logs::LogGroup": ("LogGroupName", "logs:{region}:{account}:log-group:{name}:*"),
    "AWS::SQS::Queue": ("QueueName", "sqs:{region}:{account}:{name}"),
    "AWS::SNS::Topic": ("TopicName", "sns:{region}:{account}:{name}"),
    "AWS::Events::EventBus": ("Name", "events:{region}:{account}:event-bus/{name}"),
    "AWS::Events::Rule": ("Name", "events:{region}:{account}:rule/{name}"),
    "AWS::Lambda::Function": ("FunctionName", "lambda:{region}:{account}:function:{name}"),
    "AWS::StepFunctions::StateMachine": ("StateMachineName", "states:{region}:{account}:stateMachine:{name}"),
    "AWS::CodeBuild::Project": ("Name", "codebuild:{region}:{account}:project/{name}"),
    "AWS::IAM::Role": ("RoleName", "iam::{account}:role{path}{name}"),
    "AWS::IAM::ManagedPolicy": ("ManagedPolicyName", "iam::{account}:policy{path}{name}"),
    "AWS::ApiGatewayV2::Api": ("Name", "apigateway:{region}::/apis/{name}"),
}
# Types whose `!Ref` is the ARN, not the name.
REF_IS_ARN = {"AWS::SNS::Topic", "AWS::StepFunctions::StateMachine", "AWS::IAM::ManagedPolicy"}


class Unknown(Exception):
    """Something in a template that this evaluator has no rule for."""


@cache
def load(path: Path) -> dict:
    """The template, with SAM's own translation where it asks for it."""
    template = yaml_parse(path.read_text())
    if template.get("Transform") != "AWS::Serverless-2016-10-31":
        return template
    for resource in template["Resources"].values():
        properties = resource.get("Properties", {})
        # SAM takes addresses of packaged files alone.
        for name in {"CodeUri", "DefinitionUri"} & set(properties):
            properties[name] = "s3://packaged/file"
    os.environ.setdefault("AWS_DEFAULT_REGION", "eu-west-1")
    return transform(template, {}, type("NoPolicies", (), {"load": lambda _: {}})())


@dataclass
class Template:
    path: Path
    stack: str
    account: str = "111122223333"
    region: str = "eu-west-1"
    parameters: dict[str, str] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)

    def __post_init__(self):
        self.text = load(self.path)
        declared = self.text.get("Parameters", {})
        if unknown := set(self.parameters) - set(declared):
            raise Unknown(f"{self.path}: no parameter {', '.join(sorted(unknown))}")
        self.values = {name: self.parameters.get(name, it.get("Default")) for name, it in declared.items()}
        for name, it in declared.items():
            if self.values[name] is None:
                raise Unknown(f"{self.path}: the parameter {name} has no default; give it")
            if it["Type"] == "CommaDelimitedList":
                self.values[name] = str(self.values[name]).split(",")

    def resources(self, *types: str) -> dict[str, dict]:
        """The resources of these types that exist under the conditions, by logical id, with evaluated properties."""
        return {
            logical: self.value(resource.get("Properties", {}))
            for logical, resource in self.text["Resources"].items()
            if resource["Type"] in types and self.exists(resource)
        }

    def exists(self, resource: dict) -> bool:
        return "Condition" not in resource or self.condition(resource["Condition"])

    def condition(self, name: str) -> bool:
        return self.value(self.text["Conditions"][name])

    def arn(self, logical: str) -> str:
        return self.attribute(logical, "Arn")

    def pseudo(self, name: str) -> Any:
        return {
            "AWS::AccountId": self.account,
            "AWS::Region": self.region,
            "AWS::Partition": PARTITION,
            "AWS::StackName": self.stack,
            "AWS::URLSuffix": "amazonaws.com",
            "AWS::NoValue": NO_VALUE,
        }[name]

    def reference(self, name: str) -> Any:
        if name.startswith("AWS::"):
            return self.pseudo(name)
        if name in self.values:
            return self.values[name]
        kind = self.resource(name)["Type"]
        if kind == "AWS::Lambda::Version":
            return f"{self.attribute(self.function_of(name), 'Arn')}:1"
        if kind == "AWS::SQS::Queue":
            return f"https://sqs.{self.region}.amazonaws.com/{self.account}/{self.name(name)}"
        return self.attribute(name, "Arn") if kind in REF_IS_ARN else self.name(name)

    def resource(self, logical: str) -> dict:
        try:
            return self.text["Resources"][logical]
        except KeyError:
            raise Unknown(f"{self.path}: no resource or parameter {logical}") from None

    def function_of(self, version: str) -> str:
        return self.resource(version)["Properties"]["FunctionName"]["Ref"]

    def name(self, logical: str) -> str:
        """The physical name of a resource."""
        if logical in self.names:
            return self.names[logical]
        resource = self.resource(logical)
        given = NAMED.get(resource["Type"], (None,))[0]
        value = resource.get("Properties", {}).get(given)
        return self.value(value) if value is not None else f"{self.stack}-{logical}"

    def attribute(self, logical: str, attribute: str) -> str:
        """`!GetAtt`."""
        kind = self.resource(logical)["Type"]
        name = self.name(logical)
        if attribute == "Arn" and kind in NAMED:
            path = self.value(self.resource(logical).get("Properties", {}).get("Path", "/"))
            fields = {"region": self.region, "account": self.account, "name": name, "path": path}
            return f"arn:{PARTITION}:{NAMED[kind][1].format(**fields)}"
        if (kind, attribute) == ("AWS::DynamoDB::Table", "StreamArn"):
            return f"{self.arn(logical)}/stream/2026-01-01T00:00:00.000"
        if (kind, attribute) == ("AWS::SQS::Queue", "QueueName"):
            return name
        if (kind, attribute) == ("AWS::ApiGatewayV2::Api", "ApiEndpoint"):
            return f"https://{name}.execute-api.{self.region}.amazonaws.com"
        raise Unknown(f"{self.path}: !GetAtt {logical}.{attribute} of {kind}")

    def value(self, node: Any) -> Any:
        """A node of the template, evaluated."""
        if isinstance(node, list):
            return [value for value in map(self.value, node) if value is not NO_VALUE]
        if not isinstance(node, dict):
            return node
        if len(node) == 1:
            [(name, argument)] = node.items()
            if name in ("Ref", "Condition") and isinstance(argument, str):
                return self.reference(argument) if name == "Ref" else self.condition(argument)
            if name.startswith("Fn::"):
                return self.function(name.removeprefix("Fn::"), argument)
        values = {key: self.value(value) for key, value in node.items()}
        return {key: value for key, value in values.items() if value is not NO_VALUE}

    def function(self, name: str, argument: Any) -> Any:
        """An intrinsic function."""
        if name == "If":
            condition, yes, no = argument
            return self.value(yes if self.condition(condition) else no)
        if name == "Sub":
            return self.substituted(argument)
        if name == "GetAtt":
            return self.attribute(*(argument.split(".", 1) if isinstance(argument, str) else argument))
        arguments = self.value(argument)
        match name, arguments:
            case "Equals", [left, right]:
                return left == right
            case "Not", [one]:
                return not one
            case "And", list():
                return all(arguments)
            case "Or", list():
                return any(arguments)
            case "Join", [separator, list() as parts]:
                return separator.join(parts)
            case "Split", [separator, str() as text]:
                return text.split(separator)
            case "Select", [index, list() as parts]:
                return parts[int(index)]
        raise Unknown(f"{self.path}: Fn::{name} of {argument!r}")

    def substituted(self, argument: Any) -> str:
        text, given = (argument, {}) if isinstance(argument, str) else argument
        given = self.value(given)

        def replacement(found: re.Match) -> str:
            name = found[1]
            if name.startswith("!"):
                return f"${{{name[1:]}}}"
            if name in given:
                return given[name]
            return self.attribute(*name.split(".", 1)) if "." in name else self.reference(name)

        return re.sub(r"\$\{([^}]+)\}", replacement, text)
