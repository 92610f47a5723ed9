"""Proves on a real AWS account what no documentation settles. See `scripts/prove_on_aws --help`."""

from __future__ import annotations

import argparse
import signal
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import self_test
from checks import IN_ORDER, Check, NotRun, Setting
from cloud import Cloud
from deployment import deploy

ABOUT = """Deploys Slipway to an AWS account of its own kind of name, runs each check of docs/aws.md that only a real account can answer,
prints a table of what it saw, and removes everything that it made.

It asks for the id of the account before it makes anything. All that it makes is called slipway-prove-<id of the run>, has the tag
slipway:prove, and is written into the journal before it is made; a failure and Ctrl-C remove it too, and --clean-up removes what a crash
left. It takes up to half an hour and costs under a dollar.

Outcomes: `passed` or `failed` for what Slipway relies on, `yes` or `no` where it works with either answer, `broken` where the check itself
ended with an error, `not run` with the reason. With --endpoint it runs against an emulator, as far as that goes. A row is then
`not shown`, and says what the emulator cannot show."""

# From the start: what has not begun by then is not run, so that there is time to remove everything.
BEGIN_WITHIN = 20


@dataclass(frozen=True)
class Row:
    id: str
    claim: str
    outcome: str
    evidence: str
    seconds: float = 0


def main():
    given = arguments()
    if given.self_test:
        return self_test.run(given.endpoint)
    if given.clean_up:
        return end(Cloud.of_journal(given.clean_up), [])
    cloud = Cloud(given.region, given.endpoint, given.profile, journal=given.journal)
    second = None
    if given.second_profile:
        second = Cloud(given.region, None, given.second_profile, cloud.run, given.journal.with_suffix(".second.json"))
    confirm(cloud, second, given.account)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("stopped"))
    setting = Setting(cloud, None, second, given.with_database)
    rows: list[Row] = []
    try:
        prove(setting, given.binaries, given.architecture, rows)
    except KeyboardInterrupt:
        print("stopped: removing what was made", flush=True)
    finally:
        # A second Ctrl-C must not leave anything behind.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        table(rows)
        left = end(cloud, end(second, []) if second else [])
    # What was only run on an emulator proves nothing, and fails nothing.
    failed = [row for row in rows if row.outcome in ("failed", "broken")]
    sys.exit(1 if failed or left else 0)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/prove_on_aws", description=ABOUT, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binaries", type=Path, default=Path("target/lambda"), help="the built functions [default: target/lambda]")
    parser.add_argument("--architecture", choices=["arm64", "x86_64"], default="arm64", help="what they are built for [default: arm64]")
    parser.add_argument("--region", default="eu-west-1", help="the Region [default: eu-west-1]")
    parser.add_argument("--profile", help="the AWS profile of the account")
    parser.add_argument("--second-profile", help="the AWS profile of an environment's account")
    parser.add_argument("--account", help="the account's id, instead of being asked for it")
    parser.add_argument("--with-database", action="store_true", help="also make a database, for the check of snapshots")
    parser.add_argument("--endpoint", help="the address of an emulator")
    parser.add_argument("--journal", type=Path, default=Path("prove-journal.json"), help="what is made [default: prove-journal.json]")
    parser.add_argument("--clean-up", type=Path, metavar="JOURNAL", help="remove what a journal names, and end")
    parser.add_argument("--self-test", action="store_true", help="inject faults on the emulator at --endpoint, and expect each to be seen")
    return parser.parse_args()


def confirm(cloud: Cloud, second: Cloud | None, said: str | None):
    """Goes on only if the account is named."""
    if cloud.journal.exists():
        sys.exit(f"{cloud.journal} is of an earlier run; remove what it names with --clean-up {cloud.journal}")
    account = cloud.account
    print(f"This makes resources called {cloud.run}-… in the account {account}, Region {cloud.region}.", flush=True)
    if second:
        print(f"It makes an environment in the account {second.account} as well.", flush=True)
    if said is None:
        said = input("Type the id of the account to go on: ").strip()
    if said != account:
        sys.exit(f"the account is {account}, not {said or 'named'}; nothing was made")


def prove(setting: Setting, binaries: Path, architecture: str, rows: list[Row]):
    """Deploys, and runs every check; a row for each."""
    begun = time.monotonic()
    cloud = setting.cloud
    try:
        setting.deployment = deploy(cloud, binaries, architecture, setting.second and setting.second.account)
        outcome = "ran" if cloud.is_emulator else "passed"
        rows.append(Row("deploy", "the template deploys", outcome, f"{len(setting.deployment.outputs)} outputs", time.monotonic() - begun))
    except Exception as error:
        rows.append(Row("deploy", "the template deploys", "failed", str(error), time.monotonic() - begun))
    for check in IN_ORDER:
        row = run(check, setting, begun)
        rows.append(row)
        print(f"{row.id}: {row.outcome}", flush=True)


def run(check: Check, setting: Setting, begun: float) -> Row:
    """One check. Only a real account can let it pass."""
    started = time.monotonic()

    def row(outcome: str, evidence: str) -> Row:
        return Row(check.id, check.claim, outcome, evidence, time.monotonic() - started)

    if setting.deployment is None:
        return row("not run", "the deployment failed")
    if started - begun > BEGIN_WITHIN * 60:
        return row("not run", f"{BEGIN_WITHIN} minutes are over")
    try:
        seen = check.run(setting)
    except Exception as error:
        evidence = f"{type(error).__name__}: {error}"
        if setting.cloud.is_emulator:
            return row("not shown", f"{check.emulator}; {evidence}")
        return row("broken", evidence)
    if isinstance(seen, NotRun):
        return row("not run", seen.why)
    if setting.cloud.is_emulator:
        return row("not shown", f"{check.emulator}; seen: {seen.evidence}")
    outcomes = ("no", "yes") if check.either else ("failed", "passed")
    return row(outcomes[seen.holds], seen.evidence)


def table(rows: list[Row]):
    print("\n| check | claim | outcome | s | evidence |\n| --- | --- | --- | --- | --- |")
    for row in rows:
        evidence = " ".join(row.evidence.split()).replace("|", "/")[:300]
        print(f"| {row.id} | {row.claim} | {row.outcome} | {row.seconds:.0f} | {evidence} |", flush=True)


def end(cloud: Cloud, left: list[str]) -> list[str]:
    """Removes what was made, and says what is left."""
    left = left + cloud.clean_up()
    for it in left:
        print(f"not removed: {it}; remove it with --clean-up {cloud.journal}", flush=True)
    if not left:
        print(f"everything called {cloud.run}-… is removed", flush=True)
    return left


if __name__ == "__main__":
    main()
