#!/usr/bin/env python3
"""Counts what one full operation asks of AWS, and says what that costs.

A stack is provisioned and its first release rolled out, in local mode: the same functions, runner, Terraform and state
machine make the same requests there. The local AWS logs each request (`SLIPWAY_LOG`), the execution's
history has the transitions and the calls of the function `steps`. What local mode does not show is assumed; each assumption
is printed with the table.

    cargo build
    python3 scripts/cost_per_operation.py --slipway target/debug/slipway

Terraform's provider, the tasks of the stack and what is built belong to the stack, not to Slipway, and are not in it.
"""

import argparse
import collections
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import urllib.request

# In dollars: list prices of us-east-1 as of 2025, without any free tier. Nothing here asks AWS for them: check
# aws.amazon.com/<service>/pricing before relying on the sum, and put in what your region and contract say.
PRICES = {
    "DynamoDB write unit": 0.625e-6,
    "DynamoDB read unit": 0.125e-6,
    "S3 PUT, POST, LIST": 5e-6,
    "S3 GET, HEAD": 0.4e-6,
    "S3 DELETE": 0.0,
    "Step Functions transition": 25e-6,
    "Lambda request": 0.2e-6,
    "Lambda GB-second (arm64)": 13.3334e-6,
    "HTTP API request": 1e-6,
    "CodeBuild minute (small, arm64)": 0.0034,
    "CloudWatch Logs GB": 0.5,
    "X-Ray trace": 5e-6,
}

# What cannot be counted here: the value, and of what.
ASSUMED = {
    # An operation's record with its plan summary is the largest; the others are below 1 KB.
    "written": (3, "write units for an item, with its place in an index"),
    "transaction": (5, "items in a transaction, each at twice the price"),
    "read": (1, "read units for an item or a page"),
    "build": (2, "minutes of a build, rounded up as AWS does"),
    "function": (0.1, "seconds of a call of a function"),
    "watched": (5, "minutes that one client watches, by long polls of 20 seconds"),
}
MEMORY_GB = 0.25

REQUEST = re.compile(r"request (\S+) (\S+) ?(\S*)")


def call(method, url, body=None):
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data=data, method=method)
    request.add_header("content-type", "application/json")
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)


def one_operation(slipway):
    """Provisions a guestbook with its first release: the requests, the execution's events, the bytes of its log."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="slipway-cost-"))
    log = folder / "requests.log"
    environment = {**os.environ, "SLIPWAY_LOG": "aws_emulator::endpoint=debug", "NO_COLOR": "1"}
    command = [slipway, "up", "--json", "--port", "0", "--aws-port", "0", "--data", folder / "data"]
    with log.open("w") as errors:
        server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True, env=environment)
    try:
        assert server.stdout
        up = json.loads(server.stdout.readline())
        here = {"SLIPWAY_ENDPOINT": up["api"], "SLIPWAY_DATA": str(folder / "data"), "AWS_ENDPOINT_URL": up["aws"]}
        client = {**os.environ, **here}

        def run(*arguments):
            printed = subprocess.run([slipway, *arguments], env=client, check=True, stdout=subprocess.PIPE)
            return json.loads(printed.stdout)

        example = run("--json", "example")
        before = log.stat().st_size
        images = {"web": example["images"][0]}
        body = {"name": "guestbook", "blueprint": "guestbook", "environment": "local", "images": images}
        operation = call("POST", f"{up['api']}/v1/stacks", body)
        while operation["ended_at"] is None:
            path = f"/v1/operations/{operation['id']}?wait=20&seen={operation['revision']}"
            operation = call("GET", up["api"] + path)
        if operation["status"] != "succeeded":
            sys.exit(f"the operation did not succeed: {operation}")
        # Up to here: the watching itself is assumed, and its reads are among these.
        with log.open() as lines:
            lines.seek(before)
            requests = REQUEST.findall(lines.read())
        return requests, history(run, operation["execution_arn"]), log_size(up["api"], operation["id"])
    finally:
        server.send_signal(signal.SIGINT)
        server.wait()
        shutil.rmtree(folder, ignore_errors=True)


def history(run, execution):
    events, body = [], {"executionArn": execution, "maxResults": 1000}
    while True:
        page = run("aws", "stepfunctions", "GetExecutionHistory", json.dumps(body))
        events.extend(page["events"])
        if not page.get("nextToken"):
            return events
        body["nextToken"] = page["nextToken"]


def log_size(api, operation):
    """The bytes of an operation's log; each event of CloudWatch Logs costs 26 bytes more."""
    size, after = 0, ""
    while True:
        page = call("GET", f"{api}/v1/operations/{operation}/logs?wait=0{after}")
        size += sum(len(line["message"].encode()) + 26 for line in page["lines"])
        if page["ended"] or not page["lines"]:
            return size
        after = f"&after={page['after']}"


