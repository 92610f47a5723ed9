#!/usr/bin/env python3
"""Takes every blueprint through its life with real Terraform and a provider that calls nothing, and runs all tests of the modules.

    export TF_CLI_CONFIG_FILE=.../terraformrc      # of the stand-in provider, see CONTRIBUTING.md
    scripts/check_blueprints.py [MODULE ...]       # names of folders in tf/blueprints and tf/modules; all if left out

For each module: init, validate, and `terraform test` for each file of tests. For each blueprint: a plan of every update in
`tests/updates.json` (blueprint_updates.py; the column of resources counts them). For each case of a blueprint,
`tests/life/CASE.tfvars.json`: plan, apply, a second plan that is empty, the one variable of `CASE.update.tfvars.json` changed in place,
or the changes in `tests/changes/CASE.json` one after the other, destroy until nothing is left. After the apply the resources are held
to the rules in blueprint_state.py, and a stack of an earlier version keeps its resources (`tests/moved/CASE.json`, blueprint_moves.py). All
of it happens in a copy, in target/blueprints.

A command would start the provider several times and decode a schema of 2,400 types. So each line of the table has one process of the
provider (tf/testing/provider/fakeprov/attach.py), with the types that tf/ names.
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import blueprint_moves
import blueprint_updates
from blueprint_state import addresses, broken_rules, policies

ROOT = Path(__file__).resolve().parent.parent
COPY = ROOT / "target" / "blueprints"
# The types of AWS's provider that tf/ names, and every other word like them.
TYPES = COPY / "types"
# Two Terraforms and their providers keep two cores busy.
AT_A_TIME = 2
# What the runner writes next to every blueprint: where it deploys to, and the tags of the stack.
OVERRIDE = {
    "terraform": [{"backend": [{"local": [{}]}]}],
    "provider": [{"aws": [{"region": "eu-west-1", "default_tags": [{"tags": {"slipway:environment": "check"}}]}]}],
}


class Failure(Exception):
    """A check that did not hold, with what Terraform said."""


@dataclass
class Change:
    """Other values for a stack, and what goes with them, by the start of its addresses: all of it, and nothing else."""

    variables: dict[str, object]
    goes: list[str] = field(default_factory=list)


@dataclass
class Row:
    """A line of the table: what was done, how long it took in seconds, and what went wrong."""

    module: str
    case: str
    resources: int | None = None
    seconds: dict[str, float] = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict)
    failure: str | None = None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("module", nargs="*", help="names of folders in tf/blueprints and tf/modules; all if left out")
    wanted = parser.parse_args().module
    if "TF_CLI_CONFIG_FILE" not in os.environ:
        sys.exit("set TF_CLI_CONFIG_FILE to the terraformrc of the stand-in provider: CONTRIBUTING.md says how to get it")
    folders = [path for path in sorted((ROOT / "tf").glob("*/*")) if any(path.glob("*.tf"))]
    unknown = set(wanted) - {folder.name for folder in folders}
    if unknown:
        sys.exit(f"no module is called {', '.join(sorted(unknown))}; there are {', '.join(folder.name for folder in folders)}")
    folders = [COPY / folder.relative_to(ROOT) for folder in folders if not wanted or folder.name in wanted]

    began = time.monotonic()
    copy()
    with ThreadPoolExecutor(AT_A_TIME) as pool:
        rows = list(pool.map(initialised, folders))
        ready = [folder for folder, row in zip(folders, rows, strict=True) if row.failure is None]
        # The longest first, so that none is left alone at the end.
        todo = sorted((work for folder in ready for work in works(folder)), key=length, reverse=True)
        rows += pool.map(lambda work: work[0](*work[1:]), todo)
    report(rows, time.monotonic() - began)


def copy() -> None:
    """Copies tf/, so that lock files and states with stand-ins do not disturb the working folder."""
    shutil.rmtree(COPY, ignore_errors=True)
    leave = shutil.ignore_patterns(".terraform", ".terraform.lock.hcl", "*.tfstate*", "testing")
    shutil.copytree(ROOT / "tf", COPY / "tf", ignore=leave)
    texts = [path.read_text(encoding="utf-8") for path in COPY.rglob("*") if path.suffix in (".tf", ".hcl", ".json")]
    TYPES.write_text("\n".join(sorted({name for text in texts for name in re.findall(r"\baws_\w+", text)})), encoding="utf-8")


def works(folder: Path) -> list[tuple[Any, ...]]:
    """What there is to do in a module that is initialised."""
    work: list[tuple[Any, ...]] = []
    work += [(tested, folder, tests) for tests in sorted((folder / "tests").glob("*.tftest.hcl"))]
    if folder.parent.name == "blueprints":
        cases = sorted(path for path in (folder / "tests" / "life").glob("*.tfvars.json") if not path.name.endswith(".update.tfvars.json"))
        work += [(lived, folder, case) for case in cases] or [(without_cases, folder)]
        work.append((updated, folder))
    return work


def length(work: tuple) -> int:
    """How long it takes, roughly, in runs of a test."""
    if work[0] is updated:
        return 40
    if work[0] is tested:
        return work[2].read_text(encoding="utf-8").count("\nrun ")
    return 15 if work[0] is lived and changes_of(work[2]).is_file() else 5


def without_cases(folder: Path) -> Row:
    return Row(folder.name, "", failure="a blueprint has at least one case, tests/life/CASE.tfvars.json: see CONTRIBUTING.md")


def initialised(folder: Path) -> Row:
    row = Row(folder.name, "(module)")
    if folder.parent.name == "blueprints":
        (folder / "slipway_override.tf.json").write_text(json.dumps(OVERRIDE), encoding="utf-8")
    return guarded(row, lambda: [terraform(row, folder, step, step, "-no-color") for step in ("init", "validate")])


def tested(folder: Path, tests: Path) -> Row:
    row = Row(folder.name, f"({tests.name.removesuffix('.tftest.hcl')})")

    def test() -> None:
        said = terraform(row, folder, "test", "test", "-no-color", f"-filter={tests.relative_to(folder)}")
        if "Success! 0 passed" in said:
            raise Failure(f"{tests.name} holds no run")

    return attached(row, folder, test)


def updated(folder: Path) -> Row:
    """Plans every update that a blueprint's tests/updates.json names, from one live stack, and what the examples ask for."""
    row = Row(folder.name, "(updates)")

    def update() -> None:
        updates = blueprint_updates.read(folder)
        if updates is None:
            raise Failure("there is no tests/updates.json: an update of each variable, and what it does")
        sources = [path.read_text(encoding="utf-8") for path in (*folder.glob("*.tf"), *(COPY / "tf" / "modules").glob("*/*.tf"))]
        declared = [
            name for text in sources[: len(list(folder.glob("*.tf")))] for name in re.findall(r'^variable "(\w+)"', text, re.MULTILINE)
        ]
        wrong = [f"no update changes {name}" for name in blueprint_updates.missing(updates, declared)]
        try:
            asked = blueprint_updates.requests(ROOT / "examples", folder.name, declared)
        except blueprint_updates.Overlap as overlap:
            raise Failure(str(overlap)) from overlap
        (folder / "tests" / "updates.tftest.hcl").write_text(blueprint_updates.test_file(updates, asked), encoding="utf-8")
        said = terraform(row, folder, "update", "test", "-json", "-verbose", "-filter=tests/updates.tftest.hcl", accept=(0, 1))
        wrong += blueprint_updates.judged(updates, asked, said, "\n".join(sources))
        row.resources = len(updates.updates)
        if wrong:
            raise Failure("\n".join(wrong))

    return attached(row, folder, update)


