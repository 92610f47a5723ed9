#!/usr/bin/env python3
"""Asks moto (PyPI), an emulator of AWS that enforces IAM, for what Slipway's roles do on S3 and SQS.

moto's server runs with IAM enforced. Each role is made there with the policies of the template, and assumed; then every S3 and SQS
request that the tests recorded of the role is made for real, and must not be denied. After that each statement about S3 or SQS is
removed in turn, and the request that needs it must be denied, by name.

Only for these two does moto pass the resource to IAM; of the other services' requests it asks about `*`, which no policy here allows.
Their decisions are held against another implementation by compare_with_simulator.py. The runner's own tests run Terraform on moto so.

    target/lint/policies/bin/python scripts/enforce_on_moto.py target/calls target/debug/examples/paths
    … --self-test     takes a right away that is needed, and expects the request to be denied
"""

import argparse
import contextlib
import json
import os
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import boto3
import check_state_machine
import iam
from botocore.exceptions import ClientError
from check_permissions import (
    ACCOUNT,
    REGION,
    everything_asked,
    installed,
    policies_of,
    without,
)
from policies import Policy
from recorded_calls import calls


@contextlib.contextmanager
def moto() -> Iterator[str]:
    """moto's server on a free port of loopback; its address."""
    program = Path(sys.executable).with_name("moto_server")
    environment = {**os.environ, "MOTO_ACCOUNT_ID": ACCOUNT}
    with tempfile.TemporaryFile("w+") as log:
        process = subprocess.Popen(
            [program, "--host", "127.0.0.1", "--port", "0"], env=environment, stdout=log, stderr=subprocess.PIPE, text=True
        )
        assert process.stderr
        try:
            address = next(line.partition("Running on ")[2].strip() for line in process.stderr if "Running on" in line)
            yield address
        finally:
            process.terminate()
            process.communicate()


class Account:
    """moto's account, with the resources of the template."""

    def __init__(self, endpoint: str):
        self.endpoint = endpoint
        self.iam, self.sts = self.client("iam"), self.client("sts")

    def client(self, service: str, **keys: str):
        keys = keys or {"aws_access_key_id": "admin", "aws_secret_access_key": "admin"}
        return boto3.client(service, endpoint_url=self.endpoint, region_name=REGION, **keys)

    def enforce(self, enforced: bool):
        """Whether IAM is asked: moto lets this many requests pass before."""
        body = b"0" if enforced else b"1000000"
        address, headers = f"{self.endpoint}/moto-api/reset-auth", {"Content-Type": "text/plain"}
        urllib.request.urlopen(urllib.request.Request(address, data=body, headers=headers, method="POST")).close()

    def with_policies(self, role: str, policies: list[Policy]) -> dict[str, str]:
        """Credentials of a role that has these policies and no others."""
        self.enforce(False)
        name = role.replace(" ", "-")
        trust = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": "*", "Action": "sts:AssumeRole"}]}
        with contextlib.suppress(ClientError):
            self.iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(trust))
        for at, policy in enumerate(policies):
            document = json.dumps({"Version": "2012-10-17", **policy.document})
            self.iam.put_role_policy(RoleName=name, PolicyName=f"policy-{at}", PolicyDocument=document)
        arn = f"arn:aws:iam::{ACCOUNT}:role/{name}"
        given = self.sts.assume_role(RoleArn=arn, RoleSessionName="enforced")["Credentials"]
        self.enforce(True)
        return {
            "aws_access_key_id": given["AccessKeyId"],
            "aws_secret_access_key": given["SecretAccessKey"],
            "aws_session_token": given["SessionToken"],
        }

    def is_denied(self, keys: dict[str, str], request: iam.Request) -> bool:
        """Makes a request; whether IAM denies it. That an object is not there is no denial."""
        service, _, action = request.action.partition(":")
        client = self.client(service, **keys)
        try:
            if service == "sqs":
                self.on_sqs(client, action, f"{self.endpoint}/{ACCOUNT}/{request.resource.rpartition(':')[2]}")
            else:
                self.on_s3(client, action, request)
        except ClientError as error:
            return error.response["Error"]["Code"] in ("AccessDenied", "AccessDeniedException", "403")
        return False

    def on_sqs(self, client, action: str, queue: str):
        if action == "SendMessage":
            client.send_message(QueueUrl=queue, MessageBody="{}")
        elif action == "ReceiveMessage":
            client.receive_message(QueueUrl=queue)
        elif action == "ChangeMessageVisibility":
            client.change_message_visibility(QueueUrl=queue, ReceiptHandle="none", VisibilityTimeout=0)
        elif action == "GetQueueAttributes":
            client.get_queue_attributes(QueueUrl=queue)
        elif action == "DeleteMessage":
            client.delete_message(QueueUrl=queue, ReceiptHandle="none")
        else:
            sys.exit(f"no rule says how {action} is asked of SQS")

    def on_s3(self, client, action: str, request: iam.Request):
        bucket, _, key = request.resource.removeprefix("arn:aws:s3:::").partition("/")
        if action == "ListBucket":
            client.list_objects_v2(Bucket=bucket, Prefix=dict(request.context).get("s3:prefix", ""))
        elif action in ("GetObject", "GetObjectVersion"):
            version = {"VersionId": "null"} if action == "GetObjectVersion" else {}
            client.get_object(Bucket=bucket, Key=key, **version)
        elif action == "PutObject":
            client.put_object(Bucket=bucket, Key=key, Body=b"{}")
        elif action == "DeleteObject":
            client.delete_object(Bucket=bucket, Key=key)
        else:
            sys.exit(f"no rule says how {action} is asked of S3")