def assumed(name):
    return ASSUMED[name][0]


def dynamodb(action, count):
    if action == "TransactWriteItems":
        return {"DynamoDB write unit": count * assumed("transaction") * assumed("written") * 2}
    if action in ("PutItem", "DeleteItem", "UpdateItem"):
        return {"DynamoDB write unit": count * assumed("written")}
    return {"DynamoDB read unit": count * assumed("read")}


def kind(request):
    """The service, and the action by the name that it has in the price list, or else its own."""
    service, action, path = request
    if service != "s3":
        return service.split("_")[0].removeprefix("AWS"), action
    is_list = action == "GET" and "/" not in path.strip("/")
    if action == "DELETE":
        return "S3", "DELETE"
    return "S3", "GET, HEAD" if action in ("GET", "HEAD") and not is_list else "PUT, POST, LIST"


def quantities(requests, events, logged):
    amounts: collections.Counter = collections.Counter()
    for (service, action), count in collections.Counter(map(kind, requests)).items():
        if service == "DynamoDB":
            amounts.update(dynamodb(action, count))
        elif service == "S3":
            amounts[f"S3 {action}"] += count
    transitions = sum(event["type"].endswith("StateEntered") for event in events)
    scheduled = [event.get("taskScheduledEventDetails", {}) for event in events if event["type"] == "TaskScheduled"]
    tasks = collections.Counter(f"{task['resourceType']}:{task['resource']}" for task in scheduled)
    steps = sum(count for name, count in tasks.items() if name.startswith("lambda:"))
    builds = sum(count for name, count in tasks.items() if name.startswith("codebuild:"))
    polls = assumed("watched") * 60 / 20
    # The rollout's event and the execution's; builds that end well are not sent on.
    events_calls = 2
    calls = steps + events_calls + 1 + polls
    amounts["Step Functions transition"] = transitions + 1
    amounts["Lambda request"] = calls
    amounts["Lambda GB-second (arm64)"] = ((steps + events_calls + 1) * assumed("function") + polls * 20) * MEMORY_GB
    amounts["HTTP API request"] = 1 + polls
    amounts["CodeBuild minute (small, arm64)"] = builds * assumed("build")
    amounts["CloudWatch Logs GB"] = logged / 1e9
    amounts["X-Ray trace"] = calls + 1
    return amounts


def main():
    arguments = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    arguments.add_argument("--slipway", type=pathlib.Path, default=pathlib.Path("target/debug/slipway"))
    slipway = arguments.parse_args().slipway.resolve()
    requests, events, logged = one_operation(slipway)
    amounts = quantities(requests, events, logged)
    print(f"one provision with a release: {len(requests)} requests, {len(events)} events in the execution's history\n")
    print(f"{'':34}{'amount':>12}{'cents':>10}")
    total = 0
    for name, amount in amounts.items():
        cents = amount * PRICES[name] * 100
        total += cents
        print(f"{name:34}{amount:12.6g}{cents:10.4f}")
    print(f"{'together':34}{'':12}{total:10.4f}\n")
    print("requests by service and action:")
    for (service, action), count in collections.Counter(map(kind, requests)).most_common():
        print(f"{count:6} {service} {action}")
    print("\nassumed:")
    for value, what in ASSUMED.values():
        print(f"{value:6g} {what}")


if __name__ == "__main__":
    main()
