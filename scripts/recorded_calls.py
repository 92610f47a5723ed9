"""The AWS calls that the tests made, as crates/recording wrote them down, read by AWS's service models."""

from __future__ import annotations

import json
import re
import urllib.parse
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from service_models import service

# Names that requests are signed for, where botocore has another for the service.
SIGNED_FOR = {"states": "stepfunctions"}


class Unreadable(Exception):
    """A recorded call that no model describes."""


@dataclass(frozen=True)
class Call:
    """A call: who made it in which test, the service and operation of the model, and what it was given."""

    principal: str
    key: str
    test: str
    service: str
    operation: str
    given: dict = field(hash=False)
    # Whether `given` is the whole input: not where the body was a stream.
    is_whole: bool = True

    @property
    def is_of_local_mode(self) -> bool:
        """The local AWS knows principals by their access keys, and has the names of the template."""
        return self.key == self.principal


def calls(folder: Path, principals: set[str]) -> Iterator[Call]:
    """The recorded calls of these principals. Tests and containers of stacks call the local AWS too."""
    files = sorted(folder.glob("*.jsonl"))
    if not files:
        raise Unreadable(f"{folder}: no calls are recorded; set SLIPWAY_RECORD_CALLS to it and run the tests")
    for file in files:
        program = re.sub(r"(-[0-9a-f]{16})?-[0-9]+$", "", file.stem)
        for line in file.read_text().splitlines():
            recorded = json.loads(line)
            # A key of the local STS: of all that call it, builds alone take sessions.
            if recorded["principal"].startswith("ASIA"):
                recorded |= {"principal": "Builds", "key": "Builds"}
            if recorded["principal"] in principals:
                yield read(program, recorded)


def read(program: str, line: dict) -> Call:
    name = SIGNED_FOR.get(line["service"], line["service"])
    path, _, query = line["path"].partition("?")
    parameters = dict(urllib.parse.parse_qsl(query, keep_blank_values=True))
    if line["target"]:
        operation = line["target"].rpartition(".")[2]
        given, is_whole = json.loads(line["body"] or "{}"), True
    elif name == "s3":
        operation, given = of_s3(line["method"], path, parameters)
        is_whole = False
    elif (model := service(name)) and model.metadata["protocol"] == "query":
        given = dict(urllib.parse.parse_qsl(line["body"]))
        operation, is_whole = given.pop("Action"), False
    else:
        operation, given = of_rest(name, line["method"], path, parameters, line["body"])
        is_whole = True
    model = service(name)
    if model is None or operation not in model.operation_names:
        raise Unreadable(f"{program}: {line['principal']} calls {line['service']} {operation}, which botocore does not have")
    return Call(line["principal"], line["key"], f"{program} {line['test']}".strip(), name, operation, given, is_whole)


def of_s3(method: str, path: str, query: dict) -> tuple[str, dict]:
    """An operation of S3 with paths (not host names) for buckets."""
    bucket, _, key = urllib.parse.unquote(path).lstrip("/").partition("/")
    given = {"Bucket": bucket} | ({"Key": key} if key else {}) | ({"Prefix": query["prefix"]} if "prefix" in query else {})
    known = {
        ("GET", True): "GetObject", ("HEAD", True): "HeadObject", ("PUT", True): "PutObject", ("DELETE", True): "DeleteObject",
        ("GET", False): "ListObjectsV2", ("HEAD", False): "HeadBucket",
    }  # fmt: skip
    if "uploads" in query or "uploadId" in query:
        operation = {"POST": "CreateMultipartUpload" if "uploads" in query else "CompleteMultipartUpload", "PUT": "UploadPart",
                     "DELETE": "AbortMultipartUpload", "GET": "ListParts"}[method]  # fmt: skip
        return operation, given
    if (method, bool(key)) not in known:
        raise Unreadable(f"S3 {method} {path} {query}")
    return known[method, bool(key)], given


def of_rest(name: str, method: str, path: str, query: dict, body: str) -> tuple[str, dict]:
    """An operation of a service that is asked by method and path."""
    model = service(name)
    for operation, pattern in rest_operations(name).get(method, []):
        if model and (found := pattern.fullmatch(path)):
            shape = model.operation_model(operation).input_shape
            members = shape.members
            given = {key: urllib.parse.unquote(value) for key, value in found.groupdict().items()}
            located = {one.serialization.get("name", member) for member, one in members.items()}
            given |= {key: value for key, value in query.items() if key in located}
            # The body is one member where the model says so: what a function is given.
            if payload := shape.serialization.get("payload"):
                return operation, given | {payload: body if members[payload].type_name == "blob" else json.loads(body)}
            return operation, given | json.loads(body or "{}")
    raise Unreadable(f"{name} {method} {path}")


@cache
def rest_operations(name: str) -> dict[str, list[tuple[str, re.Pattern]]]:
    found: dict[str, list] = {}
    model = service(name)
    if model is None:
        return {}
    for operation in model.operation_names:
        http = model.operation_model(operation).http
        uri = re.escape(http["requestUri"].partition("?")[0]).replace(r"\{", "{").replace(r"\}", "}")
        pattern = re.sub(r"\{(\w+)\\\+\}", r"(?P<\1>.+)", uri)
        pattern = re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", pattern)
        found.setdefault(http["method"], []).append((operation, re.compile(pattern)))
    # The longest is the most exact: `/schedules/{Name}` before `/{Name}`.
    return {method: sorted(them, key=lambda it: -len(it[1].pattern)) for method, them in found.items()}
