#!/usr/bin/env python3
"""Compares what Slipway reads in Terraform folders with what Terraform itself and a parser that is not ours read there.

    python3 -m venv /tmp/venv && /tmp/venv/bin/pip install 'tree-sitter>=0.25' 'tree-sitter-hcl>=1.2'
    /tmp/venv/bin/python scripts/compare_with_terraform.py FOLDER...

Every folder below those given that has `*.tf` files is one root module. It needs `terraform` and `cargo`, and no network.

What is compared, for each folder:

- Whether it can be read: Slipway has a problem with a file where `terraform fmt` has one, and nowhere else. A folder whose variables
  Terraform rejects is rejected.
- The names of its variables, and which of them have a default: with the other parser.
- The text of each type: with the other parser.
- Each default: Terraform converts Slipway's reading of it, and the blueprint's own text, to the variable's type; both come to the same
  JSON.
- The module calls by a path: with the other parser.

The exit status is 1 where anything differs.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import tree_sitter_hcl
from tree_sitter import Language, Node, Parser

REPOSITORY = Path(__file__).resolve().parent.parent
PARSER = Parser(Language(tree_sitter_hcl.language()))
CHUNK = 40


@dataclass
class Module:
    """A folder, as the other parser reads it."""

    folder: str
    variables: dict[str, dict[str, str]] = field(default_factory=dict)
    calls: set[tuple[str, str]] = field(default_factory=set)
    unreadable: bool = False


def text(node: Node) -> str:
    return (node.text or b"").decode()


def blocks(body: Node | None) -> list[tuple[str, list[str], Node | None]]:
    found = []
    for block in body.children if body else []:
        if block.type != "block":
            continue
        words = [text(child).strip('"') for child in block.children if child.type in ("identifier", "string_lit")]
        inner = next((child for child in block.children if child.type == "body"), None)
        found.append((words[0], words[1:], inner))
    return found


def arguments(body: Node | None) -> dict[str, str]:
    found = {}
    for argument in body.children if body else []:
        if argument.type == "attribute":
            name, value = argument.children[0], argument.children[2]
            found[text(name)] = text(value)
    return found


def is_ignored(name: str) -> bool:
    return name.startswith(".") or name.endswith("~")


def read(folder: str) -> Module:
    """Reads a folder with the other parser; override files change nothing that is compared, and are left out."""
    module = Module(folder)
    for path in sorted(Path(folder).glob("*.tf")):
        if is_ignored(path.name) or path.stem == "override" or path.stem.endswith("_override"):
            continue
        # The parser knows no byte order mark; Terraform passes over it.
        root = PARSER.parse(path.read_bytes().removeprefix(b"\xef\xbb\xbf")).root_node
        body = next((child for child in root.children if child.type == "body"), None)
        for kind, labels, inner in blocks(body):
            if kind == "variable" and labels:
                module.variables[labels[0]] = arguments(inner)
            elif kind == "module" and labels:
                source = arguments(inner).get("source", "").strip('"')
                if source.startswith(("./", "../")):
                    module.calls.add((labels[0], source))
    return module


def slipway(folders: list[str]) -> dict[str, dict]:
    cargo = ["cargo", "run", "--quiet", "--locked", "--package", "slipway-model", "--example", "read_modules"]
    run = subprocess.run(cargo, cwd=REPOSITORY, input="\n".join(folders), text=True, stdout=subprocess.PIPE, check=True)
    return {line["folder"]: line for line in map(json.loads, run.stdout.splitlines())}


def terraform(*words: str, cwd: str | None = None) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "CHECKPOINT_DISABLE": "1", "TF_IN_AUTOMATION": "1"}
    return subprocess.run(["terraform", *words], cwd=cwd, env=environment, text=True, capture_output=True, check=False)


def has_wrong_syntax(folder: str) -> bool:
    return terraform("fmt", "-check", "-list=false", folder).returncode == 2


def evaluate(variables: dict[str, dict[str, str]]) -> dict[str, str] | None:
    """The JSON of each variable's default after its conversion to the type; None where Terraform rejects one."""
    with tempfile.TemporaryDirectory() as work:
        lines = []
        for name, values in variables.items():
            body = "\n".join(f"{key} = {value}" for key, value in values.items() if key in ("type", "default", "nullable"))
            lines.append(f'variable "{name}" {{\n{body}\n}}\noutput "{name}" {{\nvalue = jsonencode(var.{name})\n}}\n')
        Path(work, "main.tf").write_text("".join(lines))
        run = terraform("apply", "-auto-approve", "-json", "-input=false", "-lock=false", cwd=work)
        if run.returncode != 0:
            return None
        outputs: dict[str, str] = {}
        for line in run.stdout.splitlines():
            message = json.loads(line)
            if message["type"] == "outputs":
                outputs.update({name: output["value"] for name, output in message["outputs"].items() if "value" in output})
        return outputs


