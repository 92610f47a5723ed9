#!/usr/bin/env python3
"""Holds every blueprint and Terraform module to the rules of tflint's Terraform rule set that matter here, and to some of our own.

    scripts/lint_terraform.py               reads all below tf/
    scripts/lint_terraform.py --self-test   shows that a module with every mistake is found out

tflint itself is a program that no package registry of Python or Node has; the rules keep its names, so that it can take over
where it is installed. Needs .ci/requirements-blueprints.txt.
"""

import argparse
import re
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import hcl2
from lark import Token
from terraform_module import Block, Module, modules, object_attributes, read

SNAKE_CASE = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
# A long list of variables may stand in several files: variables.tf, variables_network.tf.
PLACES = {"variable": "variables", "output": "outputs", "terraform": "versions"}


@dataclass(frozen=True)
class Finding:
    path: Path
    line: int
    rule: str
    what: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.rule}: {self.what}"


def at(block: Block, rule: str, what: str) -> Finding:
    return Finding(block.path, block.line, rule, what)


def documented(module: Module) -> Iterator[Finding]:
    """terraform_documented_variables, terraform_documented_outputs, terraform_typed_variables"""
    for kind in ("variable", "output"):
        for block in module.of(kind):
            description = block.attributes.get("description")
            if description is None or not (description.string() or "").strip():
                yield at(block, f"terraform_documented_{kind}s", f"say in `description` what {block} is")
    for block in module.of("variable"):
        if "type" not in block.attributes or block.attributes["type"].text == "any":
            yield at(block, "terraform_typed_variables", f"give {block} its `type`")


def described(module: Module) -> Iterator[Finding]:
    """slipway_described_attributes: each attribute of an object has a line of its own in the description, and no other has."""
    for block in module.of("variable"):
        if "type" not in block.attributes:
            continue
        wanted = set(object_attributes(block.attributes["type"].without_comments()))
        text = block.attributes["description"].string() if "description" in block.attributes else None
        lines = set(re.findall(r"^- `([a-z0-9_.]+)`: ", text or "", re.MULTILINE))
        if wanted != lines:
            what = 'write a line "- `name`: what it is" of each attribute'
            yield at(block, "slipway_described_attributes", f"{what} of {block}, not as now of {', '.join(sorted(wanted ^ lines))}")


def unused(module: Module) -> Iterator[Finding]:
    """terraform_unused_declarations"""
    declared: list[tuple[tuple[str, ...], Block]] = []
    declared += [(("var", block.name), block) for block in module.of("variable")]
    declared += [(("data", *block.labels), block) for block in module.of("data")]
    declared += [(("local", name), block) for block in module.of("locals") for name in block.attributes]
    for name, block in declared:
        if not any(chain[: len(name)] == name for chain in module.references):
            yield at(block, "terraform_unused_declarations", f"nothing uses {'.'.join(name)}")


def versions(module: Module) -> Iterator[Finding]:
    """terraform_required_version, terraform_required_providers, terraform_unused_required_providers"""
    start = Finding(module.folder / "versions.tf", 1, "", "")
    settings = module.of("terraform")
    if not any("required_version" in block.attributes for block in settings):
        yield Finding(start.path, 1, "terraform_required_version", "say in `terraform { required_version }` which Terraform it needs")
    declared: dict[str, Block] = {}
    for required in (inner for block in settings for inner in block.inner("required_providers")):
        for name, value in required.attributes.items():
            declared[name] = required
            if not ("source" in value.text and re.search(r"\bversion\b", value.text)):
                yield at(required, "terraform_required_providers", f"give provider {name} a `source` and a `version`")
    used: dict[str, Block] = {}
    for block in (*module.of("resource"), *module.of("data"), *module.of("ephemeral")):
        used.setdefault(block.labels[0].split("_")[0], block)
    # terraform_data and terraform_remote_state are Terraform's own.
    for name in sorted(used.keys() - declared.keys() - {"terraform"}):
        yield at(used[name], "terraform_required_providers", f"require provider {name} in versions.tf, with a `version`")
    functions = " ".join(block.text for block in module.blocks)
    for name in sorted(declared.keys() - used.keys()):
        if f"provider::{name}::" not in functions and not module.of("module"):
            yield at(declared[name], "terraform_unused_required_providers", f"nothing uses provider {name}")