def lived(folder: Path, case: Path) -> Row:
    # A stack id, of its length: what is too long with it would be too long for every stack. Each case has a state of its own.
    stack = f"{sorted(case.parent.iterdir()).index(case):05}".translate(str.maketrans("0123456789", "bdfghjklmn")) + "-lusab"
    row = Row(folder.name, case.name.removesuffix(".tfvars.json"))
    row.environment["TF_WORKSPACE"] = stack
    # What exists, so that the stand-in refuses what AWS refuses of a live stack.
    row.environment["FAKE_AWS_WORLD"] = str(folder / f"{stack}.world")
    return attached(row, folder, lambda: live(row, folder, case, stack))


def live(row: Row, folder: Path, case: Path, stack: str) -> None:
    run = lambda step, *arguments, accept=(0,): terraform(row, folder, step, *arguments, accept=accept)  # noqa: E731
    state_now = lambda: json.loads((folder / "terraform.tfstate.d" / stack / "terraform.tfstate").read_text(encoding="utf-8"))  # noqa: E731
    quiet = ["-no-color", "-input=false"]

    run("plan", "plan", *quiet, f"-var-file={case}", f"-out={stack}.plan")
    run("apply", "apply", *quiet, f"{stack}.plan")
    state = state_now()
    row.resources = sum(len(resource["instances"]) for resource in state["resources"] if resource["mode"] == "managed")
    keep_contract(row, state, "applied")
    keep_policies(row, state)
    broken = broken_rules(state, stack, json.loads(case.read_text(encoding="utf-8")))
    if broken:
        raise Failure("\n".join(broken))
    again = run("second plan", "plan", *quiet, f"-var-file={case}", "-detailed-exitcode", accept=(0, 2))
    if "No changes." not in again:
        raise Failure(f"a second plan is not empty:\n{again}")

    keep_moved(row, folder, case, state)

    values = json.loads(case.read_text(encoding="utf-8"))
    chain = changes(case)
    for number, change in enumerate(chain, 1):
        values |= change.variables
        (folder / f"{stack}.tfvars.json").write_text(json.dumps(values), encoding="utf-8")
        # The resources have just been checked.
        known = ["-input=false", "-refresh=false", f"-var-file={stack}.tfvars.json"]
        # What it plans is judged when it is done: nothing is lost here, and a plan of its own takes as long again.
        as_said(run("update", "apply", *known, "-json", "-auto-approve"), change)
        keep_contract(row, state_now(), f"changed-{number}")
        left = [address for address in addresses(state_now()) if address.startswith(tuple(change.goes))]
        if left:
            raise Failure(f"{json.dumps(change.variables)} leaves {', '.join(left)}")
        # The plan of the next change would hide what this one left undone.
        if len(chain) > 1 and "No changes." not in (again := run("update", "plan", *known, "-no-color")):
            raise Failure(f"a plan after {json.dumps(change.variables)} is not empty:\n{again}")
    if values.get("deletion_protection"):
        # AWS refuses to delete what is protected: an update takes the protection away first, as the READMEs say.
        (folder / f"{stack}.tfvars.json").write_text(json.dumps(values | {"deletion_protection": False}), encoding="utf-8")
        run("update", "apply", *known, "-no-color", "-auto-approve")
    run("destroy", "destroy", *known, "-no-color", "-auto-approve")
    left = addresses(state_now())
    if left:
        raise Failure(f"destroy leaves {', '.join(left)}")


