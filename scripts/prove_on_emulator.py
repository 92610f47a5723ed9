#!/usr/bin/env python3
"""Runs scripts/prove_on_aws against ministack, as far as that goes: its self-test, and every check once. Nothing may remain.

target/lint/emulator/bin/python scripts/prove_on_emulator.py target/debug
"""

import subprocess
import sys
import tempfile
from pathlib import Path

from emulator import client, emulator

PROVE = Path(__file__).with_name("prove_on_aws")


def main():
    binaries = Path(sys.argv[1]).resolve() if len(sys.argv) == 2 else sys.exit(__doc__)
    with tempfile.TemporaryDirectory() as folder, emulator(folder, {}) as endpoint:
        command = [PROVE, "--endpoint", endpoint, "--binaries", binaries]
        subprocess.run([*command, "--self-test"], check=True)
        journal = Path(folder, "journal.json")
        done = subprocess.run([*command, "--account", "000000000000", "--journal", journal], check=True, capture_output=True, text=True)
        print(done.stdout)
        outcomes = [line.split("|")[3].strip() for line in done.stdout.splitlines() if line.startswith("| ")][1:]
        if len(outcomes) < 9 or set(outcomes) - {"ran", "not shown", "not run", "---"}:
            sys.exit(f"an emulator proves nothing, and the table says: {outcomes}")
        stacks = client(endpoint, "cloudformation").list_stacks()["StackSummaries"]
        left = [it["StackName"] for it in stacks if it["StackStatus"] != "DELETE_COMPLETE"]
        left += [it["Name"] for it in client(endpoint, "s3").list_buckets()["Buckets"]]
        if left or journal.exists():
            sys.exit(f"not removed: {left or journal}")


if __name__ == "__main__":
    main()
