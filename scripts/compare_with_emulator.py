#!/usr/bin/env python3
"""Holds our interpreter of state machines against ministack's, an independent emulator of AWS from PyPI.

Every case of statemachine/operation.cases.json (the format of AWS Step Functions Local) runs through statemachine/operation.asl.json
in both. They have to go through the same states in the same order, end in the same way with the same error, and call the steps with the
same arguments. Every state of the machine is in a case.

    python3 -m venv target/emulator && target/emulator/bin/pip install -r .ci/requirements-emulator.txt
    cargo build -p asl-interpreter --example paths
    target/emulator/bin/python scripts/compare_with_emulator.py target/debug/examples/paths

The steps are a function on the emulator that answers as the case says, so that arguments, retries, task tokens and errors are the
emulator's own. What is not compared, because the emulator does it otherwise:

  * builds are the emulator's mock responses, for which it evaluates no arguments and makes one attempt;
  * states inside of a Map: the emulator's history has none. That they were gone through shows in what the steps were called with;
  * what a Map does after an iteration has failed: the emulator goes on with the next, where AWS stops;
  * texts of errors: each wraps them in its own way;
  * time limits, and the waits between attempts, which are skipped here.
"""

import io
import json
import re
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path

from emulator import client, emulator, entered

ROOT = Path(__file__).resolve().parent.parent
DEFINITION = ROOT / "statemachine/operation.asl.json"
CASES = ROOT / "statemachine/operation.cases.json"
MACHINE = "slipway-operation"

# The steps, as a function that answers as the case says. What it is called with is a line of a file each.
FUNCTION = """#!%s
import json, os, urllib.request

RUNTIME = "http://" + os.environ["AWS_LAMBDA_RUNTIME_API"] + "/2018-06-01/runtime/invocation/"

def post(url, body, headers={}):
    urllib.request.urlopen(urllib.request.Request(url, json.dumps(body).encode(), headers)).read()

def answer_token(action, body):
    headers = {"Content-Type": "application/x-amz-json-1.0", "X-Amz-Target": "AWSStepFunctions." + action,
               "Authorization": "AWS4-HMAC-SHA256 Credential=test/20260101/eu-west-1/states/aws4_request"}
    post(os.environ["ENDPOINT"], body, headers)

def response_to(event):
    with open(os.environ["ANSWERS"]) as file:
        answers = json.load(file)[event["operation"]]
    with open(os.environ["CALLS"], "a+") as file:
        file.seek(0)
        calls = [json.loads(line) for line in file]
        file.write(json.dumps(event) + "\\n")
    same = lambda call: all(call.get(name) == event.get(name) for name in ("operation", "step", "state", "what"))
    attempt = sum(map(same, calls))
    answers = answers.get(event.get("state") or event["step"] + " " + event.get("what", ""), [])
    return next((answer for first, last, answer in answers if first <= attempt <= last), {})

while True:
    with urllib.request.urlopen(RUNTIME + "next") as call:
        invocation, event = RUNTIME + call.headers["Lambda-Runtime-Aws-Request-Id"], json.load(call)
    response, token = response_to(event), event.get("token")
    if token:
        post(invocation + "/response", None)
        if "Throw" in response:
            error = {"error": response["Throw"]["Error"], "cause": response["Throw"]["Cause"]}
            answer_token("SendTaskFailure", {"taskToken": token, **error})
        elif "Return" in response:
            answer_token("SendTaskSuccess", {"taskToken": token, "output": json.dumps(response["Return"])})
    elif "Return" in response:
        post(invocation + "/response", response["Return"]["Payload"])
    else:
        error = response.get("Throw", {"Error": "Unexpected", "Cause": "the case has no answer"})
        post(invocation + "/error", {"errorType": error["Error"], "errorMessage": error["Cause"]})
"""


def states_of(scope):
    for name, state in scope["States"].items():
        yield name, state
        if "ItemProcessor" in state:
            yield from states_of(state["ItemProcessor"])


def is_step(state):
    return state.get("Resource", "").startswith("arn:aws:states:::lambda:invoke")


def answers_of(case, responses, states):
    """The function's response: by the name of the state if the payload has one, otherwise by the step and its subject."""
    answers = {}
    for name, response in case.items():
        if is_step(states[name]):
            payload = states[name]["Arguments"]["Payload"]
            ranges = [tuple(map(int, (key.split("-") * 2)[:2])) for key in responses[response]]
            answer = [(*range_, it) for range_, it in zip(ranges, responses[response].values(), strict=True)]
            answers[name if "state" in payload else f"{payload['step']} {payload.get('what', '')}"] = answer
    return answers


