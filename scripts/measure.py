#!/usr/bin/env python3
"""Measures Slipway against plain Terraform and moto, and prints the table of docs/performance.md.

Every row and its reference are measured in the same run. Where both take long, they take turns, so that whatever else the machine does
falls on both. Each row is the median of three runs, with the least and the most: measure on an idle machine.

    cargo build --profile local --package slipway-cli
    python3 -m venv /tmp/moto && /tmp/moto/bin/pip install -r .ci/requirements-tests.txt
    python3 scripts/measure.py --moto /tmp/moto/bin/moto_server

`--rows` measures some of the rows, `--runs` says how often.
"""

import argparse
import concurrent.futures
import contextlib
import http.client
import json
import os
import pathlib
import platform
import resource
import shutil
import socket
import subprocess
import sys
import tempfile
import time

import count_requests
import measure_provision as provision
import measure_scale
from measured_rows import Row, table

KEYS = {"AWS_ACCESS_KEY_ID": "local", "AWS_SECRET_ACCESS_KEY": "local", "AWS_REGION": "us-east-1", "CHECKPOINT_DISABLE": "true"}
CLIENTS = 16
PROCESSES = 4
DURABLE_STATES = 1_000
WATCHERS = 200
QUEUED = 400
CROWD = 24


class Local:
    """`slipway up` on an empty data folder."""

    def __init__(self, slipway, *options):
        self.data = tempfile.mkdtemp(prefix="slipway-measure-")
        command = [slipway, "up", "--json", "--port", "0", "--aws-port", "0", "--data", self.data, *options]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        assert self.process.stdout
        up = json.loads(self.process.stdout.readline())
        self.api, self.aws, self.terraform = up["api"], up["aws"], up["terraform"]
        files = {"files": {"main.tf": provision.MAIN}}
        provision.call("PUT", f"{self.api}/v1/blueprints/three/versions/1.0.0", files)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()
        shutil.rmtree(self.data, ignore_errors=True)

    def environment(self):
        kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        return {**kept, **KEYS, "AWS_ENDPOINT_URL": self.aws}

    def processor(self):
        """Seconds of the processor that the server has used, and those of its children that have ended."""
        fields = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        ticks = os.sysconf("SC_CLK_TCK")
        own, children = (int(fields[11]) + int(fields[12])), (int(fields[13]) + int(fields[14]))
        return own / ticks, children / ticks

    def service(self, service, target, body):
        return aws(self.aws, service, target, body)


def aws(endpoint, service, target, body):
    """One call of a JSON service. Nothing on loopback checks the signature, only that there is one."""
    connection = http.client.HTTPConnection(endpoint.removeprefix("http://"), timeout=300)
    with contextlib.closing(connection):
        connection.request("POST", "/", json.dumps(body), headers(service, target))
        answer = connection.getresponse()
        text = answer.read()
        if answer.status != 200:
            raise RuntimeError(f"{target}: {answer.status} {text[:300]!r}")
        return json.loads(text or b"{}")


def headers(service, target):
    version = "1.0" if service in ("dynamodb", "states") else "1.1"
    credential = f"AKIDEXAMPLE/20260101/us-east-1/{service}/aws4_request"
    return {
        "Content-Type": f"application/x-amz-json-{version}",
        "X-Amz-Target": target,
        "X-Amz-Date": "20260101T000000Z",
        "Authorization": f"AWS4-HMAC-SHA256 Credential={credential}, SignedHeaders=host, Signature=0",
    }


