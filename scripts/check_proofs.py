#!/usr/bin/env python3
"""Checks the table of docs/aws.md that says where each claim is proven, and the tables of docs/reliability.md, docs/aws-faults.md,
docs/blueprint-faults.md and docs/reliability-faults.md: what they name exists.

A script or file is in the repository, a test is a function of a Rust file, a run of a test of Terraform or a test of the stand-in
provider, a check of the column `real AWS` is one of scripts/prove/checks.py, and a page is AWS's. A claim without any proof is not
allowed. Limits of AWS that no code of Slipway shows or lifts, and what a blueprint reaches in its account (UNLIFTED), have to be on the
page for the reader who meets them. docs/reliability-faults.md has each finding of RELIABILITY once: with a check, or under DISPUTED with
a reason and a page.

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
FAULTS = ("reliability", "aws-faults", "blueprint-faults", "reliability-faults")
DISPUTED = "## Disputed or not corrected"
# The findings of docs/reliability-faults.md: how many each source has, or which. A finding with several parts has rows `R1a`, `R1b`.
RELIABILITY = {
    "K": range(1, 15),
    "R": range(1, 15),
    "B": range(1, 3),
    "M": range(1, 10),
    "m": range(1, 22),
    "S": [2, 9, *range(11, 17)],
    "U": range(4, 12),
}
# How many parts the findings have that are more than one fault.
PARTS = (
    {"R1": 3, "R3": 3, "R4": 3, "R6": 2, "R8": 3, "R10": 2, "R11": 2, "R14": 9}
    | {"B2": 2, "M3": 2, "M8": 2, "m17": 2}
    | {"S2": 5, "S11": 2, "S13": 2, "S16": 11}
    | {"U4": 3, "U6": 3, "U8": 2, "U10": 4, "U11": 2}
)
FINDING = re.compile(r"([A-Za-z]\d+)([a-z]?)\. ")
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
    "the role of an environment has actions with a wildcard": r"may call every action of its `Services`, such as `ecs:\*`",
    "a blueprint acts with the role of an instance": r"\| `ssm` \| `ssm:SendCommand` and `ssm:StartSession` on an instance that has",
    "a blueprint acts with the role of a build project": r"\| `codebuild` \| `codebuild:StartBuild` of a project that has another role",
    "a blueprint acts with the role of a task": r"\| `ecs` \| `ecs:ExecuteCommand` in a task that has another role",
    "an account that holds something else is at risk": r"\*\*Use an account that holds nothing else, one for each environment",
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


def proven(text: str) -> str:
    """A page of FAULTS without the faults that no check has to prove."""
    return text.partition(DISPUTED)[0]


def completeness(text: str) -> Iterator[str]:
    """Which findings of RELIABILITY the page lacks, or has twice, and which disputed ones have no reason or page."""
    parts: dict[str, list[str]] = {}
    for row in faults(text):
        if not (found := FINDING.match(row[0])):
            yield f"{row[0]}: the row has no ID of a finding"
            continue
        parts.setdefault(found[1], []).append(found[2])
    expected = {f"{source}{number}" for source, numbers in RELIABILITY.items() for number in numbers}
    yield from (f"{finding} is missing" for finding in sorted(expected - parts.keys()))
    yield from (f"{finding} is no known finding" for finding in sorted(parts.keys() - expected))
    for finding, letters in parts.items():
        count = PARTS.get(finding, 1)
        letters_of_all = [chr(ord("a") + place) for place in range(count)] if count > 1 else [""]
        if sorted(letters) != letters_of_all:
            yield f"{finding} has the parts {sorted(letters)} instead of {letters_of_all}"
    for fault, reason, page in faults(text.partition(DISPUTED)[2]):
        if not reason or not re.search(r"\]\([\w.-]+\.md(#[\w-]+)?\)", page):
            yield f"{fault}: a fault without a check needs a reason, and a page that says so"


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


def self_test_of_completeness(page: str) -> int:
    """Changes the page of RELIABILITY, and expects each finding."""
    changes = {
        "R5 is missing": ("| R5. ", "| R4d. "),
        "R99 is no known finding": ("| R5. ", "| R99. "),
        "R12 has the parts": ("| R13. ", "| R12. "),
        "R14 has the parts": ("| R14c. ", "| R14b. "),
        "S16 has the parts": ("| S16b. ", "| m14. "),
        "has no ID of a finding": ("| R5. ", "| "),
        "needs a reason": ("[Stack](concepts.md#stack)", "–"),
    }
    for expected, (old, new) in changes.items():
        if old not in page:
            sys.exit(f"self-test: docs/reliability-faults.md has no {old} any more")
        found = list(completeness(page.replace(old, new, 1)))
        if not any(expected in finding for finding in found):
            sys.exit(f"self-test: expected `{expected}`, found {found or 'nothing'}")
    return len(changes)


def self_test(text: str, pages: dict[str, str], tests: set[str], checks: set[str]):
    reliability = pages["reliability"]
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
    for said in ("needs Zig", "when you deploy", "`ecs:*`", "`ssm:SendCommand`", "`codebuild:StartBuild`", "`ecs:ExecuteCommand`"):
        if not list(unlifted(text.replace(said, ""))):
            sys.exit(f"self-test: the page without `{said}` is not found")
    for expected, (old, new) in changes.items():
        if old not in text:
            sys.exit(f"self-test: the table has no {old} any more")
        found = list(findings(text.replace(old, new), tests, checks))
        if not any(expected in finding for finding in found):
            sys.exit(f"self-test: expected `{expected}`, found {found or 'nothing'}")
    count = len(changes) + 8 + self_test_of_completeness(pages["reliability-faults"])
    print(f"self-test: each of {count} changes is found")


def main():
    arguments = argparse.ArgumentParser(description="Checks that the table of proofs in docs/aws.md names what exists.")
    arguments.add_argument("--self-test", action="store_true")
    text = (ROOT / "docs/aws.md").read_text()
    if found := list(unlifted(text)):
        sys.exit("\n".join(found))
    tests, checks = tests_of(ROOT), checks_of(ROOT)
    pages = {page: (ROOT / f"docs/{page}.md").read_text() for page in FAULTS}
    if arguments.parse_args().self_test:
        return self_test(text, pages, tests, checks)
    found = [*findings(text, tests, checks), *completeness(pages["reliability-faults"])]
    found += [finding for page in pages.values() for finding in fault_findings(proven(page), tests)]
    print(*found, sep="\n")
    if found:
        sys.exit(f"docs/aws.md, or docs/{', '.join(FAULTS)}, name proofs that do not exist: {len(found)}")
    counts = f"{len(rows(text))} claims and {sum(len(faults(proven(page))) for page in pages.values())} faults"
    return print(f"docs/aws.md and docs/{', '.join(FAULTS)}: {counts}, each with a proof that exists")


if __name__ == "__main__":
    main()