def make(endpoint, folder, answers, definition):
    """Makes the function and the machine; the machine's ARN."""
    (folder / "answers.json").write_text(json.dumps(answers))
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as zipped:
        info = zipfile.ZipInfo("bootstrap")
        info.external_attr = 0o755 << 16
        zipped.writestr(info, FUNCTION % sys.executable)
    variables = {"ENDPOINT": endpoint, "ANSWERS": str(folder / "answers.json"), "CALLS": str(folder / "calls")}
    function = client(endpoint, "lambda").create_function(
        FunctionName="slipway-steps",
        Runtime="provided.al2023",
        Role="arn:aws:iam::000000000000:role/steps",
        Handler="bootstrap",
        Code={"ZipFile": archive.getvalue()},
        Environment={"Variables": variables},
    )
    definition = definition.replace("${StepsFunctionArn}", function["FunctionArn"])
    # The emulator waits for a token with the text of an expression, and fails. Time limits are not compared.
    definition = re.sub(r'"TimeoutSeconds": "{%.*?%}"', '"TimeoutSeconds": 86400', definition)
    made = client(endpoint, "stepfunctions").create_state_machine(
        name=MACHINE,
        definition=definition.replace("${CodeBuildProject}", "slipway-runner"),
        roleArn="arn:aws:iam::000000000000:role/machine",
    )
    return made["stateMachineArn"]


def run(states, machine, case, stops_at):
    """Runs a case: its status, its error, and the states that it entered."""
    given = json.dumps({"operation": case, "stack_id": case})
    started = states.start_execution(stateMachineArn=f"{machine}#{case}", name=case, input=given)
    arn = started["executionArn"]
    for _ in range(600):
        execution = states.describe_execution(executionArn=arn)
        if execution["status"] != "RUNNING":
            break
        if stops_at and stops_at == entered(states, arn)[-1:]:
            states.stop_execution(executionArn=arn)
        time.sleep(0.05)
    return {"status": execution["status"], "error": execution.get("error"), "path": entered(states, arn)}


def comparable(call):
    """A call without what is each execution's own, and without the texts of errors."""
    call = {name: value for name, value in call.items() if name not in ("execution", "token")}
    call.pop("entered", None)
    return {name: timeless(value) for name, value in call.items()}


def timeless(value):
    """A value without causes and times, at any depth: a task has the command that it runs, and a command the time of its first try."""
    if not isinstance(value, dict):
        return value
    return {name: timeless(inner) for name, inner in value.items() if name not in ("cause", "since")}


def main():
    program = Path(sys.argv[1]).resolve() if len(sys.argv) == 2 else sys.exit(__doc__)
    text = DEFINITION.read_text().replace("${Partition}", "aws")
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        file.write(text)
        file.flush()
        ours = json.loads(subprocess.run([program, file.name, CASES], check=True, capture_output=True).stdout)
    mocks = json.loads(CASES.read_text())
    definition = json.loads(text)
    states = dict(states_of(definition))
    cases = mocks["StateMachines"][MACHINE]["TestCases"]
    answers = {name: answers_of(case, mocks["MockedResponses"], states) for name, case in cases.items()}
    # The emulator's own mocks are for what is not a function.
    for case in cases.values():
        for name in [name for name in case if is_step(states[name])]:
            del case[name]
    unseen = set(states) - {state for run in ours.values() for state in run["path"]}
    if unseen:
        sys.exit(f"no case goes through: {', '.join(sorted(unseen))}")
    different = 0
    with tempfile.TemporaryDirectory() as temporary, emulator(temporary, mocks) as endpoint:
        folder = Path(temporary)
        machine = make(endpoint, folder, answers, text)
        step_functions = client(endpoint, "stepfunctions")
        for name, expected in ours.items():
            stops_at = expected["path"][-1:] if expected["status"] == "ABORTED" else None
            theirs = run(step_functions, machine, name, stops_at)
            lines = (folder / "calls").read_text().splitlines()
            calls = [call for call in map(json.loads, lines) if call["operation"] == name]
            theirs["calls"] = [comparable(call) for call in calls]
            expected["calls"] = [comparable(call) for call in expected["calls"]]
            expected["path"] = [state for state in expected["path"] if state in definition["States"]]
            wrong = [what for what in theirs if expected[what] != theirs[what]]
            different += bool(wrong)
            print(f"{'DIFFERENT' if wrong else 'same'}: {name}: {len(expected['path'])} states, {expected['status']}", flush=True)
            for what in wrong:
                print(f"  {what}, ours:   {json.dumps(expected[what])}\n  {what}, theirs: {json.dumps(theirs[what])}")
    if different:
        sys.exit(f"{different} of {len(ours)} cases differ")
    print(f"{len(ours)} cases go through the same states here and there, and all {len(states)} states are among them")


if __name__ == "__main__":
    main()
