#!/usr/bin/env python3
"""Compares what Slipway reads in the golden plans with `terraform show -json` itself. Slipway's reader writes the golden files, so they
cannot show that it agrees with Terraform. This script reads Terraform's JSON without that reader, and in another way: it compares the
leaves of values, and pairs no elements of lists.

    python3 scripts/compare_plans.py              needs nothing
    python3 scripts/compare_plans.py --self-test  changes what was read and expects each change to be found
"""

import argparse
import copy
import hashlib
import json
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
PLANS = ROOT / "crates/model/tests/plans"
HIDDEN = "(sensitive)"
# A side of a change that has no value. `None` is a null.
ABSENT: Any = object()

ACTIONS = {
    ("create",): ("create", None),
    ("read",): ("read", None),
    ("update",): ("update", None),
    ("delete",): ("delete", None),
    ("forget",): ("forget", None),
    ("delete", "create"): ("replace", "delete_then_create"),
    ("create", "delete"): ("replace", "create_then_delete"),
    ("create", "forget"): ("replace", "create_then_forget"),
    ("forget", "create"): ("replace", "forget_then_create"),
}
COUNTS = {
    "create": "add",
    "update": "change",
    "delete": "destroy",
    "replace": "replace",
    "import": "import",
    "forget": "forget",
    "move": "moved",
    "read": "read",
    "unknown": "unknown",
}
# What people see first.
ORDER = ["unknown", "delete", "replace", "forget", "invoke", "update", "import", "create", "move", "read"]
LATER = ["deferred_resource", "deferred_action", "output", "drift", "check"]

Steps = tuple[str | int, ...]
Hide = Callable[[Any], Any]


class Disagreement(Exception):
    pass


def require(holds: bool, *what: object) -> None:
    if not holds:
        raise Disagreement(" ".join(str(part) for part in what))


# --- Values of Terraform ---------------------------------------------------------------------------------------------------------------


def marks_all(mark: Any, value: Any) -> bool:
    """Whether a mark is about the whole value: also one of another shape."""
    if not any_mark(mark):
        return False
    is_below = isinstance(mark, dict | list) and (value is ABSENT or value is None or type(value) is type(mark))
    return not is_below


def any_mark(mark: Any) -> bool:
    if isinstance(mark, dict):
        return any(any_mark(inner) for inner in mark.values())
    if isinstance(mark, list):
        return any(any_mark(inner) for inner in mark)
    return mark is not None and mark is not ABSENT and mark is not False


def below(part: Any, step: str | int) -> Any:
    if isinstance(part, dict):
        return part.get(step, ABSENT)
    if isinstance(part, list) and isinstance(step, int):
        return part[step] if step < len(part) else ABSENT
    return ABSENT


def marked_leaves(value: Any, mark: Any) -> Iterator[str]:
    """The sensitive texts and numbers of a value."""
    if isinstance(value, dict | list):
        steps = value.keys() if isinstance(value, dict) else range(len(value))
        whole = marks_all(mark, value)
        for step in steps:
            yield from marked_leaves(value[step], True if whole else below(mark, step))
    elif any_mark(mark) and value is not None and value is not ABSENT and not isinstance(value, bool):
        yield value if isinstance(value, str) else json.dumps(value)


def secrets_of(plan: Any) -> list[str]:
    found: list[str] = []
    for element in every_change(plan):
        change = element.get("change", element)
        for side in ("before", "after"):
            found += marked_leaves(change.get(side, ABSENT), change.get(f"{side}_sensitive"))
        found += marked_leaves(element.get("config_values", ABSENT), element.get("config_sensitive"))
    declared = plan.get("configuration", {}).get("root_module", {}).get("variables", {})
    for name, variable in declared.items():
        if variable.get("sensitive"):
            found += marked_leaves(plan.get("variables", {}).get(name, {}).get("value", ABSENT), True)
    return sorted(set(found), key=len, reverse=True)


