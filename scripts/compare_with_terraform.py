#!/usr/bin/env python3
"""Compares what Slipway reads in Terraform folders with what Terraform itself and a parser that is not ours read there.

    python3 -m venv /tmp/venv && /tmp/venv/bin/pip install 'tree-sitter>=0.25' 'tree-sitter-hcl>=1.2'
    /tmp/venv/bin/python scripts/compare_with_terraform.py FOLDER...

Every folder below those given that has `*.tf` or `*.tf.json` files is one root module. It needs `terraform` and `cargo`, and no network.

What is compared, for each folder:

- Whether it can be read: Slipway has no problem with a folder whose files `terraform init` loads, without its modules and providers.
  A folder whose variables Terraform rejects is rejected. What else Terraform rejects alone is listed, and is no difference: Slipway
  leaves resources, expressions and the like to it.
- The names of its variables, and which of them have no value: with the other parser, and with Terraform where there are `*.tfvars`.
- The text of each type: with the other parser.
- Each default: Terraform converts Slipway's reading of it, and the blueprint's own text, to the variable's type; both come to the same
  JSON. Values of `terraform.tfvars` and `*.auto.tfvars` count as defaults.
- The module calls by a path: with the other parser.

The exit status is 1 where anything differs.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import tree_sitter_hcl
from tree_sitter import Language, Node, Parser

REPOSITORY = Path(__file__).resolve().parent.parent
PARSER = Parser(Language(tree_sitter_hcl.language()))
CHUNK = 40

# The other parser does not know an exponent behind a number without a dot.
WHOLE_WITH_EXPONENT = re.compile(rb"(?<![\w.\"])(\d+)([eE][+-]?\d+)\b")

# What `terraform init` says of modules, providers and itself, and not of the folder's own files.
NOT_OF_THE_FILES = (
    "Module not installed",
    "Failed to query available provider packages",
    "Failed to resolve provider packages",
    "Failed to install provider",
    "Error while installing",
    "Invalid provider registry host",
    "Terraform encountered problems",
)
# Terraform says nothing else of a folder that asks for another version.
OTHER_VERSION = "Unsupported Terraform Core version"
NO_VALUE = re.compile(r'variable "([^"]+)"')


@dataclass
class Module:
    """A folder, as the other parser reads it."""

    folder: str
    variables: dict[str, dict[str, str]] = field(default_factory=dict)
    calls: dict[str, str] = field(default_factory=dict)

    def add_variable(self, name: str, values: dict[str, str], overrides: bool) -> None:
        before = self.variables.get(name, {}) if overrides else {}
        self.variables[name] = {**before, **values}

    def add_call(self, name: str, source: str | None) -> None:
        if source is not None:
            self.calls[name] = source

    def local_calls(self) -> set[tuple[str, str]]:
        return {(name, source) for name, source in self.calls.items() if source.startswith(("./", "../"))}


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


def is_override(name: str) -> bool:
    stem = name.removesuffix(".json").removesuffix(".tf")
    return stem == "override" or stem.endswith("_override")


def is_values(name: str) -> bool:
    """Whether Terraform reads values from a file of this name without being told to."""
    return name in ("terraform.tfvars", "terraform.tfvars.json") or name.endswith((".auto.tfvars", ".auto.tfvars.json"))


def files_of_values(folder: str) -> list[Path]:
    return [path for path in Path(folder).iterdir() if is_values(path.name) and path.is_file()]


def read(folder: str) -> Module:
    """Reads a folder with the other parser; override files come last, and change what is declared."""
    module = Module(folder)
    files = [path for end in ("*.tf", "*.tf.json") for path in Path(folder).glob(end) if path.is_file() and not is_ignored(path.name)]
    for path in sorted(files, key=lambda path: (is_override(path.name), path.name)):
        # The parser knows no byte order mark; Terraform passes over it.
        content = path.read_bytes().removeprefix(b"\xef\xbb\xbf")
        if path.name.endswith(".json"):
            read_json(module, content, is_override(path.name))
        else:
            read_native(module, content, is_override(path.name))
    return module


def read_native(module: Module, content: bytes, overrides: bool) -> None:
    root = PARSER.parse(content).root_node
    if root.has_error:
        root = PARSER.parse(WHOLE_WITH_EXPONENT.sub(rb"\1.0\2", content)).root_node
    body = next((child for child in root.children if child.type == "body"), None)
    for kind, labels, inner in blocks(body):
        if kind == "variable" and labels:
            module.add_variable(labels[0], arguments(inner), overrides)
        elif kind == "module" and labels:
            source = arguments(inner).get("source")
            module.add_call(labels[0], source and source.strip('"'))


def read_json(module: Module, content: bytes, overrides: bool) -> None:
    try:
        document = json.loads(content)
    except ValueError:
        return
    for name, body in labelled(document, "variable"):
        values = {key: literal(value) for key, value in body.items()}
        if isinstance(body.get("type"), str):
            values["type"] = body["type"]
        module.add_variable(name, values, overrides)
    for name, body in labelled(document, "module"):
        module.add_call(name, body.get("source"))


def labelled(document: object, kind: str) -> list[tuple[str, dict]]:
    """The blocks of a kind with one label: objects, or lists of objects, at each level."""

    def each(value: object) -> list[dict]:
        return [one for one in (value if isinstance(value, list) else [value]) if isinstance(one, dict)]

    return [
        (name, body) for top in each(document) for group in each(top.get(kind)) for name, bodies in group.items() for body in each(bodies)
    ]


def slipway(folders: list[str]) -> dict[str, dict]:
    cargo = ["cargo", "run", "--quiet", "--locked", "--package", "slipway-model", "--example", "read_modules"]
    run = subprocess.run(cargo, cwd=REPOSITORY, input="\n".join(folders), text=True, stdout=subprocess.PIPE, check=True)
    return {line["folder"]: line for line in map(json.loads, filter(None, run.stdout.split("\n")))}


def terraform(*words: str, cwd: str | None = None) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "CHECKPOINT_DISABLE": "1", "TF_IN_AUTOMATION": "1"}
    return subprocess.run(["terraform", *words], cwd=cwd, env=environment, text=True, capture_output=True, check=False)


def messages(run: subprocess.CompletedProcess[str]) -> list[dict]:
    """The messages of a command with `-json`. A text in them may have marks that Python takes for line ends."""
    found = []
    for line in run.stdout.split("\n"):
        try:
            found.append(json.loads(line))
        except ValueError:
            continue
    return found


def errors_of(run: subprocess.CompletedProcess[str]) -> list[tuple[str, str]]:
    """The summary and the detail of each error."""
    diagnostics = [message["diagnostic"] for message in messages(run) if "diagnostic" in message]
    found = [(each["summary"], each["detail"]) for each in diagnostics if each["severity"] == "error"]
    if run.returncode != 0 and not found:
        return [("no reason", (run.stdout + run.stderr)[-300:])]
    return found


def rejected(folder: str) -> list[str]:
    """Why Terraform does not load the files of a folder."""
    with tempfile.TemporaryDirectory() as work, tempfile.TemporaryDirectory() as none:
        for path in Path(folder).iterdir():
            if path.is_file() and path.name.endswith((".tf", ".tf.json", ".tfvars", ".tfvars.json")):
                shutil.copyfile(path, Path(work, path.name))
        run = terraform("init", "-backend=false", "-get=false", "-input=false", "-json", f"-plugin-dir={none}", cwd=work)
        return [" ".join(f"{summary}: {detail}".split()) for summary, detail in errors_of(run) if not summary.startswith(NOT_OF_THE_FILES)]


def applied(variables: dict[str, dict[str, str]], values: list[Path]) -> subprocess.CompletedProcess[str]:
    with tempfile.TemporaryDirectory() as work:
        lines = []
        for name, arguments_of in variables.items():
            body = "\n".join(f"{key} = {value}" for key, value in arguments_of.items() if key in ("type", "default", "nullable"))
            lines.append(f'variable "{name}" {{\n{body}\n}}\noutput "{name}" {{\nvalue = jsonencode(var.{name})\n}}\n')
        Path(work, "main.tf").write_text("".join(lines))
        for path in values:
            shutil.copyfile(path, Path(work, path.name))
        return terraform("apply", "-auto-approve", "-json", "-input=false", "-lock=false", cwd=work)


def evaluate(variables: dict[str, dict[str, str]], values: list[Path] | None = None) -> dict[str, str] | None:
    """The JSON of each variable's value after its conversion to the type; None where Terraform rejects one."""
    run = applied(variables, values or [])
    if run.returncode != 0:
        return None
    outputs: dict[str, str] = {}
    for message in messages(run):
        if message["type"] == "outputs":
            outputs.update({name: output["value"] for name, output in message["outputs"].items() if "value" in output})
    return outputs


