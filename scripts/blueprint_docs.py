#!/usr/bin/env python3
"""Writes the tables of inputs, outputs and updates into the README.md of every blueprint and Terraform module.

    scripts/blueprint_docs.py            writes them
    scripts/blueprint_docs.py --check    fails where a README says something else, and shows the difference

The tables stand between two markers; a README without them is refused. Needs .ci/requirements-blueprints.txt.
"""

import argparse
import difflib
import sys
from pathlib import Path

import blueprint_updates
from terraform_module import Block, Expression, Module, modules, read

BEGIN = "<!-- BEGIN inputs and outputs -->"
END = "<!-- END inputs and outputs -->"
# A type or a default that is longer, or has lines of its own, stands below the table.
CELL = 48


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="change nothing; fail where a README says something else")
    parser.add_argument("module", nargs="*", type=Path, help="folders of modules; all below tf/ if left out")
    arguments = parser.parse_args()
    root = Path(__file__).resolve().parent.parent
    folders = arguments.module or modules(root / "tf" / "blueprints", root / "tf" / "modules")
    problems = 0
    for folder in folders:
        readme = folder / "README.md"
        try:
            before = readme.read_text(encoding="utf-8")
            after = with_tables(before, tables(read(folder)))
        except (FileNotFoundError, ValueError) as error:
            problems += 1
            reason = "there is none; write what it makes, a picture, what it costs and how to use it"
            print(f"{readme}: {error if isinstance(error, ValueError) else reason}", file=sys.stderr)
            continue
        if before == after:
            continue
        if arguments.check:
            problems += 1
            lines = difflib.unified_diff(before.splitlines(), after.splitlines(), str(readme), "what the module says", lineterm="", n=0)
            print(*lines, sep="\n", file=sys.stderr)
        else:
            readme.write_text(after, encoding="utf-8")
            print(f"wrote {readme}")
    if problems:
        sys.exit(f"{problems} README.md differ from their modules: run scripts/blueprint_docs.py" if arguments.check else 1)


def with_tables(readme: str, text: str) -> str:
    """The README with the text between its markers."""
    if readme.count(BEGIN) != 1 or readme.count(END) != 1 or readme.index(BEGIN) > readme.index(END):
        raise ValueError(f"it needs the lines `{BEGIN}` and `{END}` once each, in this order, where the tables shall stand")
    before, rest = readme.split(BEGIN)
    return f"{before}{BEGIN}\n{text}\n{END}{rest.split(END)[1]}"


def tables(module: Module) -> str:
    updates = blueprint_updates.read(module.folder)
    parts = (inputs(module), outputs(module), blueprint_updates.table(updates) if updates else "")
    return "\n".join(part for part in parts if part).strip("\n")


def inputs(module: Module) -> str:
    # In the order of the file, which groups what belongs together.
    variables = module.of("variable")
    if not variables:
        return "## Inputs\n\nNone.\n"
    lines = ["## Inputs", "", "| name | type | default | what it is |", "| --- | --- | --- | --- |"]
    below: list[str] = []
    for variable in variables:
        kind, default = variable.attributes.get("type"), variable.attributes.get("default")
        lines.append(f"| `{variable.name}` | {short_type(kind)} | {short_default(default)} | {what(variable)} |")
        details = attributes(variable)
        if details:
            below += ["", f"The attributes of `{variable.name}`:", "", details]
        if kind and is_long(kind):
            below += ["", f"The type of `{variable.name}`:", "", "```hcl", kind.without_comments(), "```"]
        if default and is_long(default):
            below += ["", f"The default of `{variable.name}`:", "", "```hcl", default.without_comments(), "```"]
    return "\n".join((*lines, *below, ""))


def outputs(module: Module) -> str:
    if not module.of("output"):
        return ""
    lines = ["## Outputs", "", "| name | what it is |", "| --- | --- |"]
    lines += [f"| `{output.name}` | {what(output)} |" for output in module.of("output")]
    return "\n".join((*lines, ""))


def what(block: Block) -> str:
    """The first paragraph of the description, and whether a value is hidden. What a value has to be says the message when it is not."""
    parts = [said(block.attributes.get("description")).split(" - `")[0]]
    if "sensitive" in block.attributes and block.attributes["sensitive"].text == "true":
        parts.append("Sensitive: never shown again.")
    if block.kind == "variable" and "nullable" in block.attributes and block.attributes["nullable"].text == "false":
        parts.append("Not null.")
    return cell("<br>".join(part for part in parts if part))


def attributes(variable: Block) -> str:
    """The list in a description, one attribute a line."""
    expression = variable.attributes.get("description")
    text = (expression.string() or "") if expression else ""
    start = text.find("\n- ")
    if start < 0:
        return ""
    items = [" ".join(item.split()) for item in text[start:].split("\n- ")[1:]]
    return "\n".join(f"- {item}" for item in items)


def said(expression: Expression | None) -> str:
    """What a text says; the text of the expression where it is not a plain string."""
    if expression is None:
        return ""
    text = " ".join((expression.string() or expression.text).split())
    # Outside of code, `<name>` would be taken for HTML and not be seen.
    parts = text.split("`")
    return "`".join(part if index % 2 else part.replace("<", "&lt;") for index, part in enumerate(parts))


def is_long(expression: Expression) -> bool:
    text = expression.without_comments()
    return "\n" in text or len(text) > CELL


def short_type(expression: Expression | None) -> str:
    if expression is None:
        return "any"
    text = expression.without_comments()
    # `map(object({` and so on: enough to recognise it; the complete type is below.
    return cell(f"`{text.split('{')[0]}{{…}}{')' * text.split('{')[0].count('(')}`" if is_long(expression) else f"`{text}`")


def short_default(expression: Expression | None) -> str:
    if expression is None:
        return "*required*"
    return "below" if is_long(expression) else cell(f"`{expression.without_comments()}`")


def cell(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    main()
