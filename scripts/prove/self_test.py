"""Faults, injected on an emulator: each must be seen, and nothing may be left of any run."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from checks import IN_ORDER, Check, Seen, Setting
from cloud import Cloud


def run(endpoint: str | None):
    # Here, because the program imports this module.
    import __main__ as program  # noqa: PLC0415

    if endpoint is None:
        sys.exit("--self-test needs the --endpoint of an emulator")
    real = [Check("X", "a claim", lambda _: Seen(True, "as claimed"), "")]
    with tempfile.TemporaryDirectory() as folder:
        cloud = Cloud("eu-west-1", endpoint, journal=Path(folder) / "journal.json")
        never_passed_on_an_emulator(program, cloud, real)
        another_account_is_refused(program, cloud)
        a_check_that_breaks_is_no_proof(program, cloud)
        what_is_made_is_removed_after_a_failure(program, cloud)
        what_others_made_stays(cloud)
    print("self-test: five faults are seen, and nothing is left")


def never_passed_on_an_emulator(program, cloud: Cloud, real: list[Check]):
    setting = Setting(cloud, deployment=object())
    rows = [program.run(check, setting, program.time.monotonic()) for check in real + IN_ORDER]
    assert all(row.outcome in ("not shown", "not run") for row in rows), rows
    cloud.clean_up()


def another_account_is_refused(program, cloud: Cloud):
    for said in ("999999999999", ""):
        try:
            program.confirm(cloud, None, said)
        except SystemExit as refused:
            assert "nothing was made" in str(refused), refused
        else:
            raise AssertionError(f"{said!r} is taken for the account")
    assert not cloud.made


def a_check_that_breaks_is_no_proof(program, cloud: Cloud):
    class Account(Cloud):
        is_emulator = False

    account = Account("eu-west-1", cloud.endpoint, journal=cloud.journal)
    broken = Check("X", "a claim", lambda _: 1 / 0, "")
    row = program.run(broken, Setting(account, deployment=object()), program.time.monotonic())
    assert row.outcome == "broken" and "ZeroDivisionError" in row.evidence, row
    late = program.run(broken, Setting(account, deployment=object()), program.time.monotonic() - 3600)
    assert late.outcome == "not run", late


def what_is_made_is_removed_after_a_failure(program, cloud: Cloud):
    sqs, iam = cloud.client("sqs"), cloud.client("iam")
    sqs.create_queue(QueueName=cloud.making("queue", cloud.name("queue")))
    iam.create_role(RoleName=cloud.making("role", cloud.name("role")), AssumeRolePolicyDocument="{}")
    # Written down and never made, as if the call had failed.
    cloud.making("bucket", cloud.name("bucket"))
    left = program.end(Cloud.of_journal(cloud.journal), [])
    assert left == [] and not cloud.journal.exists(), left
    assert not [it for it in iam.list_roles()["Roles"] if cloud.run in it["RoleName"]]
    assert not [it for it in sqs.list_queues().get("QueueUrls", []) if cloud.run in it]
    cloud.made.clear()


def what_others_made_stays(cloud: Cloud):
    sqs = cloud.client("sqs")
    url = sqs.create_queue(QueueName="of-others")["QueueUrl"]
    cloud.made.append({"kind": "queue", "name": "of-others"})
    left = cloud.clean_up()
    assert len(left) == 1 and "not the id of this run" in left[0], left
    assert url in sqs.list_queues()["QueueUrls"]
    cloud.made.clear()
    sqs.delete_queue(QueueUrl=url)