def every_change(plan: Any) -> Iterator[Any]:
    for part in ("resource_changes", "resource_drift", "action_invocations"):
        yield from plan.get(part) or []
    for part, inner in (("deferred_changes", "resource_change"), ("deferred_action_invocations", "action_invocation")):
        yield from (element[inner] for element in plan.get(part) or [])
    yield from (plan.get("output_changes") or {}).values()


def hider(secrets: list[str]) -> Hide:
    def hide(value: Any) -> Any:
        if isinstance(value, dict):
            return {hide(name): hide(inner) for name, inner in value.items()}
        if isinstance(value, list):
            return [hide(inner) for inner in value]
        if isinstance(value, bool) or value is None or value is ABSENT:
            return value
        text = value if isinstance(value, str) else json.dumps(value)
        shown = text
        for secret in secrets:
            shown = shown.replace(secret, HIDDEN)
        return value if shown == text else shown

    return hide


# --- Leaves of one side ----------------------------------------------------------------------------------------------------------------


class Side:
    """The leaves of one side of a change by their steps: values, and what is sensitive or unknown as a whole."""

    def __init__(self, value: Any, sensitive: Any, unknown: Any, nulls: bool):
        self.nulls = nulls
        self.values: dict[Steps, Any] = {}
        self.sensitive: dict[Steps, Any] = {}
        self.unknown: set[Steps] = set()
        self.containers: dict[Steps, type] = {}
        self.walk((), value, sensitive, unknown, in_list=False)

    def walk(self, steps: Steps, value: Any, sensitive: Any, unknown: Any, in_list: bool) -> None:
        is_null = value is None and not self.nulls and not (in_list and not any_mark(unknown))
        value = ABSENT if is_null else value
        if marks_all(sensitive, value):
            if value is not ABSENT or any_mark(unknown):
                self.sensitive[steps] = value
            if any_mark(unknown):
                self.unknown.add(steps)
            return
        if marks_all(unknown, value):
            self.unknown.add(steps)
            return
        names: list[str | int] = []
        if isinstance(value, dict) or (value is ABSENT and isinstance(unknown, dict)):
            names = sorted({*(value if isinstance(value, dict) else ()), *(unknown if isinstance(unknown, dict) else ())})
            self.containers[steps] = dict
        elif isinstance(value, list) or (value is ABSENT and isinstance(unknown, list)):
            parts = [part for part in (value, unknown) if isinstance(part, list)]
            names = list(range(max(len(part) for part in parts)))
            self.containers[steps] = list
        elif value is not ABSENT:
            self.values[steps] = value
            return
        count = self.size()
        for name in names:
            self.walk((*steps, name), below(value, name), below(sensitive, name), below(unknown, name), isinstance(name, int))
        if self.size() == count and value is not ABSENT:
            # An empty object or list, and an object of nulls.
            self.values[steps] = value

    def size(self) -> int:
        return len(self.values) + len(self.sensitive) + len(self.unknown)


def mask(before: Side, after: Side) -> None:
    """What is sensitive on one side is on the other, at the same steps."""
    for one, other in ((before, after), (after, before)):
        for steps in list(one.sensitive):
            inside = {path: value for path, value in other.values.items() if path[: len(steps)] == steps}
            unknown = {path for path in other.unknown if path[: len(steps)] == steps}
            for path in inside:
                del other.values[path]
            if inside or unknown:
                other.sensitive.setdefault(steps, inside)
            other.unknown -= unknown - set(other.sensitive)
            if unknown:
                other.unknown.add(steps)


def erased(steps: Steps) -> tuple[str, ...]:
    """Steps without the places in lists, which another element may shift."""
    return tuple("[]" if isinstance(step, int) else step for step in steps)


def is_shell(value: Any) -> bool:
    return isinstance(value, dict | list) and not any(inner for inner in (value if isinstance(value, list) else value.values()))


