#!/usr/bin/env python3
"""Checks the table of docs/aws.md that says where each claim is proven, and the tables of docs/reliability.md, docs/aws-faults.md and
docs/blueprint-faults.md: what they name exists.

A script or file is in the repository, a test is a function of a Rust file, a run of a test of Terraform or a test of the stand-in
provider, a check of the column `real AWS` is one of
scripts/prove/checks.py, and a page is AWS's. A claim without any proof is not allowed. Limits of AWS that no code of Slipway shows or
lifts (UNLIFTED) have to be on the page for the reader who meets them.

    python3 scripts/check_proofs.py              needs nothing
    python3 scripts/check_proofs.py --self-test  changes the table and expects each finding
"""

import argparse
import itertools
import re
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
HEADING = "### Where each claim is proven"
COLUMNS = ["claim", "real AWS", "foreign emulator", "own emulator", "documentation"]
NOTHING = {"–", "not checked"}
# The pages with tables of faults.
FAULTS = ("reliability", "aws-faults", "blueprint-faults")
PAGE = re.compile(r"https://\S+")
# What the page has to say of each limit, as a pattern, and what happens to a reader who does not know it.
UNLIFTED = {
    "callers of another account get 403 from SignedEndpoint": r"HTTP APIs have no resource policies.*assume a role in Slipway's account",
    "an ARN of another account in Admins has no effect": r"role of another account in `Admins` has no effect",
    "a deployment fails if AWS cannot reach the identity provider": r"must be reachable from AWS when you deploy",
    "`slipway login` does not work with Amazon Cognito": r"device flow, which Amazon Cognito does not have",
    "a release fails if another account's repository does not let the environment pull": r"policy must let the task execution role",
    "a release fails if the registry is in a Region that the boundary denies": r"registry must be in one of the environment's `Regions`",
    "functions for arm64 do not build on x86_64 without Zig": r"cargo-lambda needs Zig",
    "a deployment for arm64 fails in a Region without ARM builds": r"a Region in which CodeBuild has ARM builds",
}


def unlifted(text: str) -> Iterator[str]:
    plain = re.sub(r"\s+", " ", text)
    for effect, said in UNLIFTED.items():
        if not re.search(said, plain):
            yield f"docs/aws.md does not say: {effect}"


def rows(text: str) -> list[list[str]]:
    """The rows of the table, by its columns."""
    lines = text[text.index(HEADING) :].splitlines()
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    if COLUMNS not in cells:
        sys.exit(f"docs/aws.md has no table with the columns {', '.join(COLUMNS)}")
    first = cells.index(COLUMNS) + 2
    return list(itertools.takewhile(lambda row: len(row) == len(COLUMNS), cells[first:]))


def named(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


def findings(text: str, tests: set[str], checks: set[str]) -> Iterator[str]:
    found = rows(text)
    if len(found) < 20:
        yield f"the table has {len(found)} rows: a part of it is not read"
    for claim, real, *others in found:
        for name in named(real):
            if name not in checks:
                yield f"{claim}: scripts/prove_on_aws has no check `{name}`"
        for name in (name for cell in others for name in named(cell)):
            is_file = "/" in name or "." in name
            if name == "sam validate":
                continue
            if is_file and not (ROOT / name).exists():
                yield f"{claim}: there is no file {name}"
            elif not is_file and name not in tests:
                yield f"{claim}: there is no test {name}"
        for page in PAGE.findall(" ".join(others)):
            if not page.startswith("https://docs.aws.amazon.com/"):
                yield f"{claim}: {page} is no page of AWS"
        proofs = named(real) + [name for cell in others for name in named(cell)] + PAGE.findall(" ".join(others))
        if not proofs:
            yield f"{claim}: nothing proves it"
        if not named(real) and real not in NOTHING:
            yield f"{claim}: `real AWS` is a check, or says `not checked`"
    mentioned = {name for row in found for name in named(row[1])}
    for check in sorted(checks - mentioned):
        yield f"the check {check} of scripts/prove_on_aws is in no row"


def faults(text: str) -> list[list[str]]:
    """The rows of the tables of FAULTS: a fault, the behaviour, the tests."""
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line.startswith("| ")]
    return [row for row in cells if len(row) == 3 and row[0] not in ("fault", "fault on AWS", "---")]


