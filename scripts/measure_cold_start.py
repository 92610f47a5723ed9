#!/usr/bin/env python3
"""Measures how long the functions take to start, as ratios to a function that does nothing.

From the start of the process to its first `GET …/invocation/next`, on a stand-in for Lambda's Runtime API in this script:
what Lambda calls the init phase, without the download of the code. The programs take turns, so that whatever else the
machine does falls on all of them. The processor's time is printed as well, which other work disturbs less.

    cargo build --release -p hello -p slipway-api -p slipway-events -p slipway-notify -p slipway-steps -p slipway-sweep --bins
    python3 scripts/measure_cold_start.py --programs target/release

Exit code 1 when a function takes more than `--at-most` times as long as the one that does nothing.
"""

import argparse
import os
import pathlib
import socket
import statistics
import subprocess
import sys
import time

BASE = "hello"
FUNCTIONS = ["slipway-api", "slipway-events", "slipway-notify", "slipway-steps", "slipway-sweep"]
NEXT = b"GET /2018-06-01/runtime/invocation/next "

# As Lambda and template.yaml set them, and nothing of this shell's. Nothing is at these addresses, and nothing is asked.
ENVIRONMENT = {
    "AWS_REGION": "eu-west-1",
    "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
    "AWS_SECRET_ACCESS_KEY": "secret",
    "AWS_SESSION_TOKEN": "token",
    "AWS_LAMBDA_FUNCTION_NAME": "measured",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "256",
    "AWS_LAMBDA_FUNCTION_VERSION": "1",
    "AWS_LAMBDA_LOG_GROUP_NAME": "/measured",
    "AWS_LAMBDA_LOG_STREAM_NAME": "measured",
    "SLIPWAY_TABLE": "slipway",
    "SLIPWAY_STATE_BUCKET": "slipway-state",
    "SLIPWAY_ARTIFACTS_BUCKET": "slipway-artifacts",
    "SLIPWAY_EVENT_BUS": "slipway",
    "SLIPWAY_CONCURRENT_WAITS": "5",
    "SLIPWAY_EVENTS_FUNCTION": "slipway-events",
    "SLIPWAY_UNDELIVERED_EVENTS_URL": "https://sqs.eu-west-1.amazonaws.com/000000000000/undelivered",
    "SLIPWAY_UNHANDLED_EVENTS_URL": "https://sqs.eu-west-1.amazonaws.com/000000000000/unhandled",
    "SLIPWAY_CODEBUILD_PROJECT": "slipway-runner",
    "SLIPWAY_LOG_GROUP": "/slipway/builds",
    "SLIPWAY_STATE_MACHINE_ARN": "arn:aws:states:eu-west-1:000000000000:stateMachine:slipway-operation:live",
}


def start(program, variables):
    """Milliseconds until the program asks for its first event, and those of the processor."""
    with socket.create_server(("127.0.0.1", 0)) as runtime:
        runtime.settimeout(10)
        address = "{}:{}".format(*runtime.getsockname())
        environment = {**ENVIRONMENT, **variables, "AWS_LAMBDA_RUNTIME_API": address}
        began = time.perf_counter()
        process = subprocess.Popen([program], env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        try:
            connection, _ = runtime.accept()
            request = connection.recv(65536)
            took = time.perf_counter() - began
        except TimeoutError:
            process.kill()
            sys.exit(f"{program} did not ask for an event: {process.communicate()[1].decode()}")
        with connection:
            process.kill()
            _, _, used = os.wait4(process.pid, 0)
            process.returncode = 0
            assert process.stderr
            process.stderr.close()
        if not request.startswith(NEXT):
            sys.exit(f"{program} asked for something else first: {request[:80]!r}")
        return took * 1000, (used.ru_utime + used.ru_stime) * 1000


def main():
    arguments = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    arguments.add_argument("--programs", type=pathlib.Path, default=pathlib.Path("target/release"))
    arguments.add_argument("--rounds", type=int, default=50)
    arguments.add_argument("--at-most", type=float, default=2.0)
    arguments.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="a further variable")
    given = arguments.parse_args()
    variables = dict(text.split("=", 1) for text in given.set)

    names = [BASE, *FUNCTIONS]
    missing = [name for name in names if not (given.programs / name).exists()]
    if missing:
        sys.exit(f"not built: {', '.join(missing)} in {given.programs}; see the top of this script")
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in names}
    for _ in range(given.rounds + 1):
        for name in names:
            times[name].append(start(given.programs / name, variables))
    # The first round reads the programs from the disk.
    middle = {name: tuple(statistics.median(kind) for kind in zip(*taken[1:], strict=True)) for name, taken in times.items()}
    print(f"{'':16}{'to /next':>10}{'ratio':>8}{'processor':>12}{'ratio':>8}{'size':>10}")
    worst = 0
    for name in names:
        took, used = (middle[name][at] for at in (0, 1))
        ratio, used_ratio = took / middle[BASE][0], used / middle[BASE][1]
        worst = max(worst, ratio)
        size = (given.programs / name).stat().st_size / 1e6
        print(f"{pathlib.Path(name).name:16}{took:7.2f} ms{ratio:8.2f}{used:9.2f} ms{used_ratio:8.2f}{size:7.1f} MB")
    print(f"medians of {given.rounds} starts; the worst ratio is {worst:.2f}, at most {given.at_most:g} is wanted")
    sys.exit(worst > given.at_most)


if __name__ == "__main__":
    main()
