#!/usr/bin/env python3
"""Measures what Slipway adds to Terraform, as ratios within one run on one machine.

A stack of three resources is provisioned through Slipway (from the POST to the end of the operation), and the same
configuration by hand: `init`, `plan -out`, `apply`, with the same S3 backend on the same server and a workspace of its own. The
two take turns, so that whatever else the machine does falls on both. It also runs with a local state file instead of the S3
backend, for comparison. Then requests are sent while Terraform runs, and how long their answers take is printed.

    cargo build --profile local --package slipway-cli
    python3 scripts/measure_provision.py
"""

import argparse
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import tempfile
import time
import urllib.request

BACKEND = {
    # The state bucket of template.yaml, as local mode names it.
    "bucket": "slipway-state-000000000000-us-east-1",
    "key": "terraform.tfstate",
    "workspace_key_prefix": "by-hand",
    "region": "us-east-1",
    "use_lockfile": True,
    "use_path_style": True,
    "skip_credentials_validation": True,
    "skip_requesting_account_id": True,
    "skip_metadata_api_check": True,
    "skip_region_validation": True,
}
MAIN = """
variable "text" {
  type    = string
  default = "hello"
}
resource "terraform_data" "one" {
  input = var.text
}
resource "terraform_data" "two" {
  input = var.text
}
resource "terraform_data" "three" {
  input = var.text
}
output "slipway" {
  value = { endpoints = { text = terraform_data.one.output } }
}
"""


def call(method, url, body=None):
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data=data, method=method)
    request.add_header("content-type", "application/json")
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)


def ask_for_stack(api, name):
    body = {"name": name, "blueprint": "three", "environment": "local"}
    return call("POST", f"{api}/v1/stacks", body)


def wait(api, operation):
    while operation["ended_at"] is None:
        path = f"/v1/operations/{operation['id']}?wait=20&seen={operation['revision']}"
        operation = call("GET", api + path)
    assert operation["status"] == "succeeded", operation
    return operation


def through_slipway(api, name):
    begun = time.perf_counter()
    wait(api, ask_for_stack(api, name))
    return time.perf_counter() - begun


def by_hand(terraform, env, backend, workspace="default"):
    folder = pathlib.Path(tempfile.mkdtemp(prefix="by-hand-"))
    (folder / "main.tf").write_text(MAIN)
    if backend:
        (folder / "backend.tf.json").write_text(json.dumps({"terraform": {"backend": {"s3": backend}}}))
    begun = time.perf_counter()
    for command in (["init", "-input=false"], ["plan", "-input=false", "-out=tfplan"], ["apply", "-input=false", "tfplan"]):
        # `init` wants a workspace that is there; the others make theirs.
        chosen = {"TF_WORKSPACE": "default" if command[0] == "init" else workspace}
        subprocess.run([terraform, *command], cwd=folder, env=env | chosen, check=True, stdout=subprocess.DEVNULL)
    took = time.perf_counter() - begun
    shutil.rmtree(folder)
    return took


def measure_answers(api, rounds):
    """Seconds that a POST takes to be answered while the operations that were asked for before it run."""
    times, operations = [], []
    for index in range(rounds):
        begun = time.perf_counter()
        operations.append(ask_for_stack(api, f"answer-{index}"))
        times.append(time.perf_counter() - begun)
    for operation in operations:
        wait(api, operation)
    return times


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--slipway", default="target/local/slipway", help="the program to measure")
    parser.add_argument("--rounds", type=int, default=15)
    options = parser.parse_args()
    data = tempfile.mkdtemp(prefix="slipway-measure-")
    server = subprocess.Popen(
        [options.slipway, "up", "--json", "--port", "0", "--aws-port", "0", "--data", data], stdout=subprocess.PIPE, text=True
    )
    try:
        assert server.stdout
        up = json.loads(server.stdout.readline())
        report(up, options.rounds)
    finally:
        server.terminate()
        server.wait()
        shutil.rmtree(data, ignore_errors=True)


def report(up, rounds):
    api, terraform = up["api"], up["terraform"]
    call("PUT", f"{api}/v1/blueprints/three/versions/1.0.0", {"files": {"main.tf": MAIN}})
    env = {
        "PATH": os.environ["PATH"],
        "HOME": os.environ.get("HOME", "/"),
        "CHECKPOINT_DISABLE": "true",
        "AWS_ENDPOINT_URL": up["aws"],
        "AWS_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_SECRET_ACCESS_KEY": "local",
    }
    slipway, hand, plain = [], [], []
    for index in range(rounds + 1):
        through = through_slipway(api, f"measured-{index}")
        by_s3 = by_hand(terraform, env, BACKEND, f"hand-{index}")
        local = by_hand(terraform, env, None)
        # The first round fills the caches of all three, the disk's among them.
        if index > 0:
            slipway.append(through)
            hand.append(by_s3)
            plain.append(local)
    answers = measure_answers(api, rounds)

    def milliseconds(times):
        return f"{statistics.median(times) * 1000:7.0f} ms median of {len(times)}"

    print(f"through Slipway              {milliseconds(slipway)}")
    print(f"by hand, same S3 backend     {milliseconds(hand)}")
    print(f"by hand, local state file    {milliseconds(plain)}")
    print(f"ratio to the same by hand    {statistics.median(slipway) / statistics.median(hand):.2f}")
    print(f"ratio to a local state file  {statistics.median(slipway) / statistics.median(plain):.2f}")
    print(f"POST while Terraform runs    {milliseconds(answers)}, slowest {max(answers) * 1000:.0f} ms")


if __name__ == "__main__":
    main()