@contextlib.contextmanager
def moto(program):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    server = subprocess.Popen([program, "-H", "127.0.0.1", "-p", str(port)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        for _ in range(600):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
                break
            time.sleep(0.1)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait()


def provisions(given, rows):
    """One after the other: the time and the processor's time of a provision, and of the same by hand."""
    with Local(given.slipway) as local:
        through, by_s3, plain, used, by_hand_used = [], [], [], [], []
        for index in range(given.rounds + 1):
            before = local.processor()
            took = provision.through_slipway(local.api, f"measured-{index}")
            # The build's shell ends a moment after the operation.
            time.sleep(0.3)
            after = local.processor()
            took_s3 = provision.by_hand(local.terraform, local.environment(), provision.BACKEND, f"hand-{index}")
            begun = resource.getrusage(resource.RUSAGE_CHILDREN)
            took_plain = provision.by_hand(local.terraform, local.environment(), None)
            ended = resource.getrusage(resource.RUSAGE_CHILDREN)
            # The first round fills the caches of all three, the disk's among them.
            if index > 0:
                through.append(took)
                by_s3.append(took_s3)
                plain.append(took_plain)
                used.append(sum(after) - sum(before))
                by_hand_used.append(ended.ru_utime + ended.ru_stime - begun.ru_utime - begun.ru_stime)
        rows.append(Row.of_times("provision of 3 resources", through, "init, plan, apply by hand, same S3 backend", by_s3))
        rows.append(Row.of_times("provision of 3 resources", through, "the same with a local state file", plain))
        rows.append(Row.of_times("processor time of a provision", used, "by hand, local state file", by_hand_used))
        rows.append(Row.of_times("POST while Terraform runs", provision.measure_answers(local.api, given.rounds)))
        rows.append(Row("builds of a provision without approval", builds_of(local, "local"), ""))
        environment = {"account": "000000000000", "region": "us-east-1", "approval": "always", "self_approval": True}
        provision.call("PUT", f"{local.api}/v1/environments/asks", environment)
        rows.append(Row("builds of a provision that is approved", builds_of(local, "asks"), ""))


def builds_of(local, environment):
    """How many builds a provision takes in this environment. A plan that waits for an approval is approved."""
    before = len(builds(local))
    body = {"name": f"in-{environment}", "blueprint": "three", "environment": environment}
    operation = provision.call("POST", f"{local.api}/v1/stacks", body)
    while operation["ended_at"] is None:
        if operation["links"].get("approve"):
            sheet = provision.call("GET", local.api + operation["links"]["sheet"])
            operation = provision.call("POST", local.api + operation["links"]["approve"], {"sheet": sheet["hash"]})
        path = f"/v1/operations/{operation['id']}?wait=20&seen={operation['revision']}"
        operation = provision.call("GET", local.api + path)
    assert operation["status"] == "succeeded", operation
    return len(builds(local)) - before


def builds(local):
    ids: list[str] = []
    body: dict[str, str] = {}
    while True:
        page = local.service("codebuild", "CodeBuild_20161006.ListBuilds", body)
        ids.extend(page["ids"])
        if "nextToken" not in page:
            return ids
        body = {"nextToken": page["nextToken"]}


def creates(given, rows):
    """Many at once: provisions of 16 clients, and four processes that do the same by hand."""
    count = max(CLIENTS, given.rounds * 2)
    # With fewer builds at once, CodeBuild refuses some of so many, and the workflow waits before it asks again.
    with Local(given.slipway, "--concurrent-builds", str(PROCESSES)) as local:
        provision.through_slipway(local.api, "first")
        provision.by_hand(local.terraform, local.environment(), None)
        with concurrent.futures.ThreadPoolExecutor(CLIENTS) as clients:
            begun = time.perf_counter()
            list(clients.map(lambda index: provision.through_slipway(local.api, f"at-once-{index}"), range(count)))
            through = count / (time.perf_counter() - begun)
        with concurrent.futures.ThreadPoolExecutor(PROCESSES) as processes:
            begun = time.perf_counter()
            list(processes.map(lambda _: provision.by_hand(local.terraform, local.environment(), None), range(count)))
            hand = count / (time.perf_counter() - begun)
    what = f"provisions a second, {CLIENTS} clients, {PROCESSES} builds at once"
    rows.append(Row(what, through, "/s", f"by hand, {PROCESSES} at a time, local state file", hand))


def requests(given, rows):
    own, terraform = count_requests.parted(count_requests.provision(given.slipway))
    rows.append(Row("AWS requests of a provision, Slipway's own", own.total(), ""))
    rows.append(Row("AWS requests of a provision, Terraform's", terraform.total(), ""))


def reads(given, rows):
    """One client that reads one record again and again, on one connection where the server keeps it."""
    with Local(given.slipway) as local, moto(given.moto) as emulator:
        asked = provision.ask_for_stack(local.api, "read")
        provision.wait(local.api, asked)
        path = asked["links"]["stack"]
        table = {
            "TableName": "t",
            "BillingMode": "PAY_PER_REQUEST",
            "AttributeDefinitions": [{"AttributeName": "k", "AttributeType": "S"}],
            "KeySchema": [{"AttributeName": "k", "KeyType": "HASH"}],
        }
        aws(emulator, "dynamodb", "DynamoDB_20120810.CreateTable", table)
        item = {"k": {"S": "a"}, "text": {"S": "x" * 1_000}}
        aws(emulator, "dynamodb", "DynamoDB_20120810.PutItem", {"TableName": "t", "Item": item})
        get = json.dumps({"TableName": "t", "Key": {"k": {"S": "a"}}})
        target = headers("dynamodb", "DynamoDB_20120810.GetItem")
        through = rate(local.api, lambda connection: connection.request("GET", path))
        reference = rate(emulator, lambda connection: connection.request("POST", "/", get, target))
    rows.append(Row("GET of a stack, one client", through, "/s", "GetItem of moto", reference))


def rate(endpoint, send, seconds=3.0):
    connection = http.client.HTTPConnection(endpoint.removeprefix("http://"), timeout=30)
    done, begun = 0, time.perf_counter()
    with contextlib.closing(connection):
        while time.perf_counter() - begun < seconds:
            send(connection)
            answer = connection.getresponse()
            answer.read()
            if answer.status != 200:
                raise RuntimeError(f"{endpoint}: {answer.status}")
            done += 1
    return done / (time.perf_counter() - begun)


def durable_states(given, rows):
    """An execution of a thousand states, each written down before the next one begins."""
    names = [f"S{index}" for index in range(DURABLE_STATES)]
    chain = zip(names, [*names[1:], None], strict=True)
    states = {name: {"Type": "Pass", **({"Next": after} if after else {"End": True})} for name, after in chain}
    definition = json.dumps({"QueryLanguage": "JSONata", "StartAt": names[0], "States": states})
    with Local(given.slipway) as local, moto(given.moto) as emulator:
        own = executed(local.aws, definition, given.rounds)
        settings = json.dumps({"stepfunctions": {"execute_state_machine": True}})
        connection = http.client.HTTPConnection(emulator.removeprefix("http://"))
        connection.request("POST", "/moto-api/config", settings, {"Content-Type": "application/json"})
        connection.getresponse().read()
        # moto 5.2 fails at the second execution of a server.
        reference = executed(emulator, definition, 1)
    rows.append(Row.of_times(f"{DURABLE_STATES:,} durable states", own, "moto", reference))


def executed(endpoint, definition, rounds):
    create = {"name": "long", "definition": definition, "roleArn": "arn:aws:iam::000000000000:role/x"}
    machine = aws(endpoint, "states", "AWSStepFunctions.CreateStateMachine", create)["stateMachineArn"]
    times = []
    for index in range(rounds):
        begun = time.perf_counter()
        start = {"stateMachineArn": machine, "name": f"run-{index}", "input": "{}"}
        started = aws(endpoint, "states", "AWSStepFunctions.StartExecution", start)
        described = {"executionArn": started["executionArn"]}
        while True:
            execution = aws(endpoint, "states", "AWSStepFunctions.DescribeExecution", described)
            if execution["status"] != "RUNNING":
                break
            time.sleep(0.005)
        times.append(time.perf_counter() - begun)
        if execution["status"] != "SUCCEEDED":
            raise RuntimeError(f"the execution is {execution['status']}")
    return times


def watchers(given, rows):
    """Many who wait for one operation, and many operations that wait for their turn."""
    with Local(given.slipway) as local:
        asked = provision.ask_for_stack(local.api, "watched")
        provision.wait(local.api, asked)
        stack = asked["links"]["stack"]
        previews = [provision.call("POST", f"{local.api}{stack}/preview", {}) for _ in range(4)]
        with concurrent.futures.ThreadPoolExecutor(WATCHERS) as pool:
            watching = [pool.submit(provision.wait, local.api, previews[-1]) for _ in range(WATCHERS)]
            times = []
            while not all(watch.done() for watch in watching):
                begun = time.perf_counter()
                provision.call("GET", f"{local.api}{stack}")
                times.append(time.perf_counter() - begun)
        rows.append(Row.of_times(f"GET of a stack beside {WATCHERS} watchers", times))
        answers = []
        for _ in range(QUEUED):
            begun = time.perf_counter()
            provision.call("POST", f"{local.api}{stack}/preview", {})
            answers.append(time.perf_counter() - begun)
        tenth = QUEUED // 10
        metric = f"POST behind {QUEUED} operations"
        rows.append(Row.of_times(metric, answers[-tenth:], f"the first {tenth}", answers[:tenth]))


def queue(given, rows):
    """Many requests to one stack at once, and as many one after the other. Its first operation waits for an approval all the while."""
    environment = {"account": "000000000000", "region": "us-east-1", "approval": "always"}
    with Local(given.slipway) as local, concurrent.futures.ThreadPoolExecutor(CROWD) as clients:
        provision.call("PUT", f"{local.api}/v1/environments/asks", environment)
        at_once, in_turn = [], []
        for index in range(given.rounds):
            stack = waiting_stack(local, f"crowd-{index}")
            begun = time.perf_counter()
            answers = list(clients.map(lambda number, stack=stack: update(local, stack, number), range(CROWD)))
            at_once.append(time.perf_counter() - begun)
            places = [answer["position"] for answer in answers]
            assert sorted(places) == list(range(1, CROWD + 1)), places
            stack = waiting_stack(local, f"row-{index}")
            begun = time.perf_counter()
            for number in range(CROWD):
                update(local, stack, number)
            in_turn.append(time.perf_counter() - begun)
        rows.append(Row.of_times(f"{CROWD} PATCH of one stack at once, until the last answer", at_once, "one after the other", in_turn))


def waiting_stack(local, name):
    """A stack whose first operation keeps its slot."""
    operation = provision.call("POST", f"{local.api}/v1/stacks", {"name": name, "blueprint": "three", "environment": "asks"})
    while operation["status"] != "waiting_for_approval":
        path = f"/v1/operations/{operation['id']}?wait=20&seen={operation['revision']}"
        operation = provision.call("GET", local.api + path)
    return operation["links"]["stack"]


def update(local, stack, number):
    return provision.call("PATCH", local.api + stack, {"variables": {"text": str(number)}})


def plans(given, rows):
    with Local(given.slipway) as local:
        rows.extend(measure_scale.plans(local, max(1, given.rounds // 5)))


def stacks(given, rows):
    with Local(given.slipway) as local:
        rows.extend(measure_scale.stacks(local, given.rounds, given.stacks))


ROWS = {
    "provision": provisions,
    "creates": creates,
    "requests": requests,
    "reads": reads,
    "states": durable_states,
    "watchers": watchers,
    "queue": queue,
    "plans": plans,
    "stacks": stacks,
}
NEED_MOTO = {"reads", "states"}


def machine():
    model = [line.split(":")[1].strip() for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line]
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    load = os.getloadavg()[0]
    return f"{os.cpu_count()} cores ({model[0] if model else platform.machine()}), {memory:.0f} GB, load {load:.1f} at the start"


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--slipway", type=pathlib.Path, default=pathlib.Path("target/local/slipway"))
    arguments.add_argument("--moto", type=pathlib.Path, help="the program moto_server")
    arguments.add_argument("--rounds", type=int, default=15)
    arguments.add_argument("--stacks", type=int, default=100_000, help="how many the row `stacks` has")
    arguments.add_argument("--runs", type=int, default=3)
    arguments.add_argument("--rows", nargs="*", choices=ROWS, default=list(ROWS))
    given = arguments.parse_args()
    given.slipway = given.slipway.resolve()
    print(machine())
    runs = [measured(given) for _ in range(given.runs)]
    print(table([rows for rows, _ in runs]))
    sys.exit(any(failed for _, failed in runs))


def measured(given):
    """The rows of one run, and whether one failed."""
    rows: list[Row] = []
    failed = False
    for name in given.rows:
        if name in NEED_MOTO and not given.moto:
            print(f"skipped: {name}: needs --moto; install it with `pip install -r .ci/requirements-tests.txt`")
            continue
        print(f"measuring {name} ...", file=sys.stderr, flush=True)
        known = len(rows)
        try:
            ROWS[name](given, rows)
        except Exception as error:
            # The other rows are of use without it.
            print(f"{name} failed: {error}", file=sys.stderr, flush=True)
            failed = True
        # The whole takes a while, and what is known is of use where it is interrupted.
        print(table([rows[known:]]), file=sys.stderr, flush=True)
    return rows, failed


if __name__ == "__main__":
    main()