def without_value(module: Module) -> set[str]:
    """The variables of a folder for which Terraform wants a value."""
    values = files_of_values(module.folder)
    if not values:
        return {name for name, arguments_of in module.variables.items() if "default" not in arguments_of}
    details = [detail for summary, detail in errors_of(applied(module.variables, values)) if summary == "No value for required variable"]
    return {found[1] for found in map(NO_VALUE.search, details) if found}


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


def compare(module: Module, ours: dict, required: set[str], differences: list[str]) -> None:
    place = module.folder
    names = {variable["name"] for variable in ours["variables"]}
    if names != set(module.variables):
        differences.append(f"{place}: variables differ: {sorted(names ^ set(module.variables))}")
    for variable in ours["variables"]:
        theirs = module.variables.get(variable["name"], {})
        if variable["required"] != (variable["name"] in required):
            differences.append(f"{place}: {variable['name']}: required differs")
        if "".join(variable["type_text"].split()) != "".join(theirs.get("type", "any").split()):
            differences.append(f"{place}: {variable['name']}: the type is read as {variable['type_text']!r}, not {theirs.get('type')!r}")
    calls = {(name, path) for name, path in ours["modules"]}
    if calls != module.local_calls():
        differences.append(f"{place}: module calls differ: {sorted(calls ^ module.local_calls())}")


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("folders", nargs="+", help="folders with root modules anywhere below them")
    roots = options.parse_args().folders
    files = [path for root in roots for end in ("*.tf", "*.tf.json") for path in Path(root).rglob(end) if path.is_file()]
    folders = sorted({str(path.parent.resolve()) for path in files})
    print(f"{len(folders)} folders")
    ours = slipway(folders)
    modules = {folder: read(folder) for folder in folders}
    with ThreadPoolExecutor(2) as pool:
        reasons = dict(zip(folders, pool.map(rejected, folders), strict=True))
        required = dict(zip(folders, pool.map(without_value, modules.values()), strict=True))
    count: Counter[str] = Counter()
    differences: list[str] = []
    left: list[str] = []
    with_value = {
        folder: {name: values for name, values in module.variables.items() if name not in required[folder]}
        for folder, module in modules.items()
    }
    own_values = {folder: files_of_values(folder) for folder in folders}
    theirs = evaluate_all([(folder, variables) for folder, variables in with_value.items() if not own_values[folder]])
    theirs.update({folder: evaluate(with_value[folder], values) for folder, values in own_values.items() if values})
    read_by_us = {}
    for folder, module in modules.items():
        problems = ours[folder]["problems"]
        if problems:
            count["rejected"] += 1
            if not reasons[folder] and theirs[folder] is not None:
                differences.append(f"{folder}: rejected, and Terraform accepts it: {problems}")
            continue
        count["read"] += 1
        reason = next((reason for reason in reasons[folder] if not reason.startswith(OTHER_VERSION)), None)
        if reason is not None:
            count["rejected by Terraform alone"] += 1
            left.append(f"{folder}: left to Terraform: {reason}")
            continue
        if theirs[folder] is None:
            differences.append(f"{folder}: accepted, and Terraform rejects its variables")
            continue
        compare(module, ours[folder], required[folder], differences)
        variables = {}
        for variable in ours[folder]["variables"]:
            if variable["required"] or variable["sensitive"] or "default_expression" in variable:
                continue
            values = module.variables.get(variable["name"], {})
            variables[variable["name"]] = {**values, "default": literal(variable.get("default"))}
        read_by_us[folder] = variables

    for folder, found in evaluate_all(list(read_by_us.items())).items():
        for name in read_by_us[folder]:
            count["defaults"] += 1
            # Folders whose variables Terraform rejects are not read by us, see above.
            expected = (theirs[folder] or {}).get(name)
            if found is None or found[name] != expected:
                differences.append(f"{folder}: {name}: the default is read as {found and found[name]}, not {expected}")
    for folder in folders:
        count["variables"] += len(ours[folder]["variables"])
        count["calls"] += len(ours[folder]["modules"])
    print(", ".join(f"{number} {what}" for what, number in count.items()))
    for line in left + differences:
        print(line)
    print(f"{len(differences)} differences")
    return 1 if differences else 0


if __name__ == "__main__":
    sys.exit(main())