def least(module: Module) -> Iterator[Finding]:
    """slipway_least_version: what a module asks for is what Slipway runs, Terraform 1.11 or OpenTofu 1.10, unless it uses more."""
    # Ephemeral values and write-only arguments: OpenTofu compares its own version, and has them from 1.11 on.
    uses_more = any(block.kind == "ephemeral" or any(name.endswith("_wo") for name in block.attributes) for block in module.blocks)
    wanted = ">= 1.11" if uses_more else ">= 1.10"
    for block in module.of("terraform"):
        if "required_version" in block.attributes and block.attributes["required_version"].string() != wanted:
            yield at(
                block, "slipway_least_version", f'write `required_version = "{wanted}"`: see docs/blueprints.md, Terraform or OpenTofu'
            )


def names(module: Module) -> Iterator[Finding]:
    """terraform_naming_convention"""
    named = [(block.name, block) for block in module.blocks if block.kind in ("variable", "output", "resource", "data", "module")]
    named += [(name, block) for block in module.of("locals") for name in block.attributes]
    for name, block in named:
        if not SNAKE_CASE.fullmatch(name):
            yield at(block, "terraform_naming_convention", f"write `{name}` in lower case with underscores")


def structure(module: Module) -> Iterator[Finding]:
    """terraform_standard_module_structure, and what a root module of Slipway must not hold"""
    for name in ("main.tf", "variables.tf", "versions.tf", "README.md"):
        if not (module.folder / name).is_file():
            yield Finding(module.folder / name, 1, "terraform_standard_module_structure", "a module has this file")
    for kind, place in PLACES.items():
        for block in module.of(kind):
            if block.path.stem.split("_")[0] != place:
                yield at(block, "terraform_standard_module_structure", f"{block} belongs into {place}.tf")
    for block in module.of("terraform"):
        for inner in (*block.inner("backend"), *block.inner("cloud")):
            yield at(inner, "slipway_no_backend", "Slipway's runner says where the state is: take this block out")
    for block in module.of("module"):
        source = block.attributes["source"].string() if "source" in block.attributes else None
        if not (source or "").startswith(("./", "../")):
            yield at(block, "terraform_module_pinned_source", "builds reach no registry: use a module of this repository, by its path")


def text(module: Module) -> Iterator[Finding]:
    """terraform_deprecated_interpolation, terraform_comment_syntax"""
    for path in sorted(module.folder.glob("*.tf")):
        tree = hcl2.parses_to_tree(path.read_text(encoding="utf-8"))
        for node in tree.find_data("string"):
            parts = [child for child in node.children if not isinstance(child, Token)]
            if len(parts) == 1 and any(True for _ in parts[0].find_data("interpolation")):
                yield Finding(path, node.meta.line, "terraform_deprecated_interpolation", 'write the expression without "${" and "}"')
        for token in tree.scan_values(lambda value: isinstance(value, Token) and value.type == "NL_OR_COMMENT"):
            if token.lstrip().startswith("//"):
                yield Finding(path, token.line, "terraform_comment_syntax", "a comment begins with #")


def validations(module: Module) -> Iterator[Finding]:
    """slipway_tested_validations: as many runs expect a variable to be refused as it has validations."""
    refused: Counter[str] = Counter()
    for path in sorted((module.folder / "tests").glob("*.tftest.hcl")):
        for match in re.finditer(r"expect_failures\s*=\s*\[([^\]]*)\]", path.read_text(encoding="utf-8")):
            refused.update(set(re.findall(r"\bvar\.([a-z0-9_]+)", match.group(1))))
    for block in module.of("variable"):
        wanted = len(block.inner("validation"))
        if refused[block.name] < wanted:
            what = f"{block} has {wanted} validations, and {refused[block.name]} runs of tests/*.tftest.hcl expect them to refuse something"
            yield at(block, "slipway_tested_validations", what)


