"""Starts ministack, an emulator of AWS from PyPI, for the scripts beside this one."""

import contextlib
import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import boto3

REGION = "eu-west-1"


@contextlib.contextmanager
def emulator(folder, mocks):
    """Runs the emulator on a free port of loopback, with these mock responses of Step Functions. It waits for nothing between
    two attempts of a task."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    path = Path(folder) / "mocks.json"
    path.write_text(json.dumps(mocks))
    settings = {
        "BIND_HOST": "127.0.0.1",
        "GATEWAY_PORT": str(port),
        "LAMBDA_EXECUTOR": "local",
        "HOME": str(folder),
        "MINISTACK_REGION": REGION,
        "SFN_MOCK_CONFIG": str(path),
        "SFN_WAIT_SCALE": "0",
    }
    program = Path(sys.executable).with_name("ministack")
    with (Path(folder) / "log").open("w") as log:
        process = subprocess.Popen([program], env={**os.environ, **settings}, stdout=log, stderr=log, cwd=folder)
    try:
        endpoint = f"http://127.0.0.1:{port}"
        for _ in range(200):
            with contextlib.suppress(OSError), urllib.request.urlopen(f"{endpoint}/_ministack/health", timeout=1):
                break
            time.sleep(0.1)
        yield endpoint
    finally:
        process.terminate()
        process.wait()


def client(endpoint, service):
    keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
    return boto3.client(service, endpoint_url=endpoint, region_name=REGION, **keys)


def entered(states, execution):
    """The states that an execution entered, in order."""
    pages = states.get_paginator("get_execution_history").paginate(executionArn=execution)
    events = [event for page in pages for event in page["events"]]
    return [event["stateEnteredEventDetails"]["name"] for event in events if "stateEnteredEventDetails" in event]