def keep_moved(row: Row, folder: Path, case: Path, state: dict) -> None:
    """Plans the stack as an earlier version made it."""
    listed = case.parent.parent / "moved" / case.name.replace(".tfvars", "")
    if not listed.is_file():
        return
    earlier = blueprint_moves.earlier_state(folder, state)
    path = folder / f"{case.name}.tfstate"
    path.write_text(json.dumps(earlier), encoding="utf-8")
    # In a folder of states of its own: the stack itself stays as it is.
    said = terraform(row, folder, "second plan", "plan", "-input=false", "-refresh=false", "-json", f"-var-file={case}", f"-state={path}")
    wrong = list(blueprint_moves.problems(json.loads(listed.read_text(encoding="utf-8")), earlier, said))
    if wrong:
        raise Failure(f"a stack of an earlier version: {', '.join(wrong)}")


def keep_contract(row: Row, state: dict, when: str) -> None:
    """Keeps the contract of the blueprint, for the test of crates/model that parses it as Slipway does."""
    if "slipway" not in state["outputs"]:
        raise Failure("there is no output `slipway`: it is all that Slipway knows of a stack, if only its endpoints")
    path = COPY / "contracts" / f"{row.module}-{row.case}-{when}.json"
    path.parent.mkdir(exist_ok=True)
    # The test may run meanwhile: it sees whole files.
    part = COPY / path.name
    part.write_text(json.dumps(state["outputs"]["slipway"]["value"], indent=2), encoding="utf-8")
    part.replace(path)


def keep_policies(row: Row, state: dict) -> None:
    """Keeps the policies that the blueprint makes, for check_policies.py, which holds them to AWS's authorization tables."""
    path = COPY / "policies" / f"{row.module}-{row.case}.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(policies(state), indent=2), encoding="utf-8")


