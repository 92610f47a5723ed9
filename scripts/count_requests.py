#!/usr/bin/env python3
"""Lists each AWS request of one provision with what it is for, in local mode, where the same code makes the same requests.

A stack of three resources without a release is provisioned. No one watches it meanwhile: the reads of a watcher depend on how long
it watches. Terraform's own requests, which depend on its S3 backend, are counted apart.

    cargo build
    python3 scripts/count_requests.py --slipway target/debug/slipway

Exit code 1 when Slipway's own are more than `--at-most`.
"""

import argparse
import collections
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time

import measure_provision

REQUEST = re.compile(r"request (\S+) (\S+) ?(\S*)")


def provision(slipway, prefix="counted"):
    """The requests of one provision after a first one, which fills the caches: service, action and path of each."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="slipway-requests-"))
    log = folder / "requests.log"
    environment = {**os.environ, "SLIPWAY_LOG": "aws_emulator::endpoint=debug", "NO_COLOR": "1"}
    command = [slipway, "up", "--json", "--port", "0", "--aws-port", "0", "--data", folder / "data"]
    with log.open("w") as errors:
        server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True, env=environment)
    try:
        assert server.stdout
        api = json.loads(server.stdout.readline())["api"]
        blueprint = {"files": {"main.tf": measure_provision.MAIN}}
        measure_provision.call("PUT", f"{api}/v1/blueprints/three/versions/1.0.0", blueprint)
        measure_provision.wait(api, measure_provision.ask_for_stack(api, f"{prefix}-first"))
        settle(log)
        before = log.stat().st_size
        operation = measure_provision.ask_for_stack(api, f"{prefix}-second")
        # The log shows when everything has ended. A read of the API would count as a request.
        settle(log)
        with log.open() as lines:
            lines.seek(before)
            requests = REQUEST.findall(lines.read())
        measure_provision.wait(api, operation)
        return requests
    finally:
        server.terminate()
        server.wait()
        shutil.rmtree(folder, ignore_errors=True)


def settle(log, quiet=4.0, patience=120.0):
    """Waits until no request was logged for a while: longer than Terraform takes between two of its own."""
    size, since, begun = -1, time.monotonic(), time.monotonic()
    while time.monotonic() - since < quiet and time.monotonic() - begun < patience:
        if log.stat().st_size != size:
            size, since = log.stat().st_size, time.monotonic()
        time.sleep(0.2)


def parted(requests):
    """Slipway's own requests and Terraform's, as counts by service and action.

    Terraform asks for the state and its lock, from its first list of the workspaces on. The runner's list, by which it sees whether
    the state is locked, has a slash at the end of its path, and the state that it makes for a new stack comes before Terraform's list.
    """
    own: collections.Counter = collections.Counter()
    terraform: collections.Counter = collections.Counter()
    runs = False
    for service, action, path in requests:
        is_state = service == "s3" and "-state-" in path
        runs |= is_state and action == "GET" and "/" not in path.strip("/") and not path.endswith("/")
        if is_state and runs and not path.endswith("/"):
            terraform[f"S3 {action}"] += 1
            runs = not (action == "DELETE" and path.endswith(".tflock"))
        else:
            name = "S3" if service == "s3" else service.split("_")[0].removeprefix("AWS")
            own[f"{name} {action}"] += 1
    return own, terraform


def main():
    arguments = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    arguments.add_argument("--slipway", type=pathlib.Path, default=pathlib.Path("target/debug/slipway"))
    arguments.add_argument("--at-most", type=int, default=1_000)
    given = arguments.parse_args()
    requests = provision(given.slipway.resolve())
    own, terraform = parted(requests)
    for request in requests:
        print(" ".join(request))
    print()
    for title, counts in (("Slipway", own), ("Terraform", terraform)):
        print(f"{title}: {counts.total()}")
        for name, count in counts.most_common():
            print(f"{count:6} {name}")
    sys.exit(own.total() > given.at_most)


if __name__ == "__main__":
    main()
