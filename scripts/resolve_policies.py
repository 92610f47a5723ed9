#!/usr/bin/env python3
"""Prints the policies of Slipway's templates as JSON: every role with what it may do and who may assume it, every boundary, and the
policies of buckets, queues and buses, all with concrete ARNs.

    python3 scripts/resolve_policies.py                                    needs aws-sam-translator
    python3 scripts/resolve_policies.py --account 123456789012 --region us-east-1 --name StateBucket=states

    {"template.yaml": {"account": "…", "roles": {"BuildsRole": {"name": "…", "arn": "…", "trust": {…}, "policies": {"builds": {…}},
     "boundary": null}}, "resources": [{"logical": "…", "resource": "…", "policy": {…}}]}, "aws/target-account": …}

Tests that run a program on an emulator with IAM enforced create the program's role from this.
"""

import argparse
import json

from policies import EVERYTHING, REGION, SLIPWAY, STACK, Account, accounts


def described(account: Account) -> dict:
    return {
        "account": account.account,
        "roles": {
            role.logical: {
                "name": role.name,
                "arn": role.arn,
                "trust": role.trust.document,
                "policies": {policy.label.rsplit("/", 1)[-1].rsplit(" ", 1)[-1]: policy.document for policy in role.policies},
                "boundary": role.boundary and role.boundary.document,
            }
            for role in account.roles.values()
        },
        "resources": [{"logical": it.logical, "resource": it.resource, "policy": it.policy.document} for it in account.resources],
    }


def pair(text: str) -> tuple[str, str]:
    name, separator, value = text.partition("=")
    if not separator:
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=VALUE")
    return name, value


def main():
    arguments = argparse.ArgumentParser(description="Prints the policies of Slipway's templates as JSON.")
    arguments.add_argument("--account", default=SLIPWAY, help=f"Slipway's account [default: {SLIPWAY}]")
    arguments.add_argument("--region", default=REGION, help=f"the Region [default: {REGION}]")
    arguments.add_argument("--stack-name", default=STACK, help=f"the name of Slipway's stack [default: {STACK}]")
    arguments.add_argument("--parameter", type=pair, action="append", default=[], metavar="NAME=VALUE", help="of template.yaml")
    arguments.add_argument("--name", type=pair, action="append", default=[], metavar="LOGICAL=NAME", help="the physical name of a resource")
    given = arguments.parse_args()
    found = accounts(
        account=given.account,
        region=given.region,
        stack=given.stack_name,
        parameters=EVERYTHING | dict(given.parameter),
        names=dict(given.name),
    )
    print(json.dumps({name: described(account) for name, account in found.items()}, indent=1))


if __name__ == "__main__":
    main()
