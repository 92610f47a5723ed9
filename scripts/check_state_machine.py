#!/usr/bin/env python3
"""Checks the tasks of statemachine/operation.asl.json against AWS's service models, as botocore from PyPI ships them.

Every integration exists and its action is written as Step Functions writes it; the `Arguments` of every task, as each case of
statemachine/operation.cases.json evaluates them, are members of the action's input with the right types and all required members; and
every name in `ErrorEquals` is an error that the action can end with. Resources name no partition, which a deployment substitutes. A build
or an invocation that the account has no capacity for is retried first, and for long enough.

    cargo build -p asl-interpreter --example paths
    target/lint/policies/bin/python scripts/check_state_machine.py target/debug/examples/paths      needs .ci/requirements-policies.txt
    target/lint/policies/bin/python scripts/check_state_machine.py target/debug/examples/paths --self-test

What it cannot show: that AWS raises an error in the case that a Retry or Catch is for. It shows that the name is one that AWS has.
"""

import argparse
import copy
import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from botocore.model import OperationModel
from service_models import java_exception, java_name, operation, problems

ROOT = Path(__file__).resolve().parent.parent
DEFINITION = ROOT / "statemachine/operation.asl.json"
CASES = ROOT / "statemachine/operation.cases.json"

# The optimized integrations that the machine uses: the model's service and operation, the patterns, and the prefix of its errors.
# https://docs.aws.amazon.com/step-functions/latest/dg/integrate-optimized.html
OPTIMIZED = {
    "lambda:invoke": ("lambda", "Invoke", {"", "waitForTaskToken"}, "Lambda"),
    "codebuild:startBuild": ("codebuild", "StartBuild", {"", "sync"}, "CodeBuild"),
}
# Services of `aws-sdk:` whose name in botocore is another.
SDK_SERVICES = {"sfn": "stepfunctions"}

# Names of Step Functions itself: https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html
STATES = {
    f"States.{name}"
    for name in (
        "ALL", "DataLimitExceeded", "ExceedToleratedFailureThreshold", "HeartbeatTimeout", "Http.Socket", "IntrinsicFailure",
        "ItemReaderFailed", "NoChoiceMatched", "ParameterPathFailure", "Permissions", "QueryEvaluationError", "ResultPathMatchFailure",
        "ResultWriterFailed", "Runtime", "TaskFailed", "Timeout",
    )
}  # fmt: skip
# Errors that no model has, each with where AWS, or an execution on AWS, names it.
DOCUMENTED = {
    # "Handle transient Lambda service exceptions": https://docs.aws.amazon.com/step-functions/latest/dg/sfn-best-practices.html
    "Lambda.AWSLambdaException", "Lambda.ClientExecutionTimeoutException", "Lambda.SdkClientException", "Lambda.ServiceException",
    "Lambda.TooManyRequestsException",
    # "Lambda.Unknown … unhandled errors in Lambda": https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html
    "Lambda.Unknown", "Sandbox.Timedout", "Runtime.ExitError",
    # The general exception of an optimized integration, in both spellings that executions had; and what the SDK raises without an answer.
    "CodeBuild.AWSCodeBuildException", "CodeBuild.CodeBuildException", "CodeBuild.SdkClientException",
}  # fmt: skip
# The two spellings of the latter: AWS documents neither, so a handler names both.
SPELLINGS = {"CodeBuild.AWSCodeBuildException", "CodeBuild.CodeBuildException"}
# How long a task waits at least for what the account has too little of, on average of the jitter, in seconds. Builds of others may run for
# hours; functions for 15 minutes. https://docs.aws.amazon.com/codebuild/latest/userguide/builds-working.html and
# https://docs.aws.amazon.com/lambda/latest/dg/lambda-concurrency.html
CAPACITY = {"CodeBuild.AccountLimitExceededException": 3 * 3_600, "Lambda.TooManyRequestsException": 900}
# Errors that every action of AWS can end with (https://docs.aws.amazon.com/AWSEC2/latest/APIReference/CommonErrors.html).
COMMON = {"ThrottlingException", "AccessDeniedException", "ServiceUnavailableException", "InternalFailureException"}


@dataclass(frozen=True)
class Integration:
    model: OperationModel
    prefix: str
    optimized: bool


def tasks(states: dict) -> Iterator[tuple[str, dict]]:
    """Every task of a machine, in Map and Parallel states too."""
    for name, state in states.items():
        if state["Type"] == "Task":
            yield name, state
        for inner in [state["ItemProcessor"]] if "ItemProcessor" in state else state.get("Branches", []):
            yield from tasks(inner["States"])


