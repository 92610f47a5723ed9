#!/usr/bin/env python3
"""Writes the state machine, its picture and the tables of docs/workflow.md from statemachine/operation.yaml.

python3 scripts/generate_workflow.py              needs PyYAML: target/lint/source/bin/python has it
python3 scripts/generate_workflow.py --check      fails if a file is not what it would write
python3 scripts/generate_workflow.py --self-test  breaks the source in some ways and expects each error
"""

import argparse
import json
import sys
import tempfile
from pathlib import Path

import workflow_picture
from workflow_source import SourceError, State, Workflow

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "statemachine/operation.yaml"
DEFINITION = ROOT / "statemachine/operation.asl.json"
PICTURE = ROOT / "docs/workflow.svg"
PAGE = ROOT / "docs/workflow.md"
# Wide enough for a condition, narrow enough for the console's editor.
COLUMNS = 116


def in_a_line(value: object) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{json.dumps(key)}: {in_a_line(item)}" for key, item in value.items()) + " }" if value else "{}"
    if isinstance(value, list):
        return "[" + ", ".join(map(in_a_line, value)) + "]"
    return json.dumps(value, ensure_ascii=False)


def formatted(value: object, indent: int = 0, before: int = 0) -> str:
    """JSON with what fits into a line in a line."""
    line = in_a_line(value)
    if not isinstance(value, dict | list) or indent + before + len(line) + 1 <= COLUMNS:
        return line
    inner = " " * (indent + 2)
    if isinstance(value, dict):
        parts = [f"{inner}{json.dumps(key)}: {formatted(item, indent + 2, len(json.dumps(key)) + 2)}" for key, item in value.items()]
        return "{\n" + ",\n".join(parts) + "\n" + " " * indent + "}"
    if all(isinstance(item, str) for item in value):
        return "[\n" + "\n".join(inner + it for it in filled(value, COLUMNS - len(inner))) + "\n" + " " * indent + "]"
    return "[\n" + ",\n".join(inner + formatted(item, indent + 2) for item in value) + "\n" + " " * indent + "]"


def filled(texts: list, width: int) -> list[str]:
    """Texts in as few lines as they need."""
    lines: list[str] = [""]
    for text in map(json.dumps, texts):
        if lines[-1] and len(lines[-1]) + len(text) + 2 > width:
            lines[-1] += ","
            lines.append("")
        lines[-1] += f", {text}" if lines[-1] else text
    return lines


def duration(seconds: int) -> str:
    if seconds < 120:
        return f"{seconds} s"
    parts = [(seconds // 86400, "days"), (seconds % 86400 // 3600, "h"), (seconds % 3600 // 60, "min")]
    return " ".join(f"{count} {unit}" for count, unit in parts if count)


def call(state: State) -> str:
    source = state.source
    if "step" in source:
        return f"step `{source['step']}`" + (", token" if source.get("token") else "")
    if "build" in source:
        return f"build, phase `{source['build']}`"
    if "map" in source:
        return "for each, one at a time" if source.get("one_at_a_time") else "for each, side by side"
    return {"choices": "choice", "fail": "end", "succeed": "end", "pass": "–", "wait": "wait"}[
        next(it for it in ("choices", "fail", "succeed", "pass", "wait") if it in source)
    ]


def states_table(workflow: Workflow) -> str:
    rows = [
        "| state | calls | what it does | timeout | retries | after a failure | may end with |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for state in workflow.states:
        seconds = workflow.timeout(state.source) if state.is_task else None
        timeout = "" if seconds is None else duration(seconds) if isinstance(seconds, int) else seconds["text"]
        if state.is_task and "again" in state.source:
            timeout += ", then again"
        retry = workflow.retry(state.source) if state.is_task else ""
        route = workflow.route(state.source)["to"] if state.is_task or "map" in state.source else ""
        cells = [state.name, call(state), state.source["comment"], timeout, retry, route, state.source.get("errors", "")]
        rows.append(f"| {' | '.join(cells)} |".replace("|  |", "| |").replace("|  |", "| |"))
    return "\n".join(rows)


def retries_table(workflow: Workflow) -> str:
    rows = ["| errors | policies | attempts | first after | then | at most |", "| --- | --- | --- | --- | --- | --- |"]
    for name, it in workflow.source["retriers"].items():
        policies = ", ".join(policy for policy, names in workflow.source["retries"].items() if name in names)
        errors = ", ".join(f"`{error}`" for error in it["errors"])
        jitter = ", with jitter" if it["jitter"] == "FULL" else ""
        rows.append(f"| {errors} | {policies} | {it['attempts']} | {it['interval']} s | × {it['rate']}{jitter} | {it['at_most']} s |")
    return "\n".join(rows)


def with_tables(page: str, tables: dict[str, str]) -> str:
    for name, table in tables.items():
        begin, end = f"<!-- BEGIN {name} -->\n", f"\n<!-- END {name} -->"
        if begin not in page or end not in page:
            raise SourceError(f"docs/workflow.md has no lines {begin.strip()} and {end.strip()}")
        page = page[: page.index(begin) + len(begin)] + table + page[page.index(end) :]
    return page


def outputs(workflow: Workflow) -> dict[Path, str]:
    definition = workflow.definition()
    return {
        DEFINITION: formatted(definition) + "\n",
        PICTURE: workflow_picture.svg(definition),
        PAGE: with_tables(PAGE.read_text(), {"states": states_table(workflow), "retries": retries_table(workflow)}),
    }


def self_test():
    text = SOURCE.read_text()
    changes = {
        "no such state: Nowhere": ("default: Record outputs", "default: Nowhere"),
        "nothing leads to": ("default: Plan", "default: Prepare task"),
        "unknown colour": ("    build: plan\n", "    build: plan\n    colour: red\n"),
        "stands twice": ("    build: plan\n", "    build: plan\n    build: apply\n"),
    }
    for expected, (old, new) in changes.items():
        if text.count(old) != 1:
            sys.exit(f"self-test: the source has {old!r} {text.count(old)} times")
        with tempfile.TemporaryDirectory() as folder:
            broken = Path(folder) / "operation.yaml"
            broken.write_text(text.replace(old, new))
            try:
                Workflow(broken).definition()
            except SourceError as error:
                if expected in str(error):
                    continue
                sys.exit(f"self-test: expected `{expected}`, got `{error}`")
            sys.exit(f"self-test: `{expected}` is not found")
    print(f"self-test: each of {len(changes)} changes is found")


def main():
    arguments = argparse.ArgumentParser(description="Writes the state machine, its picture and its tables from their source.")
    arguments.add_argument("--check", action="store_true")
    arguments.add_argument("--self-test", action="store_true")
    given = arguments.parse_args()
    if given.self_test:
        return self_test()
    try:
        workflow = Workflow(SOURCE)
        found = outputs(workflow)
    except SourceError as error:
        sys.exit(f"{SOURCE.relative_to(ROOT)}: {error}")
    if given.check:
        stale = [str(path.relative_to(ROOT)) for path, text in found.items() if not path.exists() or path.read_text() != text]
        if stale:
            sys.exit(f"not as their source says: {', '.join(stale)}; edit {SOURCE.relative_to(ROOT)}, and run scripts/generate_workflow.py")
        return print(f"the workflow is as its source says: {len(workflow.states)} states")
    for path, text in found.items():
        path.write_text(text)
    return None


if __name__ == "__main__":
    main()