# What AWS takes in the texts that people read, by the arguments' resource types. tf/testing/provider/fakeprov/aws_rules.py has the same
# for values that are known at a plan only.
# https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateSecurityGroup.html, .../IAM/latest/APIReference/API_CreateRole.html
AWS_TEXTS = (
    (
        re.compile(r"aws_security_group|aws_vpc_security_group_(in|e)gress_rule"),
        re.compile(r"[0-9A-Za-z_ .:/()#,@\[\]+=&;{}!$*-]{0,255}"),
        "letters, digits and ._-:/()#,@[]+=&;{}!$*",
    ),
    (re.compile(r"aws_iam_(role|policy)"), re.compile("[\t\n\r\x20-\x7e\xa1-\xff]{0,1000}"), "the characters of Latin-1"),
)
# What others hold on to: the new one has to be there before the old one goes, or AWS refuses to delete it or leaves a gap.
HELD = {"aws_acm_certificate", "aws_db_parameter_group", "aws_lb_listener_rule", "aws_lb_target_group", "aws_rds_cluster_parameter_group"}


def aws_texts(module: Module) -> Iterator[Finding]:
    """slipway_aws_text: descriptions have characters that AWS takes. The real provider lets all pass, and the apply fails."""
    for block in module.of("resource"):
        for kinds, pattern, said in AWS_TEXTS:
            text = block.attributes.get("description")
            if not kinds.fullmatch(block.labels[0]) or text is None:
                continue
            if not pattern.fullmatch(re.sub(r"\$\{[^}]*\}", "x", text.text.strip('"'))):
                yield at(block, "slipway_aws_text", f"AWS takes {said} in the description of {block}")


def replaced_in_use(module: Module) -> Iterator[Finding]:
    """slipway_replaced_in_use, slipway_port_of_task_definition: an update does not fail, or leave a gap, half-way."""
    for block in module.of("resource"):
        lifecycle = [attribute for inner in block.inner("lifecycle") for attribute in inner.attributes.items()]
        said = {name: value.text for name, value in lifecycle}
        if block.labels[0] in HELD and said.get("create_before_destroy") != "true":
            yield at(block, "slipway_replaced_in_use", f"set `create_before_destroy = true` on {block}: AWS deletes none that is in use")
        if (
            block.labels[0] == "aws_ecs_service"
            and "task_definition" in said.get("ignore_changes", "")
            and "replace_triggered_by" not in said
        ):
            what = f"make {block} anew with another port (`replace_triggered_by`): ECS refuses a port that the kept task definition lacks"
            yield at(block, "slipway_port_of_task_definition", what)
        sent_on = any("redirect" in action.text for action in block.inner("default_action"))
        if block.labels[0] == "aws_lb_listener" and sent_on and "depends_on" not in block.attributes and "for_each" not in block.attributes:
            yield at(block, "slipway_redirect_to_nowhere", f"let {block} depend on the listener that it sends people to")


def databases(module: Module) -> Iterator[Finding]:
    """slipway_extended_support, slipway_pinned_upgrade: no charge, and no replacement, without a request."""
    for block in module.of("resource"):
        if block.labels[0] in ("aws_db_instance", "aws_rds_cluster") and "engine_lifecycle_support" not in block.attributes:
            yield at(
                block,
                "slipway_extended_support",
                f"set `engine_lifecycle_support` on {block}: RDS enrols it in Extended Support by itself, and charges",
            )
        upgrades = block.attributes.get("auto_minor_version_upgrade")
        if (
            block.labels[0] == "aws_elasticache_replication_group"
            and "engine_version" in block.attributes
            and (upgrades is None or upgrades.text != "false")
        ):
            yield at(
                block,
                "slipway_pinned_upgrade",
                f"set `auto_minor_version_upgrade = false` on {block}: after AWS's upgrade the next plan would go back to `engine_version`",
            )


def kept_inputs(module: Module) -> Iterator[Finding]:
    """slipway_try_unknown, slipway_same_network: what a stack was made with stays, and is known at a plan."""
    made = {
        name
        for block in module.of("locals")
        for name, value in block.attributes.items()
        if "module." in value.text and "one(" in value.text
    }
    for block in module.of("locals"):
        for name, value in block.attributes.items():
            tried = re.match(r"try\((module\.|local\.(\w+))", value.text)
            if tried and (tried[2] is None or tried[2] in made):
                yield at(
                    block,
                    "slipway_try_unknown",
                    f"write local.{name} as a condition: try() is unknown as soon as one output of the module is",
                )
    kept = any(
        "self.output.vpc" in condition.text
        for block in module.of("resource")
        for life in block.inner("lifecycle")
        for condition in life.inner("postcondition")
    )
    chosen = [block for block in module.of("variable") if block.name == "network"]
    if chosen and module.folder.parent.name != "modules" and not kept:
        what = "refuse another network at the plan, by a postcondition on what the stack was made with: AWS moves nothing"
        yield at(chosen[0], "slipway_same_network", what)


