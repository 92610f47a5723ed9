"""AWS's service models, as botocore (PyPI) ships them: operations, what they take, and how they fail."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import botocore.session
from botocore.exceptions import UnknownServiceError
from botocore.model import OperationModel, ServiceModel, Shape

WORD = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|[0-9]+")


@cache
def service(name: str) -> ServiceModel | None:
    try:
        return botocore.session.get_session().get_service_model(name)
    except UnknownServiceError:
        return None


def operation(service_name: str, name: str) -> OperationModel | None:
    model = service(service_name)
    return model.operation_model(name) if model and name in model.operation_names else None


def java_name(name: str) -> str:
    """A member or an exception as the AWS SDK for Java 2 names it, and so Step Functions: `DBInstanceIdentifier` is `DbInstanceIdentifier`
    (https://docs.aws.amazon.com/step-functions/latest/dg/supported-services-awssdk.html)."""
    return "".join(word[0].upper() + word[1:].lower() for word in WORD.findall(name))


def java_exception(shape: str) -> str:
    """The exception of an error: `DBSnapshotAlreadyExistsFault` is `DbSnapshotAlreadyExistsException`."""
    name = java_name(shape.removesuffix("Fault").removesuffix("Exception"))
    return f"{name}Exception"


def wire_name(container: Shape, member: str) -> str:
    """A member as the service's protocol writes it."""
    return container.members[member].serialization.get("name", member)


def problems(shape: Shape, value: Any, name_of: Callable[[Shape, str], str], path: str = "") -> Iterator[str]:
    """Where a value is not what a shape takes: members, required members, types, lengths, the values of enumerations."""
    where = path or "the arguments"
    kinds: dict[str, Any] = {
        "structure": dict, "map": dict, "list": list, "string": str, "integer": int, "long": int, "boolean": bool,
        "float": (int, float), "double": (int, float), "timestamp": (int, float, str), "blob": str,
    }  # fmt: skip
    expected = kinds[shape.type_name]
    if not isinstance(value, expected) or (isinstance(value, bool) and expected is not bool):
        yield f"{where}: {type(value).__name__} where {shape.type_name} is expected"
        return
    if shape.type_name == "structure":
        yield from of_structure(shape, value, name_of, path)
    elif shape.type_name == "map":
        for key, item in value.items():
            yield from problems(shape.value, item, name_of, f"{path}.{key}")
    elif shape.type_name == "list":
        for at, item in enumerate(value):
            yield from problems(shape.member, item, name_of, f"{path}[{at}]")
    elif shape.type_name == "string" and shape.enum and value not in shape.enum:
        yield f"{where}: {value!r} is not one of {', '.join(shape.enum)}"
    if shape.type_name in ("string", "list", "map"):
        least, most = shape.metadata.get("min", 0), shape.metadata.get("max", float("inf"))
        if not least <= len(value) <= most:
            yield f"{where}: a length of {len(value)} where {least} to {most} is allowed"


def of_structure(shape: Shape, value: dict, name_of: Callable[[Shape, str], str], path: str) -> Iterator[str]:
    members = {name_of(shape, member): member for member in shape.members}
    for name, item in value.items():
        where = f"{path}.{name}".lstrip(".")
        if name not in members:
            yield f"{where}: {shape.name} has no such member"
        elif item is not None:
            yield from problems(shape.members[members[name]], item, name_of, where)
    for name, member in members.items():
        # What is marked as a token is filled in by the SDK.
        filled = shape.members[member].metadata.get("idempotencyToken")
        if member in shape.required_members and value.get(name) is None and not filled:
            yield f"{path or 'the arguments'}: the required member {name} is missing"