def integration(resource: str) -> Integration | str:
    """What a resource calls, or why it is none."""
    service, _, action = resource.rpartition(":::")[2].rpartition(":")
    action, _, pattern = action.partition(".")
    if not service.startswith("aws-sdk:"):
        if f"{service}:{action}" not in OPTIMIZED:
            return f"no such integration: {resource}"
        name, called, patterns, prefix = OPTIMIZED[f"{service}:{action}"]
        if pattern not in patterns:
            return f"no such integration: {resource} has no pattern `{pattern}`"
        return Integration(operation(name, called), prefix, True)
    service = service.removeprefix("aws-sdk:")
    # The action is the API's with a small first letter: https://docs.aws.amazon.com/step-functions/latest/dg/supported-services-awssdk.html
    model = operation(SDK_SERVICES.get(service, service), action[:1].upper() + action[1:])
    if model is None or action[:1].isupper():
        return f"no such action: {resource}"
    return Integration(model, java_name(service), False)


def of_arguments(state: str, found: Integration, arguments: dict) -> Iterator[str]:
    given = dict(arguments)
    if found.prefix == "Lambda":
        # The payload is a document of JSON, which Step Functions writes into the body.
        given.pop("Payload", None)
    for problem in problems(found.model.input_shape, given, lambda _, member: java_name(member)):
        yield f"wrong arguments: {state}: {problem}"


def of_error(state: str, found: Integration, name: str) -> Iterator[str]:
    """`Slipway.*` are the errors of the steps, which tests compare with crates/model/src/error_name.rs."""
    if name in STATES | DOCUMENTED or name.startswith("Slipway."):
        return
    prefix, _, error = name.partition(".")
    raised = {java_exception(shape.name) for shape in found.model.error_shapes} | COMMON
    if not found.optimized:
        # https://docs.aws.amazon.com/step-functions/latest/dg/supported-services-awssdk.html: the service's own, and the client's.
        raised |= {f"{found.prefix}Exception", "SdkClientException"}
    if prefix != found.prefix or error not in raised:
        yield f"no such error: {state}: {found.model.name} of {found.prefix} does not end with {name}"


def of_capacity(state: str, found: Integration, retriers: list[dict]) -> Iterator[str]:
    """Too little capacity passes by itself: the retrier that matches it has nothing else to wait for, and waits for long."""
    for name, seconds in CAPACITY.items():
        if name.partition(".")[0] != found.prefix:
            continue
        first = next((it for it in retriers if {name, "States.TaskFailed", "States.ALL"} & set(it["ErrorEquals"])), None)
        waits = waited(first) if first else 0
        if waits < seconds:
            yield f"gives up early: {state} waits {waits:.0f} s for {name}, and has to wait {seconds} s"


def waited(retrier: dict) -> float:
    """The seconds between the attempts of a retrier, on average: `FULL` jitter takes a random part of each.
    https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html"""
    interval, rate = retrier.get("IntervalSeconds", 1), retrier.get("BackoffRate", 2.0)
    pauses = [min(interval * rate**attempt, retrier.get("MaxDelaySeconds", 31_622_400)) for attempt in range(retrier.get("MaxAttempts", 3))]
    return sum(pauses) / (2 if retrier.get("JitterStrategy") == "FULL" else 1)


def findings(definition: dict, evaluated: list[dict]) -> list[str]:
    found, integrations = [], {}
    for state, task in tasks(definition["States"]):
        if task["Resource"].split(":")[1] in {"aws", "aws-cn", "aws-us-gov"}:
            found.append(f"names a partition: {task['Resource']} (state {state})")
        known = integration(task["Resource"])
        if isinstance(known, str):
            found.append(f"{known} (state {state})")
            continue
        integrations[state] = known
        found += of_capacity(state, known, task.get("Retry", []))
        for handler in task.get("Retry", []) + task.get("Catch", []):
            for name in handler["ErrorEquals"]:
                found += of_error(state, known, name)
            if len(SPELLINGS & set(handler["ErrorEquals"])) == 1:
                found.append(f"one spelling: {state} names one of {', '.join(sorted(SPELLINGS))}")
    for task in evaluated:
        if task["state"] in integrations:
            found += of_arguments(task["state"], integrations[task["state"]], task["arguments"])
    for state in sorted(set(integrations) - {task["state"] for task in evaluated}):
        found.append(f"never evaluated: {state}: no case comes to it")
    return list(dict.fromkeys(found))