def steps_of(path: str) -> Steps:
    steps: list[str | int] = []
    pattern = re.compile(r'\.?(?P<name>[^\W\d][\w-]*)|\[(?P<index>\d+)\]|\[(?P<key>"(?:[^"\\]|\\.)*")\]')
    at = 0
    while at < len(path):
        match = pattern.match(path, at)
        if match is None:
            raise Disagreement(f"the path {path!r} cannot be read")
        at = match.end()
        name, index, key = match.group("name", "index", "key")
        steps.append(int(index) if index is not None else json.loads(key) if key is not None else name)
    return tuple(steps)


# --- Attributes ------------------------------------------------------------------------------------------------------------------------


class Attributes:
    """The attributes that Slipway shows of a change, against the change itself."""

    def __init__(self, where: str, hide: Hide, replaces: list[Steps] | None = None, nulls: bool = False):
        self.where, self.hide, self.replaces, self.nulls = where, hide, replaces or [], nulls

    def check(self, sides: dict[str, Any], shown: list[Any]) -> set[Steps]:
        """The steps at which something changes."""
        before = Side(sides.get("before", ABSENT), sides.get("before_sensitive"), None, self.nulls)
        after = Side(sides.get("after", ABSENT), sides.get("after_sensitive"), sides.get("after_unknown"), self.nulls)
        raw = {name: {**side.values} for name, side in (("before", before), ("after", after))}
        mask(before, after)
        seen = {"before": Counter[Any](), "after": Counter[Any]()}
        for attribute in shown:
            self.one(attribute, before, after, seen)
        self.check_values(before, after, seen, raw)
        self.check_marks(before, after, shown)
        return self.changed(before, after)

    def one(self, attribute: Any, before: Side, after: Side, seen: dict[str, Counter[Any]]) -> None:
        steps = steps_of(attribute["path"])
        where = f"{self.where} {attribute['path']}"
        forces = any(leads(one, steps) for one in self.replaces)
        require(attribute.get("forces_replacement", False) == forces, where, "forces the replacement:", forces)
        if attribute.get("before_sensitive") or attribute.get("after_sensitive"):
            for name, side in (("before", before), ("after", after)):
                require(attribute.get(f"{name}_sensitive", False) == (steps in side.sensitive), where, f"{name} is sensitive")
                require(name not in attribute, where, f"shows what is sensitive {name}")
            require(attribute.get("after_unknown", False) == (steps in after.unknown), where, "is unknown")
            return
        is_marked = steps in before.sensitive or steps in after.sensitive
        require(not is_marked, where, "is sensitive in Terraform's JSON")
        is_unknown = any(steps[:length] in after.unknown for length in range(len(steps) + 1))
        require(attribute.get("after_unknown", False) == is_unknown, where, f"is {'' if is_unknown else 'not '}unknown in Terraform's JSON")
        texts = [self.text(name, attribute, side, steps) for name, side in (("before", before), ("after", after))]
        if "lines" in attribute:
            self.check_lines(where, attribute["lines"], *texts)
        elif attribute.get("json"):
            parsed = {name: json.loads(text) for name, text in zip(("before", "after"), texts, strict=True) if text is not ABSENT}
            Attributes(where, self.hide, nulls=True).check(parsed, attribute["json"])
        for name, side, text in zip(("before", "after"), (before, after), texts, strict=True):
            value = attribute.get(name, ABSENT)
            if f"{name}_cut" in attribute:
                self.check_cut(f"{where} {name}", value, attribute[f"{name}_cut"], text)
                value = text
            if "lines" in attribute or attribute.get("json"):
                value = text
            if value is not ABSENT:
                seen[name][token(erased(steps), self.hide(value))] += 1
                self.check_hidden(f"{where} {name}", attribute.get(f"{name}_hidden", False), value, side, steps)

    def text(self, name: str, attribute: Any, side: Side, steps: Steps) -> Any:
        """The whole text of a side, which Slipway shows in part."""
        if not ({"lines", "json", f"{name}_cut"} & attribute.keys()):
            return ABSENT
        return side.values.get(steps, ABSENT)

    def check_hidden(self, where: str, is_hidden: bool, value: Any, side: Side, steps: Steps) -> None:
        if is_hidden:
            raws = [raw for path, raw in side.values.items() if erased(path) == erased(steps)]
            require(any(self.hide(raw) != raw and self.hide(raw) == self.hide(value) for raw in raws), where, "hides what is no secret")
        else:
            require(HIDDEN not in json.dumps(value), where, "does not mark that something is hidden")

    def check_cut(self, where: str, value: Any, cut: Any, text: Any) -> None:
        require(isinstance(text, str), where, "is cut, and no text")
        require(cut["bytes"] == len(text.encode()), where, "has", len(text.encode()), "bytes, not", cut["bytes"])
        require(cut["sha256"] == hashlib.sha256(text.encode()).hexdigest(), where, "has another hash")
        require(value.strip("…") in text, where, "does not stand in the text")

    def check_lines(self, where: str, lines: list[str], before: Any, after: Any) -> None:
        """Applies the lines to the text before: the text after must come of it."""
        require(isinstance(before, str) and isinstance(after, str), where, "has lines, and is no text")
        if lines[-1].endswith("@@") and "not shown" in lines[-1]:
            return
        old, made, at = before.split("\n"), list[str](), 0
        for line in lines:
            if line.startswith("@@"):
                start = int(line.split()[1][1:]) - 1
                made, at = made + old[at:start], start
            elif line[0] == "+":
                made.append(line[1:])
            else:
                require(old[at] == line[1:], where, f"has the line {line!r}, and the text before does not")
                made += old[at : at + (line[0] == " ")]
                at += 1
        require("\n".join(made + old[at:]) == after, where, "has lines that do not lead to the text after")

    def check_values(self, before: Side, after: Side, seen: dict[str, Counter[Any]], raw: dict[str, Any]) -> None:
        """What comes and goes, without the places in lists. What an attribute has on both sides in another place cancels out."""
        expected = {}
        for name, side, other in (("before", before, after), ("after", after, before)):
            leaves = Counter[Any]()
            for steps, value in side.values.items():
                if is_shell(value) and other.containers.get(steps) is type(value):
                    continue
                leaves[token(erased(steps), self.hide(value))] += 1
            expected[name] = leaves
        gone, come = expected["before"] - expected["after"], expected["after"] - expected["before"]
        shown_gone, shown_come = seen["before"] - seen["after"], seen["after"] - seen["before"]
        for what, wanted, found in (("before", gone, shown_gone), ("after", come, shown_come)):
            require(not wanted - found, self.where, f"does not show {what}:", dict(wanted - found))
            require(not found - wanted, self.where, f"shows {what}, and Terraform does not:", dict(found - wanted))
        if raw["before"] != raw["after"] and before.values != after.values and before.values.keys() == after.values.keys():
            require(bool(seen["before"] or seen["after"]), self.where, "shows no changed attribute")

    def check_marks(self, before: Side, after: Side, shown: list[Any]) -> None:
        by_steps = {steps_of(attribute["path"]): attribute for attribute in shown}
        for steps in before.sensitive.keys() | after.sensitive.keys():
            sides = [side.sensitive.get(steps, ABSENT) for side in (before, after)]
            changes = sides[0] != sides[1] or steps in after.unknown
            if changes:
                require(steps in by_steps, self.where, f"does not show the sensitive {steps}")
            elif not self.nulls:
                require(steps not in by_steps, self.where, f"shows the sensitive {steps}, which does not change")
        for steps in after.unknown:
            inside = [path for path, one in by_steps.items() if path[: len(steps)] == steps and one.get("after_unknown")]
            require(bool(inside), self.where, f"does not show the unknown {steps}")

    def changed(self, before: Side, after: Side) -> set[Steps]:
        found = set(after.unknown)
        for steps in before.values.keys() | after.values.keys() | before.sensitive.keys() | after.sensitive.keys():
            one, other = (side.values.get(steps, side.sensitive.get(steps, ABSENT)) for side in (before, after))
            if one is not other and one != other:
                found.add(steps)
        return found


