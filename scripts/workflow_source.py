"""Reads statemachine/operation.yaml, which describes its own form, and expands it to Amazon States Language."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

PARTITION = "arn:${Partition}:states:::"
KEYS = {
    "comment", "errors", "step", "token", "with", "build", "map", "use", "using", "items", "one_at_a_time", "ends", "choices", "default",
    "fail", "succeed", "pass", "wait", "timeout", "retry", "again", "again_after", "on_failure", "assign", "output", "next",
}  # fmt: skip


class SourceError(Exception):
    """Where the source is wrong, and what would be right."""


class _Loader(yaml.SafeLoader):
    """YAML with `!x`, and without keys that stand twice."""


def _mapping(loader: _Loader, node: yaml.MappingNode) -> dict:
    keys = [key.value for key, _ in node.value]
    twice = {key for key in keys if keys.count(key) > 1}
    if twice:
        raise SourceError(f"line {node.start_mark.line + 1}: {', '.join(sorted(twice))} stands twice")
    loader.flatten_mapping(node)
    return {loader.construct_object(key): loader.construct_object(value, deep=True) for key, value in node.value}


_Loader.add_constructor("!x", lambda _, node: "{% " + node.value + " %}")
_Loader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping)


@dataclass(frozen=True)
class State:
    """A state as the source has it, with its place."""

    name: str
    source: dict
    inside: str | None = None

    @property
    def is_task(self) -> bool:
        return "step" in self.source or "build" in self.source


class Workflow:
    """The source, with its templates filled in."""

    def __init__(self, path: Path):
        self.source: dict[str, Any] = yaml.load(path.read_text(), _Loader)
        self.source["keeps"] = _filled(self.source["keeps"], self.source["expressions"])
        self.states = list(self._read(self.source["states"]))
        names = [state.name for state in self.states]
        if len(set(names)) != len(names):
            raise SourceError(f"states with the same name: {sorted({name for name in names if names.count(name) > 1})}")

    def _read(self, states: dict, inside: str | None = None) -> Iterator[State]:
        for name, source in states.items():
            if name.startswith("use "):
                yield from self._read(self.filled(name.removeprefix("use "), source["using"]), inside)
                continue
            unknown = set(source) - KEYS
            if unknown:
                raise SourceError(f"{name}: unknown {', '.join(sorted(unknown))}")
            yield State(name, source, inside)
            if "map" in source:
                yield from self._read(self.inner(source), name)

    def filled(self, template: str, using: dict) -> dict:
        """The states of a template."""
        return _filled(copy.deepcopy(self.source["templates"][template]), using)

    def inner(self, source: dict) -> dict:
        """The states of a Map: those of its template, and the ends that are its own."""
        ends = {
            name: {"comment": comment, "fail": {"error": "{% $states.input.error %}", "cause": "{% $states.input.cause %}"}}
            for name, comment in source.get("ends", {}).items()
        }
        return self.filled(source["map"], source["using"]) | ends

    # ---------------------------------------------------------------------------------------------- definition

    def definition(self) -> dict:
        """The state machine."""
        top = {state.name: self.state(state) for state in self.states if state.inside is None}
        found = {
            "Comment": self.source["comment"],
            "QueryLanguage": "JSONata",
            "TimeoutSeconds": self.source["timeout"],
            "StartAt": self.source["start"],
            "States": top,
        }
        self._check(found)
        return found

    def state(self, state: State) -> dict:
        source = state.source
        if "choices" in source:
            choices = [{"Condition": condition, "Next": to} for condition, to in source["choices"]]
            found = {"Choices": choices, "Default": source["default"]}
        elif "fail" in source:
            found = {"Error": source["fail"]["error"], "Cause": source["fail"]["cause"]}
        elif "succeed" in source:
            found = {"Output": source["succeed"]}
        elif "wait" in source:
            found = {"Seconds": source["wait"]} | self.rest(source)
        else:
            found = (self.map(state) if "map" in source else self.task(state) if state.is_task else {}) | self.rest(source)
        return {"Type": self.type(source), "Comment": source["comment"], **found}

    def type(self, source: dict) -> str:
        kinds = {
            "choices": "Choice",
            "fail": "Fail",
            "succeed": "Succeed",
            "map": "Map",
            "pass": "Pass",
            "wait": "Wait",
            "step": "Task",
            "build": "Task",
        }
        return next(kind for key, kind in kinds.items() if key in source)

    def task(self, state: State) -> dict:
        source = state.source
        seconds = self.timeout(source)
        return {
            **(self.build(source["build"]) if "build" in source else self.step(source)),
            "TimeoutSeconds": seconds if isinstance(seconds, int) else seconds["seconds"],
            "Retry": [_retrier(self.source["retriers"][name]) for name in self.source["retries"][self.retry(source)]],
            "Catch": self.catches(state),
        }

    def step(self, source: dict) -> dict:
        is_waiting = source.get("token", False)
        token = {"token": "{% $states.context.Task.Token %}"} if is_waiting else {}
        payload = {"step": source["step"], "operation": "{% $operation %}"} | token | source.get("with", {})
        return {
            "Resource": f"{PARTITION}lambda:invoke{'.waitForTaskToken' if is_waiting else ''}",
            "Arguments": {"FunctionName": "${StepsFunctionArn}", "Payload": payload},
        }

    def build(self, phase: str) -> dict:
        variables = {"SLIPWAY_OPERATION": "{% $operation %}", "SLIPWAY_STACK": "{% $stack %}", "SLIPWAY_PHASE": phase}
        override = [{"Name": name, "Value": value, "Type": "PLAINTEXT"} for name, value in variables.items()]
        return {
            "Resource": f"{PARTITION}codebuild:startBuild.sync",
            "Arguments": {"ProjectName": "${CodeBuildProject}", "EnvironmentVariablesOverride": override},
        }

    def map(self, state: State) -> dict:
        source = state.source
        inner = [it for it in self.states if it.inside == state.name]
        return {
            "Items": source["items"],
            **({"MaxConcurrency": 1} if source.get("one_at_a_time") else {}),
            "ItemProcessor": {
                "ProcessorConfig": {"Mode": "INLINE"},
                "StartAt": inner[0].name,
                "States": {it.name: self.state(it) for it in inner},
            },
            "Catch": self.catches(state),
        }

    def rest(self, source: dict) -> dict:
        found = {"Assign": source["assign"]} if "assign" in source else {}
        found["Output"] = source.get("output", self.source["defaults"]["output"])
        return found | ({"Next": source["next"]} if source["next"] else {"End": True})

    # -------------------------------------------------------------------------------------------------- routes

    def timeout(self, source: dict) -> int | dict:
        """Seconds, or what `timeouts` has under a name."""
        given = source.get("timeout", self.source["defaults"]["build" if "build" in source else "step"]["timeout"])
        return self.source["timeouts"][given] if isinstance(given, str) else given

    def retry(self, source: dict) -> str:
        return source.get("retry", self.source["defaults"]["build" if "build" in source else "step"]["retry"])

    def route(self, source: dict) -> dict:
        """Which state takes over after a failure, and what is kept for it."""
        default = {"to": "Record failure", "keeps": "failure of a build"} if "build" in source else self.source["defaults"]["on_failure"]
        return source.get("on_failure", default)

    def catches(self, state: State) -> list[dict]:
        source, route = state.source, self.route(state.source)
        kept = {key.capitalize(): value for key, value in self.source["keeps"][route["keeps"]].items()}
        again = (
            [{"ErrorEquals": ["States.Timeout", *source.get("again_after", [])], "Output": source["again"], "Next": state.name}]
            if "again" in source
            else []
        )
        # Only our own function never answers more than a state may hold, and States.ALL does not catch that.
        names = ["States.ALL"] if "step" in source else ["States.DataLimitExceeded", "States.ALL"]
        return again + [{"ErrorEquals": [name], **kept, "Next": route["to"]} for name in names]

    def _check(self, definition: dict) -> None:
        for machine in [definition, *(it["ItemProcessor"] for it in definition["States"].values() if "ItemProcessor" in it)]:
            names = set(machine["States"])
            targets = {to for state in machine["States"].values() for to, _ in edges(state)} | {machine["StartAt"]}
            if targets - names:
                raise SourceError(f"no such state: {', '.join(sorted(targets - names))}")
            if names - targets:
                raise SourceError(f"nothing leads to {', '.join(sorted(names - targets))}")


def edges(state: dict) -> list[tuple[str, str]]:
    """Where a state of the definition leads, each with `next`, `choice` or `catch`."""
    found = [(choice["Next"], "choice") for choice in state.get("Choices", [])]
    found += [(state["Default"], "choice")] if "Default" in state else []
    found += [(state["Next"], "next")] if "Next" in state else []
    found += [(catch["Next"], "catch") for catch in state.get("Catch", [])]
    return list(dict.fromkeys(found))


def _retrier(it: dict) -> dict:
    return {
        "ErrorEquals": it["errors"],
        "IntervalSeconds": it["interval"],
        "MaxAttempts": it["attempts"],
        "BackoffRate": it["rate"],
        "MaxDelaySeconds": it["at_most"],
        "JitterStrategy": it["jitter"],
    }


def _filled(value: Any, using: dict) -> Any:
    """A value of a template with `{name}` replaced. A text that is nothing but a name becomes what stands for it, of any type."""
    if isinstance(value, dict):
        return {_filled(key, using): _filled(item, using) for key, item in value.items()}
    if isinstance(value, list):
        return [_filled(item, using) for item in value]
    if not isinstance(value, str):
        return value
    if (whole := re.fullmatch(r"\{(\w+)\}", value)) and whole.group(1) in using:
        return using[whole.group(1)]
    return re.sub(r"\{(\w+)\}", lambda found: str(using.get(found.group(1), found.group())), value)
