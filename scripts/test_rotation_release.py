#!/usr/bin/env python3
"""Runs the script that answers a rotation, tf/modules/rotation-release/release.sh, against an `aws` that only writes down how it was
called. Needs bash and jq."""

import json
import os
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

SCRIPT = Path(__file__).resolve().parent.parent / "tf" / "modules" / "rotation-release" / "release.sh"
IMAGE = f"111122223333.dkr.ecr.eu-west-1.amazonaws.com/shop@sha256:{'0' * 64}"
PROGRAM = """#!{python} -SE
import json, os, sys
with open(os.environ["CALLS"], "a") as calls:
    print(json.dumps(sys.argv[1:]), file=calls)
for words, answer in json.loads(os.environ["ANSWERS"]):
    if all(word in sys.argv for word in words):
        print(answer)
        break
"""


class Rotation(unittest.TestCase):
    def run_script(self, *answers: list) -> tuple[subprocess.CompletedProcess[str], list[list[str]]]:
        """What the script said, and the calls that it made."""
        folder = Path(self.enterContext(tempfile.TemporaryDirectory()))
        program = folder / "aws"
        program.write_text(PROGRAM.format(python=sys.executable), encoding="utf-8")
        program.chmod(0o755)
        environment = {
            "PATH": f"{folder}:{os.environ['PATH']}",
            "CALLS": str(folder / "calls"),
            "ANSWERS": json.dumps(answers),
            "BUS_ARN": "arn:aws:events:eu-central-1:000011112222:event-bus/slipway",
            "CLUSTER": "lusab-babad",
            "SERVICES": json.dumps({"web": "lusab-babad-web", "mailer": "lusab-babad-mailer"}),
            "STACK": "lusab-babad",
            "CODEBUILD_BUILD_ID": "lusab-babad-rotation:0d6f2c1f",
        }
        script = SCRIPT.read_text(encoding="utf-8")
        done = subprocess.run(["bash", "-c", script], check=False, env=environment, text=True, capture_output=True)
        return done, [json.loads(line) for line in (folder / "calls").read_text(encoding="utf-8").splitlines()]

    def test_current_images_are_released_again(self) -> None:
        done, calls = self.run_script(
            [["describe-services", "lusab-babad-web"], "arn:web:7"],
            [["describe-services", "lusab-babad-mailer"], "arn:mailer:1"],
            [["describe-task-definition", "arn:web:7"], IMAGE],
            [["describe-task-definition", "arn:mailer:1"], "slipway/not-released-yet"],
            [["put-events"], '{"FailedEntryCount": 0}'],
        )
        self.assertEqual(0, done.returncode, done.stderr)
        self.assertIn("requested the release of web", done.stdout)
        sent = calls[-1]
        self.assertEqual("eu-central-1", sent[sent.index("--region") + 1])
        (entry,) = json.loads(sent[sent.index("--entries") + 1])
        self.assertEqual(("slipway.rotation-release", "Slipway Request"), (entry["Source"], entry["DetailType"]))
        wanted = {
            "version": 1,
            "key": "rotation 0d6f2c1f",
            "action": "release",
            "stack": "lusab-babad",
            "request": {"images": {"web": IMAGE}},
        }
        self.assertEqual(wanted, json.loads(entry["Detail"]))

    def test_stack_without_release_gets_no_request(self) -> None:
        done, calls = self.run_script([["describe-services"], "arn:x:1"], [["describe-task-definition"], "slipway/not-released-yet"])
        self.assertEqual(0, done.returncode, done.stderr)
        self.assertFalse([call for call in calls if call[:2] == ["events", "put-events"]])

    def test_a_bus_that_refuses_fails_the_build(self) -> None:
        done, _ = self.run_script(
            [["describe-services"], "arn:x:1"], [["describe-task-definition"], IMAGE], [["put-events"], '{"FailedEntryCount": 1}']
        )
        self.assertEqual(1, done.returncode)
        self.assertIn("the bus did not take the request", done.stderr)


if __name__ == "__main__":
    unittest.main()