def token(steps: tuple[str, ...], value: Any) -> tuple[tuple[str, ...], str]:
    return steps, json.dumps(value, sort_keys=True)


# --- Items -----------------------------------------------------------------------------------------------------------------------------


def action_of(element: Any) -> tuple[str, str | None] | None:
    change = element["change"]
    actions = tuple(change["actions"])
    if actions == ("no-op",):
        if change.get("importing") is not None:
            return "import", None
        return ("move", None) if element.get("previous_address") else None
    return ACTIONS.get(actions, ("unknown", None))


def leads(one: Steps, other: Steps) -> bool:
    shorter = min(len(one), len(other))
    return one[:shorter] == other[:shorter]


def required_fields(item: Any, where: str, expected: dict[str, Any]) -> None:
    for field, value in expected.items():
        found = item.get(field)
        require((found or None) == (value or None), where, f"has {field} {found!r}, and Terraform {value!r}")


class Plan:
    """A golden plan, and what Slipway reads in it."""

    def __init__(self, plan: Any, read: Any):
        self.plan, self.summary = plan, read["summary"]
        self.hide = hider(secrets_of(plan))
        self.items: dict[tuple[str, str, str | None], Any] = {}
        self.order = read["items"]
        for item in read["items"]:
            # The address of a drifted resource, too, is once in a plan.
            key = (item["subject"], item["address"], item.get("deposed"))
            require(key not in self.items, key, "occurs twice")
            self.items[key] = item
        self.counts = Counter[str]()
        self.types = Counter[tuple[str, str]]()

    def take(self, subject: str, address: str, deposed: str | None = None) -> Any:
        key = (subject, self.hide(address), deposed)
        require(key in self.items, *key, "is missing")
        return self.items.pop(key)

    def check(self) -> None:
        changes = [change for element in self.plan.get("resource_changes") or [] if (change := self.resource("resource", element))]
        for _, action, item, _ in changes:
            self.counts[COUNTS[action]] += 1
            self.types[item["type"], action] += 1
        drifted = [drift for element in self.plan.get("resource_drift") or [] if (drift := self.resource("drift", element))]
        self.drift(changes, drifted)
        for deferred in self.plan.get("deferred_changes") or []:
            self.counts["deferred"] += 1
            self.resource("deferred_resource", deferred["resource_change"], deferred["reason"])
        for invocation in self.plan.get("action_invocations") or []:
            self.counts["invoke"] += 1
            self.types[invocation["type"], "invoke"] += 1
            self.invocation("action", invocation)
        for deferred in self.plan.get("deferred_action_invocations") or []:
            self.counts["deferred"] += 1
            self.invocation("deferred_action", deferred["action_invocation"], deferred["reason"])
        self.outputs()
        for check in self.plan.get("checks") or []:
            self.condition(check)
        require(not self.items, "Terraform has none of", [*self.items])
        self.check_summary()

    def resource(self, subject: str, element: Any, reason: str | None = None) -> tuple[str, str, Any, set[Steps]] | None:
        found = action_of(element)
        if found is None and subject != "deferred_resource":
            return None
        action, order = found or (None, None)
        address, change = element["address"], element["change"]
        item = self.take(subject, address, element.get("deposed"))
        where = f"{subject} {address}"
        importing = change.get("importing") or {}
        import_id = importing.get("id")
        if change.get("importing") is not None and not import_id and not importing.get("identity"):
            import_id = "(known after apply)"
        replaces = [tuple(steps) for steps in change.get("replace_paths") or []]
        expected = {
            "action": action,
            "type": element.get("type"),
            "provider": element.get("provider_name"),
            "previous_address": element.get("previous_address"),
            "reason": reason or element.get("action_reason"),
            "replace_order": order,
            "import_id": import_id,
            "import_identity": importing.get("identity"),
        }
        required_fields(item, where, self.hide(expected))
        found_paths = [steps_of(path) for path in item.get("replace_paths", [])]
        require(found_paths == replaces, where, "is replaced because of", replaces, "and not", found_paths)
        attributes = item.get("attributes", [])
        if action == "unknown":
            require("not_understood" in item, where, "has unknown actions and is understood")
        changed = Attributes(where, self.hide, replaces).check(change, attributes)
        self.counts["imported_too"] += subject == "resource" and action != "import" and change.get("importing") is not None
        return subject, action or "", item, changed

    def drift(self, changes: list[tuple[str, str, Any, set[Steps]]], drifted: list[tuple[str, str, Any, set[Steps]]]) -> None:
        names = list(self.plan)
        comes_late = "resource_changes" in names and "resource_drift" in names[names.index("resource_changes") :]
        for _, _, item, paths in drifted:
            self.counts["drifted"] += 1
            overwrites = False
            for _, action, change, changed in changes:
                if change["address"] == item["address"]:
                    touches = any(leads(one, other) for one in changed for other in paths)
                    overwrites |= action in ("create", "replace", "delete") or (action == "update" and touches)
            expected = None if comes_late else overwrites
            require(item.get("overwritten") == expected, item["address"], "is overwritten:", expected)
            self.counts["drift_overwritten"] += expected is True

    def invocation(self, subject: str, element: Any, reason: str | None = None) -> None:
        item = self.take(subject, element["address"])
        where = f"{subject} {element['address']}"
        expected: dict[str, Any] = {
            "action": "invoke",
            "type": element.get("type"),
            "provider": element.get("provider_name"),
            "reason": reason,
        }
        trigger = element.get("lifecycle_action_trigger") or element.get("invoke_action_trigger")
        if trigger is not None:
            parts = {
                "resource": trigger.get("triggering_resource_address") or trigger.get("calling_resource_address"),
                "event": trigger.get("action_trigger_event"),
                "on_failure": trigger.get("on_failure"),
            }
            expected["trigger"] = {name: part for name, part in parts.items() if part is not None}
        required_fields(item, where, self.hide(expected))
        sides = {
            "after": element.get("config_values", ABSENT),
            "after_sensitive": element.get("config_sensitive"),
            "after_unknown": element.get("config_unknown"),
        }
        Attributes(where, self.hide).check(sides, item.get("attributes", []))

    def outputs(self) -> None:
        changes = False
        for name, change in (self.plan.get("output_changes") or {}).items():
            if change["actions"] == ["no-op"]:
                continue
            changes = True
            item = self.take("output", name)
            known = change["actions"][0] if change["actions"] in (["create"], ["update"], ["delete"]) else "unknown"
            required_fields(item, f"output {name}", {"action": known})
            Attributes(f"output {name}", self.hide).check(change, item.get("attributes", []))
        require(self.summary["outputs_changed"] == changes, "outputs change:", changes)

    def condition(self, check: Any) -> None:
        item = self.take("check", check["address"]["to_display"])
        problems = [problem["message"] for instance in check.get("instances") or [] for problem in instance.get("problems") or []]
        expected = {"type": check["address"].get("kind"), "status": check["status"], "problems": self.hide(problems), "action": None}
        required_fields(item, f"check {item['address']}", expected)
        self.counts["checks_failed"] += check["status"] in ("fail", "error")

    def check_summary(self) -> None:
        for name in (*COUNTS.values(), "imported_too", "invoke", "deferred", "drifted", "drift_overwritten", "checks_failed"):
            found = self.summary.get(name, 0)
            require(found == self.counts[name], f"{name} is {found}, and Terraform has {self.counts[name]}")
        for name in ("applyable", "complete"):
            require(self.summary.get(name) == self.plan.get(name), f"{name} is {self.summary.get(name)}")
        types = {(kind, action): count for kind, counts in self.summary.get("types", {}).items() for action, count in counts.items()}
        require(types == self.types, f"the types are {types}, and Terraform has {dict(self.types)}")
        losses = {kind: lost["count"] for kind, lost in self.summary.get("losses", {}).items()}
        lost = Counter[str]()
        for (kind, action), count in self.types.items():
            lost[kind] += count * (action in ("unknown", "delete", "replace", "forget"))
        require(losses == +lost, f"the losses are {losses}, and Terraform has {dict(+lost)}")
        ranks = [rank(item) for item in self.order]
        require(ranks == sorted(ranks), "what destroys is not first:", [item["address"] for item in self.order])
        # The summary names what changes, and reading a data source changes nothing.
        resources = [item for item in self.order if item["subject"] == "resource" and item["action"] != "read"]
        changes = [{"address": item["address"], "action": item["action"]} for item in resources]
        require(self.summary["resources"] == changes[:100], "the summary names", self.summary["resources"])