RULES: tuple[Callable[[Module], Iterator[Finding]], ...] = (
    documented,
    described,
    unused,
    versions,
    least,
    names,
    structure,
    text,
    validations,
    aws_texts,
    replaced_in_use,
    databases,
    kept_inputs,
)


def findings(folder: Path) -> list[Finding]:
    module = read(folder)
    return sorted({finding for rule in RULES for finding in rule(module)}, key=lambda found: (str(found.path), found.line, found.rule))


# Every line of it is a mistake, or needed for one.
WRONG = """
terraform {
  backend "local" {}
  required_providers {
    aws  = { source = "hashicorp/aws" }
    null = { source = "hashicorp/null", version = "~> 3.0" }
  }
}
// a comment of another language
variable "Loud" { description = "Not used." }
variable "quiet" {
  type = string
  validation {
    condition     = var.quiet != ""
    error_message = "Say something."
  }
}
locals { unused = 1 }
data "aws_region" "this" {}
resource "random_id" "this" { prefix = "${var.quiet}" }
output "id" { value = random_id.this.hex }
resource "aws_security_group" "this" { description = "The stack's tasks." }
resource "aws_lb_target_group" "this" { name = "x" }
resource "aws_lb_listener" "http" {
  default_action {
    type = "redirect"
    redirect { port = 443 }
  }
}
resource "aws_ecs_service" "this" {
  lifecycle { ignore_changes = [task_definition] }
}
resource "aws_db_instance" "this" { engine = "mysql" }
resource "aws_elasticache_replication_group" "this" { engine_version = "8.0" }
variable "network" { type = object({ vpc_id = string }) }
locals {
  own    = one(module.network)
  vpc_id = try(local.own.vpc_id, var.network)
}
"""
WRONG_MODULE = """
terraform { required_version = ">= 1.11" }
module "far" { source = "terraform-aws-modules/vpc/aws" }
"""
EVERY_RULE = {
    "slipway_aws_text",
    "slipway_described_attributes",
    "slipway_extended_support",
    "slipway_least_version",
    "slipway_no_backend",
    "slipway_pinned_upgrade",
    "slipway_port_of_task_definition",
    "slipway_redirect_to_nowhere",
    "slipway_replaced_in_use",
    "slipway_same_network",
    "slipway_tested_validations",
    "slipway_try_unknown",
    "terraform_comment_syntax",
    "terraform_deprecated_interpolation",
    "terraform_documented_outputs",
    "terraform_documented_variables",
    "terraform_module_pinned_source",
    "terraform_naming_convention",
    "terraform_required_providers",
    "terraform_required_version",
    "terraform_standard_module_structure",
    "terraform_typed_variables",
    "terraform_unused_declarations",
    "terraform_unused_required_providers",
}


def self_test() -> None:
    found: set[str] = set()
    for wrong in (WRONG, WRONG_MODULE):
        with tempfile.TemporaryDirectory() as folder:
            (Path(folder) / "wrong.tf").write_text(wrong, encoding="utf-8")
            found |= {finding.rule for finding in findings(Path(folder))}
    if found != EVERY_RULE:
        sys.exit(f"not found: {sorted(EVERY_RULE - found)}; found and not known: {sorted(found - EVERY_RULE)}")
    print(f"self-test: {len(found)} rules find their mistake")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--self-test", action="store_true", help="show that a module with every mistake is found out")
    parser.add_argument("module", nargs="*", type=Path, help="folders of modules; all below tf/ if left out")
    arguments = parser.parse_args()
    if arguments.self_test:
        self_test()
        return
    tf = Path(__file__).resolve().parent.parent / "tf"
    folders = arguments.module or modules(tf / "blueprints", tf / "modules")
    found = [finding for folder in folders for finding in findings(folder)]
    print(*found, sep="\n" if found else "", end="\n" if found else "", file=sys.stderr)
    if found:
        sys.exit(f"{len(found)} findings in {len(folders)} modules")
    print(f"{len(folders)} modules hold to the rules")


if __name__ == "__main__":
    main()
