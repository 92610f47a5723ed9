"""Reads CloudFormation templates: YAML with short forms becomes the JSON that AWS documents."""

from pathlib import Path

import yaml


class Loader(yaml.SafeLoader):
    """YAML with CloudFormation's short forms."""


def _tagged(loader, tag, node):
    name = tag if tag in ("Ref", "Condition") else f"Fn::{tag}"
    if isinstance(node, yaml.ScalarNode):
        value = loader.construct_scalar(node)
        return {name: value.split(".", 1) if tag == "GetAtt" else value}
    if isinstance(node, yaml.SequenceNode):
        return {name: loader.construct_sequence(node, deep=True)}
    return {name: loader.construct_mapping(node, deep=True)}


Loader.add_multi_constructor("!", _tagged)


def load(path: Path) -> dict:
    return yaml.load(path.read_text(), Loader=Loader)
