"""Quotas of AWS that a template exceeds with parameters that its patterns allow: the deployment would fail half-way, or at an upgrade.

environment   the variables of a Lambda function, as JSON: 4 KB
pattern       an event pattern: 2,048 characters
bus policy    all statements of an event bus: 10,240 characters
list          audiences of an authorizer: 50; scopes of a route: 10
body          a template that `aws cloudformation deploy` sends inline: 51,200 bytes

Each value is taken at its longest: a text parameter by MaxLength or AllowedValues, a number by MaxValue, a list by the most items that
fit into MaxLength. A reference to a resource or to a pseudo parameter counts as LONGEST.
"""

import json
import math
import re
from collections.abc import Iterator

# https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
ENVIRONMENT = 4_096
# https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-quota.html
PATTERN, BUS_POLICY = 2_048, 10_240
# https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-quotas.html
ITEMS = {"Audience": 50, "AuthorizationScopes": 10}
# https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html
BODY = 51_200

# The longest name or ARN that a reference stands for: the alias of the machine, in a long Region.
LONGEST = 128
# An account as EventBridge writes it into the policy of a bus.
ACCOUNT = "arn:aws-us-gov:iam::111122223333:root"


def of_template(template: dict) -> Iterator[str]:
    parameters, resources = template.get("Parameters", {}), template["Resources"]
    variables = template.get("Globals", {}).get("Function", {}).get("Environment", {}).get("Variables", {})
    for logical_id, function in of_type(resources, "AWS::Serverless::Function").items():
        own = function["Properties"].get("Environment", {}).get("Variables", {})
        values = {name: text_of(value, parameters) for name, value in {**variables, **own}.items()}
        yield from over(f"environment: {logical_id}", json.dumps(values), ENVIRONMENT)
        for name, event in function["Properties"].get("Events", {}).items():
            yield from over(f"pattern: {logical_id}.{name}", pattern_of(event["Properties"].get("Pattern"), parameters), PATTERN)
    for logical_id, rule in of_type(resources, "AWS::Events::Rule").items():
        yield from over(f"pattern: {logical_id}", pattern_of(rule["Properties"]["EventPattern"], parameters), PATTERN)
    buses: dict[str, list] = {}
    for policy in of_type(resources, "AWS::Events::EventBusPolicy").values():
        properties = policy["Properties"]
        buses.setdefault(json.dumps(properties["EventBusName"]), []).append(longest(properties["Statement"], parameters))
    for bus, statements in buses.items():
        yield from over(f"bus policy: {bus}", json.dumps({"Version": "2012-10-17", "Statement": statements}), BUS_POLICY)
    yield from lists(resources, parameters)


def of_body(text: str) -> Iterator[str]:
    yield from over("body", text, BODY)


def over(what: str, text: str, limit: int) -> Iterator[str]:
    if unbounded := re.search(r"without a bound: (\w+)", text):
        yield f"quota: {what}: the parameter {unbounded[1]} has no MaxLength"
    elif len(text) > limit:
        yield f"quota: {what}: up to {len(text)} characters, and AWS takes {limit}"


def lists(resources: dict, parameters: dict) -> Iterator[str]:
    """Lists that a pattern has to bound by the number of their items."""
    for logical_id, resource in resources.items():
        properties = resource.get("Properties", {})
        for name, value in {**properties, **properties.get("JwtConfiguration", {})}.items():
            named = re.search(r'"Fn::Split": \[",", \{"Ref": "(\w+)"', json.dumps(value))
            if name in ITEMS and named:
                pattern = parameters[named[1]].get("AllowedPattern", ".*")
                most = ",".join(["a"] * ITEMS[name])
                if not re.fullmatch(pattern, most) or re.fullmatch(pattern, f"{most},a"):
                    yield f"quota: list: {logical_id} takes {ITEMS[name]} items, and the pattern of {named[1]} another number"


def of_type(resources: dict, kind: str) -> dict:
    return {logical_id: resource for logical_id, resource in resources.items() if resource["Type"] == kind}


def pattern_of(pattern, parameters: dict) -> str:
    return json.dumps(longest(pattern, parameters), separators=(",", ":"))


def longest(value, parameters: dict):
    """The value with the longest texts and lists that the parameters allow."""
    if isinstance(value, list):
        return [longest(item, parameters) for item in value]
    if not isinstance(value, dict):
        return value
    if value.keys() == {"Fn::Split"}:
        return items_of(value["Fn::Split"][1]["Ref"], parameters)
    if len(value) == 1 and (next(iter(value)) == "Ref" or next(iter(value)).startswith("Fn::")):
        return text_of(value, parameters)
    return {name: longest(item, parameters) for name, item in value.items()}


def text_of(value, parameters: dict) -> str:
    """The longest text of one value."""
    if not isinstance(value, dict):
        return str(value)
    name = value.get("Ref")
    if name not in parameters:
        return "x" * LONGEST
    parameter = parameters[name]
    if "AllowedValues" in parameter:
        return max((str(it) for it in parameter["AllowedValues"]), key=len)
    if parameter["Type"] == "Number":
        return str(parameter.get("MaxValue", f"without a bound: {name}"))
    length = bound(parameter)
    return f"without a bound: {name}" if length is None else "x" * length


def bound(parameter: dict) -> int | None:
    """The most characters of a text parameter: its MaxLength, or what a pattern without repetition of any length allows."""
    if "MaxLength" in parameter:
        return parameter["MaxLength"]
    # One of an optional group of bounded repetitions, as in `(o-[a-z0-9]{10,32})?`.
    bounded = re.fullmatch(r"\(([^*+()]*)\)[?]", parameter.get("AllowedPattern", ""))
    if not bounded:
        return None
    return sum(int(it) for it in re.findall(r"[{](?:\d+,)?(\d+)[}]", bounded[1])) + len(bounded[1])


def items_of(name: str, parameters: dict) -> list[str]:
    """A list of the most items: of accounts, or of the shortest texts."""
    length = bound(parameters[name])
    if length is None:
        return [f"without a bound: {name}"]
    if "[0-9]{12}" in parameters[name].get("AllowedPattern", ""):
        return [ACCOUNT] * math.ceil((length + 1) / len("111122223333,"))
    return ["x"] * math.ceil((length + 1) / 2)
