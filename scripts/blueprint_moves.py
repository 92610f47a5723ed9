"""Whether a stack that an earlier version of a blueprint made keeps its resources.

`tests/moved/CASE.json` lists the addresses at which such a stack of the case had resources that have moved since. Its state is the present
one with the `moved` blocks undone; a plan of it moves these resources, and does nothing else.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from blueprint_state import addresses

MOVED = re.compile(r"^moved \{\n  from = (\S+)\n  to   = (\S+)\n\}", re.MULTILINE)
ADDRESS = re.compile(r"((?:module\.\w+(?:\[[^\]]+\])?\.)*)(\w+)\.(\w+)(?:\[(.+)\])?")


def earlier_state(folder: Path, state: dict[str, Any]) -> dict[str, Any]:
    """The state with every resource where it was before the moves."""
    moved = [found for path in sorted(folder.glob("*.tf")) for found in MOVED.findall(path.read_text(encoding="utf-8"))]
    found: dict[tuple[str, ...], dict[str, Any]] = {}
    for resource in state["resources"]:
        for instance, address in zip(resource["instances"], addresses({"resources": [resource | {"mode": "managed"}]}), strict=True):
            before = next(
                (old + address.removeprefix(new) for old, new in moved if address == new or address.startswith(f"{new}[")), address
            )
            match = ADDRESS.fullmatch(before) if resource["mode"] == "managed" else None
            place = match.groups()[:3] if match else (resource.get("module", ""), resource["type"], resource["name"])
            there = {name: value for name, value in resource.items() if name != "module"} | {"type": place[1], "name": place[2]}
            there |= {"module": place[0].rstrip(".")} if place[0] else {}
            kept = instance
            if match:
                kept = {name: value for name, value in instance.items() if name != "index_key"}
                kept |= {"index_key": json.loads(match[4])} if match[4] else {}
            found.setdefault((resource["mode"], *place), there | {"instances": []})["instances"].append(kept)
    return state | {"resources": list(found.values())}


def problems(listed: list[str], earlier: dict[str, Any], messages: str) -> Iterator[str]:
    """What a plan of the earlier state, in Terraform's JSON messages, does besides moving what is listed."""
    yield from (f"no moved block leads to {address}" for address in sorted(set(listed) - set(addresses(earlier))))
    planned = [message["change"] for message in map(json.loads, messages.splitlines()) if message["type"] == "planned_change"]
    came = {change.get("previous_resource", {}).get("addr") for change in planned}
    yield from (f"{address} does not move" for address in sorted(set(listed) & set(addresses(earlier)) - came))
    yield from (f"{change['action']}s {change['resource']['addr']}" for change in planned if change["action"] != "move")
