#!/usr/bin/env python3
"""Checks that `sam build` builds the functions for the architecture that `sam deploy` declares, with SAM CLI's own code.

    python3 scripts/check_sam_config.py               checks samconfig.toml; needs .ci/requirements-sam.txt
    python3 scripts/check_sam_config.py --self-test   sets up installations in a copy, also as `sam deploy --guided` would

SAM CLI keeps parameters by command: what `sam deploy` was given says nothing to `sam build`, which takes the template's default.
"""

import argparse
import shutil
import sys
import tempfile
from pathlib import Path

import click
from samcli.cli.cli_config_file import ConfigProvider
from samcli.cli.types import CfnParameterOverridesType
from samcli.commands.build.command import cli as build
from samcli.commands.deploy.command import cli as deploy
from samcli.commands.deploy.guided_config import GuidedConfig
from samcli.commands.validate.validate import cli as validate
from samcli.lib.config.samconfig import SamConfig
from samcli.lib.providers.provider import Stack
from samcli.lib.providers.sam_function_provider import SamFunctionProvider
from samcli.yamlhelper import yaml_parse

ROOT = Path(__file__).resolve().parent.parent
COMMANDS = {"build": build, "validate": validate, "deploy": deploy}


def overrides(folder: Path, command: str) -> dict:
    """The parameter overrides that SAM CLI reads for a command."""
    with click.Context(COMMANDS[command]):
        found = ConfigProvider(section="parameters")(str(folder / "samconfig.toml"), "default", [command])
    return CfnParameterOverridesType().convert(found.get("parameter_overrides", ""), None, None)


def architectures(folder: Path, command: str) -> dict[str, str]:
    """The architecture of each function, as SAM CLI resolves the template for a command."""
    template = yaml_parse((folder / "template.yaml").read_text())
    stack = Stack(
        parent_stack_path="",
        name="",
        location="template.yaml",
        template_dict=template,
        parameters=overrides(folder, command),
    )
    functions = SamFunctionProvider([stack], use_raw_codeuri=True, ignore_code_extraction_warnings=True).get_all()
    return {function.name: " ".join(function.architectures) for function in functions}


def problems(folder: Path) -> list[str]:
    if "Architecture" not in overrides(folder, "build"):
        return ["samconfig.toml sets no Architecture for `sam build`: it builds for the template's default, whatever is deployed"]
    built, deployed = architectures(folder, "build"), architectures(folder, "deploy")
    return [
        f"{name} is built for {built[name]} and deployed as {deployed[name]}: set Architecture in [default.global.parameters] alone"
        for name in sorted(built)
        if built[name] != deployed[name]
    ]


def self_test() -> None:
    with tempfile.TemporaryDirectory() as copy:
        folder = Path(copy)
        shutil.copy(ROOT / "template.yaml", folder)

        def installed(architecture: str) -> None:
            text = (ROOT / "samconfig.toml").read_text()
            (folder / "samconfig.toml").write_text(text.replace('"Architecture=arm64"', f'"Architecture={architecture}"'))

        # As docs/aws.md says: the line in samconfig.toml, then `sam build && sam deploy` for each upgrade.
        for architecture in ("arm64", "x86_64"):
            installed(architecture)
            for command in COMMANDS:
                found = set(architectures(folder, command).values())
                if found != {architecture}:
                    sys.exit(f"self-test: `sam {command}` of an {architecture} installation takes {found}")

        # As before there was a samconfig.toml.
        (folder / "samconfig.toml").unlink()
        if not problems(folder):
            sys.exit("self-test: a missing samconfig.toml is not found")

        # `sam deploy --guided` saves for `deploy` alone. This is what the check has to find.
        installed("arm64")
        guided = GuidedConfig(template_file=str(folder / "template.yaml"), section="parameters")
        guided._save_parameter_overrides(
            ["deploy"], "default", {"Architecture": {"Value": "x86_64", "Hidden": False}}, config := SamConfig(str(folder))
        )
        config.flush()
        if not problems(folder):
            sys.exit("self-test: a guided deployment for another architecture is not found")
    print("self-test: upgrades keep the architecture of the installation")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--self-test", action="store_true")
    if parser.parse_args().self_test:
        self_test()
        return
    if found := problems(ROOT):
        sys.exit("\n".join(found))
    print(f"sam build and sam deploy agree: {architectures(ROOT, 'build')}")


if __name__ == "__main__":
    main()