def changes_of(case: Path) -> Path:
    return case.parent.parent / "changes" / case.name.replace(".tfvars.json", ".json")


def changes(case: Path) -> list[Change]:
    """What a case goes through between its apply and its destroy."""
    if changes_of(case).is_file():
        return [Change(**change) for change in json.loads(changes_of(case).read_text(encoding="utf-8"))]
    update = case.with_name(case.name.replace(".tfvars.json", ".update.tfvars.json"))
    if not update.is_file():
        raise Failure(f"{update.name} is missing: one variable with another value, which the stack takes in place")
    changed = json.loads(update.read_text(encoding="utf-8"))
    if len(changed) != 1:
        raise Failure(f"{update.name} changes one variable, not {len(changed)}")
    return [Change(changed)]


def as_said(messages: str, change: Change) -> None:
    """Refuses a plan, in Terraform's JSON messages, that updates nothing, or that replaces or deletes what is not to go."""
    said = json.dumps(change.variables)
    planned = [message["change"] for message in map(json.loads, messages.splitlines()) if message["type"] == "planned_change"]
    of = lambda *actions: [change["resource"]["addr"] for change in planned if change["action"] in actions]  # noqa: E731
    wrong = of("replace", "remove", "move") + [address for address in of("delete") if not address.startswith(tuple(change.goes))]
    if wrong:
        raise Failure(f"{said} deletes or replaces {', '.join(sorted(wrong))}")
    if not of("update"):
        raise Failure(f"{said} updates nothing in place")


def terraform(row: Row, folder: Path, step: str, *arguments: str, accept: tuple[int, ...] = (0,)) -> str:
    """Runs Terraform, counts its time to a step of the row, and answers what it said."""
    began = time.monotonic()
    command = ("terraform", *arguments)
    done = subprocess.run(command, cwd=folder, env=environment(row), text=True, capture_output=True, check=False)
    row.seconds[step] = row.seconds.get(step, 0) + time.monotonic() - began
    if done.returncode not in accept:
        raise Failure(f"terraform {arguments[0]} failed:\n{done.stdout}{done.stderr}")
    return done.stdout


def environment(row: Row) -> dict[str, str]:
    """The environment of Terraform and of the provider."""
    # Collecting garbage less often takes a quarter off Terraform's time.
    own = {"TF_IN_AUTOMATION": "1", "AWS_REGION": "eu-west-1", "GOGC": "400", "FAKE_AWS_TYPES": str(TYPES)}
    return {**os.environ, **own, **row.environment}


def attached(row: Row, folder: Path, work: Callable[[], object]) -> Row:
    """Does the work of a row with a process of the provider of its own."""
    installed = Path(os.environ["TF_CLI_CONFIG_FILE"]).parent
    command = (installed / "venv" / "bin" / "python", "-I", installed / "run.py", "attach")
    with subprocess.Popen(command, cwd=folder, env=environment(row), text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as provider:
        # It ends with its standard input, at the end of this block.
        line = provider.stdout.readline() if provider.stdout else ""
        if not line:
            sys.exit(f"{installed} has no provider that starts: install it as CONTRIBUTING.md says")
        row.environment["TF_REATTACH_PROVIDERS"] = line
        return guarded(row, work)


def guarded(row: Row, work: Callable[[], object]) -> Row:
    try:
        work()
    except Failure as failure:
        row.failure = str(failure)
    return row


def report(rows: list[Row], seconds: float) -> None:
    steps = ["init", "validate", "test", "plan", "apply", "second plan", "update", "destroy"]
    table = [["module", "case", "resources", *steps, ""]]
    for row in sorted(rows, key=lambda row: (row.module, row.case)):
        figures = [f"{row.seconds[step]:.1f}" if step in row.seconds else "" for step in steps]
        table.append([row.module, row.case, str(row.resources or ""), *figures, "FAILED" if row.failure else ""])
    widths = [max(len(line[column]) for line in table) for column in range(len(table[0]))]
    for line in table:
        print("  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip())
    failed = [row for row in rows if row.failure]
    for row in failed:
        print(f"\n{row.module} {row.case}: {row.failure}", file=sys.stderr)
    print(f"{len(rows) - len(failed)} of {len(rows)} held, in {seconds:.0f} s")
    if failed:
        sys.exit(1)


if __name__ == "__main__":
    main()