def evaluate_all(modules: list[tuple[str, dict[str, dict[str, str]]]]) -> dict[str, dict[str, str] | None]:
    """The same for many folders: together, and one by one where Terraform rejects any of them."""
    found: dict[str, dict[str, str] | None] = {}
    for start in range(0, len(modules), CHUNK):
        chunk = modules[start : start + CHUNK]
        together = {f"m{index}_{name}": values for index, (_, module) in enumerate(chunk) for name, values in module.items()}
        values = evaluate(together) if together else {}
        for index, (folder, module) in enumerate(chunk):
            if values is None:
                found[folder] = evaluate(module) if module else {}
            else:
                found[folder] = {name: values[f"m{index}_{name}"] for name in module}
    return found


def literal(value: object) -> str:
    """A JSON value as a Terraform expression."""
    return json.dumps(value, ensure_ascii=False).replace("${", "$${").replace("%{", "%%{")


def compare(module: Module, ours: dict, differences: list[str]) -> None:
    place = module.folder
    names = {variable["name"] for variable in ours["variables"]}
    if names != set(module.variables):
        differences.append(f"{place}: variables differ: {sorted(names ^ set(module.variables))}")
    for variable in ours["variables"]:
        theirs = module.variables.get(variable["name"], {})
        if not list(Path(place).glob("*.tfvars*")) and variable["required"] != ("default" not in theirs):
            differences.append(f"{place}: {variable['name']}: required differs")
        if "".join(variable["type_text"].split()) != "".join(theirs.get("type", "any").split()):
            differences.append(f"{place}: {variable['name']}: the type is read as {variable['type_text']!r}, not {theirs.get('type')!r}")
    calls = {(name, path) for name, path in ours["modules"]}
    if calls != module.calls:
        differences.append(f"{place}: module calls differ: {sorted(calls ^ module.calls)}")


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("folders", nargs="+", help="folders with root modules anywhere below them")
    roots = options.parse_args().folders
    folders = sorted({str(path.parent.resolve()) for root in roots for path in Path(root).rglob("*.tf") if path.is_file()})
    print(f"{len(folders)} folders")
    ours = slipway(folders)
    modules = {folder: read(folder) for folder in folders}
    count: Counter[str] = Counter()
    differences: list[str] = []

    def with_default(module):
        return {name: values for name, values in module.variables.items() if "default" in values}

    theirs = evaluate_all([(folder, with_default(module)) for folder, module in modules.items()])
    read_by_us = []
    for folder, module in modules.items():
        problems = ours[folder]["problems"]
        wrong_syntax = has_wrong_syntax(folder) if problems else False
        if problems:
            count["rejected"] += 1
            if not wrong_syntax and theirs[folder] is not None:
                differences.append(f"{folder}: rejected, and Terraform accepts it: {problems}")
            continue
        count["read"] += 1
        if theirs[folder] is None:
            differences.append(f"{folder}: accepted, and Terraform rejects its variables")
            continue
        compare(module, ours[folder], differences)
        variables = {}
        for variable in ours[folder]["variables"]:
            values = module.variables.get(variable["name"], {})
            if "default" not in values or variable["sensitive"] or "default_expression" in variable:
                continue
            variables[variable["name"]] = {**values, "default": literal(variable.get("default"))}
        read_by_us.append((folder, variables))

    def has_values(folder):
        return any(Path(folder).glob("*.tfvars"))

    for folder, found in evaluate_all(read_by_us).items():
        for name in dict(read_by_us)[folder] if not has_values(folder) else []:
            count["defaults"] += 1
            # Folders whose variables Terraform rejects are not read by us, see above.
            expected = (theirs[folder] or {})[name]
            if found is None or found[name] != expected:
                differences.append(f"{folder}: {name}: the default is read as {found and found[name]}, not {expected}")
    for folder in folders:
        count["variables"] += len(ours[folder]["variables"])
        count["calls"] += len(ours[folder]["modules"])
    print(", ".join(f"{number} {what}" for what, number in count.items()))
    for difference in differences:
        print(difference)
    print(f"{len(differences)} differences")
    return 1 if differences else 0


if __name__ == "__main__":
    sys.exit(main())