def findings(account: Account, policies: dict[str, list[Policy]], asked: dict) -> Iterator[str | None]:
    """What is not as expected; `None` for each that is."""
    for role, them in asked.items():
        ours = [request for request in them if request.action.partition(":")[0] in ("s3", "sqs")]
        keys = account.with_policies(role, policies[role]) if ours else {}
        for request in one_of_each(ours):
            yield f"denied: {role}: {request} ({them[request]})" if account.is_denied(keys, request) else None
        for policy in policies[role]:
            for at, statement in enumerate(policy.statements):
                rest = without(policies[role], policy, at)
                fails = next((it for it in ours if iam.applies(statement, it) and not iam.is_allowed(rest, it)), None)
                if fails:
                    keys = account.with_policies(role, rest)
                    is_denied = account.is_denied(keys, fails)
                    yield None if is_denied else f"allowed without {statement.label}: {role}: {fails} ({them[fails]})"


def one_of_each(requests: list[iam.Request]) -> list[iam.Request]:
    """One request of each action on each first part of a key: the rest differ in the names of stacks and operations."""
    found = {(it.action, tuple(it.resource.split("/")[:2])): it for it in requests}
    return list(found.values())


def main():
    arguments = argparse.ArgumentParser(description="Asks moto for what Slipway's roles do on S3 and SQS, with IAM enforced.")
    arguments.add_argument("calls", type=Path)
    arguments.add_argument("paths")
    arguments.add_argument("--self-test", action="store_true")
    given = arguments.parse_args()
    world, accounts, roles = installed()
    policies = policies_of(accounts)
    asked = everything_asked(list(calls(given.calls, set(roles))), check_state_machine.evaluated_by(given.paths), world, roles)
    template = world.slipway.template
    with moto() as endpoint:
        account = Account(endpoint)
        account.enforce(False)
        for bucket in ("StateBucket", "ArtifactsBucket"):
            account.client("s3").create_bucket(Bucket=template.name(bucket))
        for queue in ("UnhandledEvents", "UnhandledNotifications", "UndeliveredEvents"):
            account.client("sqs").create_queue(QueueName=template.name(queue))
        if given.self_test:
            # moto rejects a policy without a statement.
            nothing = {"Effect": "Allow", "Action": "sqs:ListQueues", "Resource": "*"}
            policies["StepsRole"] = [Policy("nothing", {"Statement": [nothing]})]
            found = [it for it in findings(account, policies, asked) if it]
            if not any(it.startswith("denied: StepsRole: s3:GetObject") for it in found):
                sys.exit(f"self-test: a role without rights is not denied: {found}")
            return print("self-test: a role without rights is denied")
        results = list(findings(account, policies, asked))
    found = [it for it in results if it]
    print(*found, sep="\n")
    if found:
        sys.exit(f"moto decides otherwise: {len(found)} of {len(results)}")
    return print(f"moto with IAM enforced decides as expected: {len(results)} requests on S3 and SQS")


if __name__ == "__main__":
    main()
