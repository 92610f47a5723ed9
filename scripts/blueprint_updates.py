"""What an update of a live stack does, variable by variable: in place, by replacing resources, or not at all with a message.

`tests/updates.json` of a blueprint says it. `base` are the variables of a live stack, and each of `updates` is:

    {"variable": "services.port", "to": {"services": {"web": {"port": 3001}}}, "does": "in place"}
    {..., "does": "replaces", "replaces": ["module.service.aws_ecs_service.this"], "note": "what a reader has to know"}
    {..., "does": "rejected", "by": "terraform_data.network", "says": "stays in the network"}

`to` is a merge patch of the base: null takes a value away. All plans of a blueprint are runs of one `terraform test`. Updates that are in
place share plans: one that replaces nothing shows it of each. `"alone": true` keeps one out of them, where it does not go with others, and
UPDATES_ALONE=1 all, to find the one that is wrong. What a plan does is also held to what AWS is known to refuse half-way (`aws_refuses`).
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# What AWS deletes only when nothing uses it.
HELD = {
    "aws_acm_certificate", "aws_db_parameter_group", "aws_db_subnet_group", "aws_ecs_capacity_provider", "aws_elasticache_subnet_group",
    "aws_lb_target_group", "aws_rds_cluster_parameter_group", "aws_security_group", "aws_subnet", "aws_vpc",
}  # fmt: skip
# What holds data that no other has.
KEPT = {"aws_db_instance", "aws_ecr_repository", "aws_elasticache_replication_group", "aws_rds_cluster", "aws_s3_bucket", "aws_sqs_queue"}
# What has requests while it is replaced.
SERVING = {"aws_lb_listener_rule"}
NAMES = {
    "aws_cloudwatch_log_group": "name", "aws_db_parameter_group": "name", "aws_iam_role": "name", "aws_lb": "name",
    "aws_lb_target_group": "name",
}  # fmt: skip
# How many updates that are in place share a plan.
TOGETHER = 16


@dataclass(frozen=True)
class Update:
    """A change of one variable, or of one attribute of it, and what it does."""

    variable: str
    to: dict[str, Any]
    does: str
    replaces: tuple[str, ...] = ()
    by: str | None = None
    says: str | None = None
    note: str = ""
    alone: bool = False


@dataclass(frozen=True)
class Updates:
    base: dict[str, Any]
    updates: tuple[Update, ...]


def read(blueprint: Path) -> Updates | None:
    path = blueprint / "tests" / "updates.json"
    if not path.is_file():
        return None
    found = json.loads(path.read_text(encoding="utf-8"))
    return Updates(found["base"], tuple(Update(**{**each, "replaces": tuple(each.get("replaces", ()))}) for each in found["updates"]))


def missing(updates: Updates, variables: list[str]) -> list[str]:
    """The variables that no update changes, and the updates of variables that there are not."""
    changed = {update.variable.split(".")[0] for update in updates.updates}
    return sorted(set(variables) - changed) + sorted(f"{name}, which there is not" for name in changed - set(variables))


def merged(base: Any, patch: Any) -> Any:
    """A merge patch (RFC 7396) applied."""
    if not isinstance(patch, dict):
        return patch
    result = dict(base) if isinstance(base, dict) else {}
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        else:
            result[name] = merged(result.get(name), value)
    return result


def runs(updates: Updates) -> dict[str, list[Update]]:
    """The updates by the run that plans them; those that modules reject are in the last one, as no run may expect it."""
    groups: list[list[Update]] = []
    for update in updates.updates:
        if update.does == "in place" and update.by is None and not update.alone and not os.environ.get("UPDATES_ALONE"):
            fit = [
                group for group in groups if len(group) < TOGETHER and _shares(group[0]) and all(_fits(update.to, one.to) for one in group)
            ]
            if fit:
                fit[0].append(update)
                continue
        if not (update.by or "").startswith("module."):
            groups.append([update])
    found = {f"update_{number}": group for number, group in enumerate(groups)}
    inner = [update for update in updates.updates if (update.by or "").startswith("module.")]
    return {**found, "in_modules": inner} if inner else found


def _shares(update: Update) -> bool:
    return update.does == "in place" and update.by is None and not update.alone


def _fits(one: Any, two: Any) -> bool:
    """Whether two patches say nothing different of the same value."""
    if isinstance(one, dict) and isinstance(two, dict):
        return all(_fits(one[name], two[name]) for name in one.keys() & two.keys())
    return one == two


class Overlap(Exception):
    """A request that says what its environment gives, which Slipway refuses."""


def requests(examples: Path, blueprint: str, declared: list[str]) -> dict[str, dict[str, Any]]:
    """The requests of the examples for a blueprint, with what their environments give, by names of runs."""
    found = {}
    for path in sorted(examples.glob("*/*.json")):
        request = json.loads(path.read_text(encoding="utf-8"))
        environment = examples / "environments" / f"{path.stem}.json"
        if not isinstance(request, dict) or request.get("blueprint") != blueprint or not environment.is_file():
            continue
        given = json.loads(environment.read_text(encoding="utf-8"))["variables"]
        both = sorted(given.keys() & request["variables"].keys())
        if both:
            raise Overlap(f"{path.parent.name}/{path.name}: the environment gives {', '.join(both)}; leave it out of the request")
        values = {name: value for name, value in given.items() if name in declared} | request["variables"]
        found[f"{path.parent.name}_{path.stem}".replace("-", "_")] = values
    return found


def test_file(updates: Updates, asked: dict[str, dict[str, Any]]) -> str:
    """Runs that plan what examples ask for, each a new stack, then make the base and plan the updates."""
    lines: list[str] = []
    for name, values in asked.items():
        lines += [f'run "{name}" {{', "  command = plan", f'  state_key = "{name}"', "  variables {", *_assignments(values), "  }", "}", ""]
    lines += ['run "base" {', "  variables {", *_assignments(updates.base), "  }", "}", ""]
    for name, group in runs(updates).items():
        patch: dict[str, Any] = {}
        for update in group:
            # Not `merged`, which would apply a null.
            patch = _combined(patch, update.to)
        changed = updates.base | {variable: merged(updates.base.get(variable), value) for variable, value in patch.items()}
        # The base has just been made: to read it again takes a tenth of the time.
        lines += [f'run "{name}" {{', "  command = plan", "  plan_options {", "    refresh = false", "  }"]
        lines += ["  variables {", *_assignments(changed), "  }"]
        lines += [f"  expect_failures = [{group[0].by}]"] if group[0].by and name != "in_modules" else []
        lines += ["}", ""]
    return "\n".join(lines) + "\n"


def _combined(one: Any, two: Any) -> Any:
    if isinstance(one, dict) and isinstance(two, dict):
        return {**one, **{name: _combined(one[name], value) if name in one else value for name, value in two.items()}}
    return two


def _assignments(values: dict[str, Any]) -> list[str]:
    # JSON is HCL but for what starts a template.
    return [
        f"    {name} = {json.dumps(value, ensure_ascii=False).replace('${', '$${').replace('%{', '%%{')}" for name, value in values.items()
    ]


def judged(updates: Updates, asked: dict[str, dict[str, Any]], output: str, sources: str) -> Iterator[str]:
    """What `terraform test -json -verbose` said that is not as the updates say."""
    ends: dict[str, str] = {}
    plans: dict[str, dict] = {}
    said: dict[str, list[str]] = {}
    for message in map(json.loads, output.splitlines()):
        run = message.get("@testrun", "")
        if message["type"] == "test_run" and message["test_run"].get("progress") in (None, "complete"):
            ends[run] = message["test_run"]["status"]
        elif message["type"] == "test_plan":
            plans[run] = message["test_plan"]
        elif message["type"] == "diagnostic" and message["diagnostic"]["severity"] == "error":
            text = f"{message['diagnostic']['summary']}: {message['diagnostic'].get('detail', '')}"
            said.setdefault(run, []).append(" ".join(text.split()))
    yield from (f"{name} is not planned: {said.get(name) or ends.get(name)}" for name in asked if ends.get(name) != "pass")
    if ends.get("base") != "pass":
        yield f"the base is not made: {said.get('base') or said}"
        return
    for name, group in runs(updates).items():
        what = "; ".join(f"{update.variable} = {json.dumps(update.to)}" for update in group)
        yield from (f"{what}: no module says {update.says!r}" for update in group if update.says and update.says not in sources)
        if name == "in_modules":
            for update in group:
                if not any(update.says and update.says in text for text in said.get(name, [])):
                    yield f"{update.variable} is not rejected with {update.says!r}, but {said.get(name)}"
        elif ends.get(name) != "pass":
            yield f"{what}: {said.get(name) or 'it was not planned: ' + str(ends.get(name))}"
        elif group[0].does != "rejected":
            yield from (f"{what} {wrong}" for wrong in wrongs(group[0], plans[name]))


def wrongs(update: Update, plan: dict) -> Iterator[str]:
    changes = [
        change for change in plan.get("resource_changes", []) if change["mode"] == "managed" and change["change"]["actions"] != ["no-op"]
    ]
    replaced = sorted(
        {_without_keys(change["address"]) for change in changes if {"create", "delete"} <= set(change["change"]["actions"])}
        - {"terraform_data"}
    )
    if update.does == "in place" and replaced:
        yield f"replaces {', '.join(replaced)}"
    if update.does == "replaces" and replaced != sorted(update.replaces):
        yield f"replaces {', '.join(replaced) or 'nothing'}, not {', '.join(update.replaces)}"
    if not changes and not any(change["actions"] != ["no-op"] for change in plan.get("output_changes", {}).values()):
        yield "changes nothing"
    yield from aws_refuses(changes)


def _without_keys(address: str) -> str:
    return re.sub(r"\[(\"[^\"]*\"|\d+)\]", "", address)


def aws_refuses(changes: list[dict]) -> Iterator[str]:
    """What of a plan would fail at AWS half-way, or lose data; tf/testing/provider/fakeprov/aws_world.py cites the pages."""
    deferred = False
    for change in changes:
        kind, actions, address = change["type"], change["change"]["actions"], change["address"]
        before, after = change["change"].get("before") or {}, change["change"].get("after") or {}
        replaced = {"create", "delete"} <= set(actions)
        if replaced and kind in KEPT:
            yield f"makes {address} anew: what it holds would be lost"
        if actions == ["delete", "create"] and kind in HELD | SERVING:
            yield f"deletes {address} before the new one is there: AWS refuses while it is used, or nothing answers"
        if actions == ["create", "delete"] and kind in NAMES and before.get(NAMES[kind]) == after.get(NAMES[kind]):
            yield f"makes {address} a second time under the same name"
        if actions == ["delete"] and kind == "aws_subnet":
            yield f"deletes {address}, in which tasks, databases or the load balancer may be"
        if actions == ["update"] and kind == "aws_ecs_service":
            ports = [{block.get("container_port") for block in state.get("load_balancer") or []} for state in (before, after)]
            if ports[0] and ports[1] and ports[0] != ports[1]:
                yield f"sends {address} requests on a port that its task definition does not have"
        if (
            actions == ["update"]
            and kind == "aws_elasticache_replication_group"
            and (before.get("engine"), after.get("engine")) == ("valkey", "redis")
        ):
            yield f"turns {address} back from valkey to redis"
        if actions == ["update"] and kind == "aws_db_instance" and before.get("engine_version") != after.get("engine_version"):
            deferred = not after.get("apply_immediately")
    if deferred and any(change["type"] == "aws_db_parameter_group" and "delete" in change["change"]["actions"] for change in changes):
        yield "deletes the parameter group of a database whose upgrade waits for the maintenance window"


def table(updates: Updates) -> str:
    """The part of a README on what an update does."""
    lines = ["## What an update does", "", "| change of | what it does |", "| --- | --- |"]
    for update in updates.updates:
        does = {"in place": "In place.", "rejected": f"Rejected: {update.says}…"}.get(update.does)
        does = does or f"Replaces {', '.join(f'`{address}`' for address in update.replaces)}."
        lines.append(f"| `{update.variable}` | {' '.join(part for part in (does, update.note) if part)} |".replace("\n", " "))
    return "\n".join((*lines, ""))