def rank(item: Any) -> int:
    subject, action = item["subject"], item.get("action")
    if subject == "drift" and action in ("delete", "replace", "forget"):
        return ORDER.index("forget")
    return ORDER.index(action) if subject in ("resource", "action") else len(ORDER) + LATER.index(subject)


def disagreement(plan: Any, read: Any) -> str | None:
    try:
        Plan(plan, read).check()
    except Disagreement as found:
        return str(found)
    return None


def goldens() -> Iterator[tuple[str, Any, Any]]:
    """The golden plans of known versions. Those named `odd_` have what no version prints: a test of the reader expects an approval."""
    for path in sorted(PLANS.glob("*.json")):
        if not path.name.startswith("odd_"):
            yield path.stem, json.loads(path.read_text()), json.loads((PLANS / "read" / path.name).read_text())


def changed_reads(read: Any) -> Iterator[tuple[str, Any]]:
    """What was read, with one fault each."""
    for number, item in enumerate(read["items"]):
        where = f"{item['subject']} {item['address']}"
        without = copy.deepcopy(read)
        del without["items"][number]
        yield f"{where} is missing", without
        fields = [name for name in item if name not in ("not_understood", "provisioners", "attributes", "hidden", "part", "parts")]
        for name in fields:
            other = copy.deepcopy(read)
            other["items"][number][name] = ["another"] if isinstance(item[name], list) else "another"
            yield f"{where} has another {name}", other
        for place, attribute in enumerate(item.get("attributes", [])):
            other = copy.deepcopy(read)
            del other["items"][number]["attributes"][place]
            yield f"{where} lacks {attribute['path']}", other
            for side in ("before", "after"):
                if side in attribute:
                    other = copy.deepcopy(read)
                    other["items"][number]["attributes"][place][side] = "another"
                    yield f"{where} has another {attribute['path']} {side}", other
            for mark in ("after_unknown", "before_sensitive", "after_sensitive", "forces_replacement"):
                other = copy.deepcopy(read)
                other["items"][number]["attributes"][place][mark] = not attribute.get(mark, False)
                yield f"{where} has another mark {mark} at {attribute['path']}", other
    for name in [*COUNTS.values(), "invoke", "deferred", "drifted", "drift_overwritten", "checks_failed"]:
        other = copy.deepcopy(read)
        other["summary"][name] += 1
        yield f"the summary has another {name}", other
    for part in ("types", "losses"):
        for name in read["summary"].get(part, {}):
            other = copy.deepcopy(read)
            del other["summary"][part][name]
            yield f"the summary lacks {name} in {part}", other


def self_test() -> None:
    faults = 0
    for name, plan, read in goldens():
        for fault, changed in changed_reads(read):
            faults += 1
            if disagreement(plan, changed) is None:
                sys.exit(f"self-test: {name}: not found: {fault}")
    print(f"self-test: {faults} of {faults} faults are found")


def main() -> None:
    arguments = argparse.ArgumentParser(description="Compares what Slipway reads in the golden plans with Terraform's JSON.")
    arguments.add_argument("--self-test", action="store_true")
    if arguments.parse_args().self_test:
        return self_test()
    read = list(goldens())
    if len(read) < 30:
        sys.exit(f"only {len(read)} golden plans in {PLANS}")
    found = [f"{name}: {what}" for name, plan, shown in read if (what := disagreement(plan, shown)) is not None]
    if found:
        sys.exit("\n".join(found))
    print(f"{len(read)} golden plans match `terraform show -json`")
    return None


if __name__ == "__main__":
    main()