def evaluated_by(paths: str, definition: Path = DEFINITION) -> list[dict]:
    """What each task is called with in each case: {"state", "arguments"}."""
    printed = subprocess.run([paths, definition, CASES], check=True, capture_output=True, text=True).stdout
    return [task for case in json.loads(printed).values() for task in case["tasks"]]


def self_test(definition: dict, evaluated: list[dict]):
    def state(changed: dict, name: str) -> dict:
        return next(task for known, task in tasks(changed["States"]) if known == name)

    def resource(name: str, text: str):
        return lambda changed, _: state(changed, name).update(Resource=text)

    def retry(name: str, error: str):
        return lambda changed, _: state(changed, name)["Retry"][0]["ErrorEquals"].append(error)

    def argument(name: str, change):
        return lambda _, tasks: [change(task["arguments"]) for task in tasks if task["state"] == name]

    changes = {
        "no such action: arn:aws:states:::aws-sdk:ecs:UpdateService": resource(
            "Update service", "arn:aws:states:::aws-sdk:ecs:UpdateService"
        ),
        "no such integration: arn:aws:states:::codebuild:startBuild.waitForTaskToken": resource(
            "Plan", "arn:aws:states:::codebuild:startBuild.waitForTaskToken"
        ),
        "no such error: Update service": retry("Update service", "Lambda.TooManyFunctionsException"),
        "no such error: Plan": retry("Plan", "Codebuild.AccountLimitExceededException"),
        "wrong arguments: Take snapshot: functionName: ": argument("Take snapshot", lambda it: it.update(functionName=it["FunctionName"])),
        "wrong arguments: Take snapshot: the arguments: the required member FunctionName": argument(
            "Take snapshot", lambda it: it.pop("FunctionName")
        ),
        "wrong arguments: Update service: FunctionName: int": argument("Update service", lambda it: it.update(FunctionName=2)),
        "wrong arguments: Plan: EnvironmentVariablesOverride[0].Type: ": argument(
            "Plan", lambda it: it["EnvironmentVariablesOverride"][0].update(Type="TEXT")
        ),
        "never evaluated: Run task": lambda _, tasks: tasks.__setitem__(slice(None), [it for it in tasks if it["state"] != "Run task"]),
    }

    def retriers(name: str, change):
        return lambda changed, _: change(state(changed, name)["Retry"])

    changes |= {
        "names a partition: arn:aws:states:::lambda:invoke (state Verify)": resource("Verify", "arn:aws:states:::lambda:invoke"),
        "gives up early: Plan waits 150 s": retriers("Plan", lambda it: it[0].update(MaxAttempts=3, IntervalSeconds=100, BackoffRate=1)),
        "gives up early: Apply waits 68 s": retriers("Apply", lambda it: it[1]["ErrorEquals"].insert(0, it.pop(0)["ErrorEquals"][0])),
        "gives up early: Verify waits 0 s": retriers("Verify", lambda it: it.pop(0)),
        "one spelling: Plan": retriers("Plan", lambda it: it[1]["ErrorEquals"].remove("CodeBuild.CodeBuildException")),
    }
    before = set(findings(definition, evaluated))
    for expected, change in changes.items():
        copied = copy.deepcopy((definition, evaluated))
        change(*copied)
        found = [finding for finding in findings(*copied) if finding not in before]
        if not any(finding.startswith(expected) for finding in found):
            sys.exit(f"self-test: expected `{expected}`, found\n" + "\n".join(found or ["nothing"]))
    print(f"self-test: each of {len(changes)} changes is found")


def main() -> None:
    arguments = argparse.ArgumentParser(description="Checks the tasks of the state machine against AWS's service models.")
    arguments.add_argument("paths", help="the example `paths` of asl-interpreter, built")
    arguments.add_argument("--self-test", action="store_true")
    given = arguments.parse_args()
    definition, evaluated = json.loads(DEFINITION.read_text()), evaluated_by(given.paths)
    if given.self_test:
        self_test(definition, evaluated)
        return
    found = findings(definition, evaluated)
    print(*found, sep="\n")
    if found:
        sys.exit(f"the state machine and AWS's models differ: {len(found)} findings")
    print(f"the state machine fits AWS's models: {len(evaluated)} calls of {len({it['state'] for it in evaluated})} tasks")


if __name__ == "__main__":
    main()