def fault_findings(text: str, tests: set[str]) -> Iterator[str]:
    found = faults(text)
    if len(found) < 15:
        yield f"the tables have {len(found)} rows: a part of them is not read"
    for fault, _, proofs in found:
        if not named(proofs):
            yield f"{fault}: no test proves it"
        for name in named(proofs):
            if "/" in name and not (ROOT / name).exists():
                yield f"{fault}: there is no file {name}"
            elif "/" not in name and name not in tests:
                yield f"{fault}: there is no test {name}"


def tests_of(root: Path) -> set[str]:
    files = [path for part in ("crates", "emulator", "functions") for path in (root / part).rglob("*.rs")]
    rust = {name for path in files for name in re.findall(r"\bfn (\w+)\(", path.read_text())}
    runs = {name for path in (root / "tf").rglob("*.tftest.hcl") for name in re.findall(r'^run "(\w+)"', path.read_text(), re.MULTILINE)}
    stand_in = {
        name for path in (root / "tf/testing/provider/tests").glob("*.py") for name in re.findall(r"\bdef (test_\w+)\(", path.read_text())
    }
    return rust | runs | stand_in


def checks_of(root: Path) -> set[str]:
    text = (root / "scripts/prove/checks.py").read_text()
    return {"deploy", *re.findall(r"^    Check\(\s*\"([^\"]+)\"", text, re.MULTILINE)}


def self_test(text: str, reliability: str, tests: set[str], checks: set[str]):
    old = "`plan_that_only_moves_is_applied`"
    for expected, new in {"there is no test nothing_is_proven": "`nothing_is_proven`", "no test proves it": "–"}.items():
        found = list(fault_findings(reliability.replace(old, new), tests))
        if not any(expected in finding for finding in found):
            sys.exit(f"self-test: expected `{expected}`, found {found or 'nothing'}")
    changes = {
        "has no check `F99`": ("`F13`", "`F99`"),
        "there is no file scripts/check_nothing.py": ("`scripts/check_state_machine.py`", "`scripts/check_nothing.py`"),
        "there is no test nothing_is_proven": ("`a_moved_program_finds_what_init_made`", "`nothing_is_proven`"),
        "nothing proves it": ("`a_moved_program_finds_what_init_made`", "–"),
        "is no page of AWS": (
            "https://docs.aws.amazon.com/step-functions/latest/dg/procedure-create-iam-role.html",
            "https://example.com/a",
        ),
        "is in no row": ("`F2`, `F1`", "`F2`"),
    }
    for said in ("needs Zig", "when you deploy"):
        if not list(unlifted(text.replace(said, ""))):
            sys.exit(f"self-test: the page without `{said}` is not found")
    for expected, (old, new) in changes.items():
        if old not in text:
            sys.exit(f"self-test: the table has no {old} any more")
        found = list(findings(text.replace(old, new), tests, checks))
        if not any(expected in finding for finding in found):
            sys.exit(f"self-test: expected `{expected}`, found {found or 'nothing'}")
    print(f"self-test: each of {len(changes) + 4} changes is found")


def main():
    arguments = argparse.ArgumentParser(description="Checks that the table of proofs in docs/aws.md names what exists.")
    arguments.add_argument("--self-test", action="store_true")
    text = (ROOT / "docs/aws.md").read_text()
    if found := list(unlifted(text)):
        sys.exit("\n".join(found))
    tests, checks = tests_of(ROOT), checks_of(ROOT)
    pages = {page: (ROOT / f"docs/{page}.md").read_text() for page in FAULTS}
    if arguments.parse_args().self_test:
        return self_test(text, pages["reliability"], tests, checks)
    found = [*findings(text, tests, checks), *(finding for page in pages.values() for finding in fault_findings(page, tests))]
    print(*found, sep="\n")
    if found:
        sys.exit(f"docs/aws.md, or docs/{', '.join(FAULTS)}, name proofs that do not exist: {len(found)}")
    counts = f"{len(rows(text))} claims and {sum(len(faults(page)) for page in pages.values())} faults"
    return print(f"docs/aws.md and docs/{', '.join(FAULTS)}: {counts}, each with a proof that exists")


if __name__ == "__main__":
    main()
