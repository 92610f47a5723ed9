#!/usr/bin/env python3
"""Runs the script that builds and releases images, tf/blueprints/image-pipeline/release.sh, against an `aws` and a `docker` that only
write down how they were called. Needs bash and jq."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

SCRIPT = Path(__file__).resolve().parent.parent / "tf" / "blueprints" / "image-pipeline" / "release.sh"
REPOSITORY = "111122223333.dkr.ecr.eu-west-1.amazonaws.com/shop/web"
DIGEST = f"{REPOSITORY}@sha256:{'0' * 64}"
PROGRAM = """#!{python} -SE
import json, os, sys
call = [os.path.basename(sys.argv[0]), *sys.argv[1:]]
with open(os.environ["CALLS"], "a") as calls:
    print(json.dumps(call), file=calls)
for words, answer, status in json.loads(os.environ["ANSWERS"]):
    if call[: len(words)] == words:
        print(answer, file=sys.stderr if status else sys.stdout)
        sys.exit(status)
"""
NOT_FOUND = [["aws", "ecr", "describe-images"], "An error occurred (ImageNotFoundException)", 254]
PUSHED = [["docker", "image", "inspect"], f"elsewhere@sha256:{'1' * 64}\n{DIGEST}", 0]
TAKEN = [["aws", "events", "put-events"], '{"FailedEntryCount": 0}', 0]


class Release(unittest.TestCase):
    def setUp(self) -> None:
        self.folder = Path(self.enterContext(tempfile.TemporaryDirectory()))
        for name in ("aws", "docker"):
            program = self.folder / name
            program.write_text(PROGRAM.format(python=sys.executable), encoding="utf-8")
            program.chmod(0o755)

    def run_script(self, *answers: list, **environment: str) -> tuple[subprocess.CompletedProcess[str], list[list[str]]]:
        """What the script said, and the calls that it made."""
        calls = self.folder / "calls"
        calls.write_text("", encoding="utf-8")
        done = subprocess.run(
            ["bash", "-c", SCRIPT.read_text(encoding="utf-8")],
            check=False,
            env={
                "PATH": f"{self.folder}:{os.environ['PATH']}",
                "CALLS": str(calls),
                "ANSWERS": json.dumps([*answers, NOT_FOUND, PUSHED, TAKEN]),
                "BUS_ARN": "arn:aws:events:eu-central-1:000011112222:event-bus/slipway",
                "CACHE_TAG": "",
                "CONTEXT": ".",
                "DOCKERFILE": "Dockerfile",
                "IMAGE_REPOSITORY": REPOSITORY,
                "RELEASES": json.dumps({"lusab-babad": ["web", "worker"], "staging/shop": ["web"]}),
                "TAG_PATTERN": r"v[0-9]+\.[0-9]+\.[0-9]+",
                "TEST_COMMAND": json.dumps(["./app", "say", "it's $HOME; rm -r *", ""]),
                "TEST_TARGET": "",
                "CODEBUILD_BUILD_ID": "lusab-babad-image:0d6f2c1f-7a10-4d0e-9a52-b3d2f6a81c55",
                "CODEBUILD_WEBHOOK_HEAD_REF": "refs/tags/v1.2.3",
                **environment,
            },
            text=True,
            capture_output=True,
        )
        return done, [json.loads(line) for line in calls.read_text(encoding="utf-8").splitlines()]

    def test_the_order(self) -> None:
        done, calls = self.run_script()
        self.assertEqual(done.returncode, 0, done.stderr)
        said = [" ".join(call[:3]) for call in calls]
        # The two ends of a pipe start together.
        self.assertEqual(sorted(said[1:3]), ["aws ecr get-login-password", "docker login --username"])
        self.assertEqual(
            said[:1] + said[3:],
            [
                "aws ecr describe-images",
                "docker buildx build",
                "docker run --rm",
                f"docker push {REPOSITORY}:v1.2.3",
                "docker image inspect",
                "aws events put-events",
            ],
        )

    def test_words_of_the_test_stay_words(self) -> None:
        _, calls = self.run_script()
        run = next(call for call in calls if call[:2] == ["docker", "run"])
        self.assertEqual(run[3:], [f"{REPOSITORY}:v1.2.3", "./app", "say", "it's $HOME; rm -r *", ""])

    def test_the_release_is_asked_for_by_digest(self) -> None:
        _, calls = self.run_script()
        put = calls[-1]
        self.assertEqual(put[put.index("--region") + 1], "eu-central-1")
        by_id, by_name = json.loads(put[put.index("--entries") + 1])
        for entry in (by_id, by_name):
            self.assertEqual(entry["EventBusName"], "arn:aws:events:eu-central-1:000011112222:event-bus/slipway")
            self.assertEqual((entry["Source"], entry["DetailType"]), ("slipway.image-pipeline", "Slipway Request"))
        key = "build 0d6f2c1f-7a10-4d0e-9a52-b3d2f6a81c55 to"
        images = {"web": DIGEST, "worker": DIGEST}
        self.assertEqual(
            json.loads(by_id["Detail"]),
            {"version": 1, "key": f"{key} lusab-babad", "action": "release", "stack": "lusab-babad", "request": {"images": images}},
        )
        self.assertEqual(
            json.loads(by_name["Detail"]),
            {
                "version": 1,
                "key": f"{key} staging/shop",
                "action": "release",
                "stack": {"environment": "staging", "name": "shop"},
                "request": {"images": {"web": DIGEST}},
            },
        )

    def test_a_branch_is_no_release(self) -> None:
        for ref in ("refs/heads/main", "refs/heads/v1.2.3", "refs/tags/latest", "refs/tags/v1.2.3-rc", "pr/7", ""):
            done, calls = self.run_script(CODEBUILD_WEBHOOK_HEAD_REF=ref)
            self.assertEqual((done.returncode, calls), (1, []), ref)
            self.assertIn("Nothing was built", done.stderr)

    def test_an_alternative_is_held_to_the_whole_tag(self) -> None:
        done, calls = self.run_script(TAG_PATTERN="v1|v2", CODEBUILD_WEBHOOK_HEAD_REF="refs/heads/v2")
        self.assertEqual((done.returncode, calls), (1, []))

    def test_an_archive_is_named_after_its_tag(self) -> None:
        done, calls = self.run_script(RELEASE_KEY="releases/v2.0.0.zip", CODEBUILD_WEBHOOK_HEAD_REF="")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn(["docker", "push", f"{REPOSITORY}:v2.0.0"], calls)

    def test_a_failed_test_pushes_nothing(self) -> None:
        done, calls = self.run_script([["docker", "run"], "no", 3])
        self.assertEqual(done.returncode, 3)
        self.assertNotIn(["docker", "push"], [call[:2] for call in calls])

    def test_a_failed_stage_pushes_nothing(self) -> None:
        done, calls = self.run_script([["docker", "buildx", "build"], "no", 1], TEST_TARGET="test", TEST_COMMAND="[]")
        self.assertEqual(done.returncode, 1)
        (build,) = [call for call in calls if call[:2] == ["docker", "buildx"]]
        self.assertEqual(build[build.index("--target") + 1], "test")

    def test_a_tag_is_built_once(self) -> None:
        done, calls = self.run_script([["aws", "ecr", "describe-images"], "sha256:" + "2" * 64, 0])
        self.assertEqual((done.returncode, len(calls)), (1, 1))
        self.assertIn(f"{REPOSITORY}@sha256:{'2' * 64}", done.stderr)

    def test_a_repository_that_cannot_be_read_is_not_pushed_to(self) -> None:
        done, calls = self.run_script([["aws", "ecr", "describe-images"], "AccessDeniedException", 254])
        self.assertEqual((done.returncode, len(calls)), (1, 1))
        self.assertIn("AccessDeniedException", done.stderr)

    def test_nothing_is_asked_for_without_a_digest(self) -> None:
        done, calls = self.run_script([["docker", "image", "inspect"], f"elsewhere@sha256:{'1' * 64}", 0])
        self.assertEqual((done.returncode, calls[-1][:2]), (1, ["docker", "image"]))
        self.assertIn("its digest is not known", done.stderr)

    def test_a_request_that_the_bus_refused_fails_the_build(self) -> None:
        done, _ = self.run_script([["aws", "events", "put-events"], '{"FailedEntryCount": 1}', 0])
        self.assertEqual(done.returncode, 1)
        self.assertIn(DIGEST, done.stderr)

    def test_no_release_is_requested_without_a_stack(self) -> None:
        done, calls = self.run_script(RELEASES="{}", BUS_ARN="none")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertNotIn(["aws", "events"], [call[:2] for call in calls])

    def test_layers_are_kept_in_the_repository(self) -> None:
        _, calls = self.run_script(CACHE_TAG="cache", TEST_TARGET="test")
        builds = [call for call in calls if call[:3] == ["docker", "buildx", "build"]]
        self.assertEqual([call.count("--cache-from") for call in builds], [1, 1])
        self.assertEqual(["--cache-to" in call for call in builds], [False, True])


if __name__ == "__main__":
    missing = [program for program in ("bash", "jq") if shutil.which(program) is None]
    if missing:
        print(f"skipped: {SCRIPT.name} needs {' and '.join(missing)}, not found here: install them")
    else:
        unittest.main()
