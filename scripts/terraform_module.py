"""A Terraform module as its own files say it: what it declares, and what it refers to.

Read with python-hcl2's syntax tree, which keeps the places of things: what people read is then the module's own text, never a
rendering of it.
"""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import hcl2
from lark import Token, Tree

# A heredoc is one token to the library: what it interpolates is found by this.
HEREDOC_REFERENCE = re.compile(r"\b(var|local|data|module)\.([A-Za-z_][\w-]*)(?:\.([A-Za-z_][\w-]*))?")


@dataclass(frozen=True)
class Block:
    """A block, with the file and the line it begins in."""

    kind: str
    labels: tuple[str, ...]
    path: Path
    line: int
    text: str
    attributes: dict[str, Expression]
    blocks: tuple[Block, ...]

    def inner(self, kind: str) -> list[Block]:
        return [block for block in self.blocks if block.kind == kind]

    @property
    def name(self) -> str:
        return self.labels[-1]

    def __str__(self) -> str:
        return ".".join((self.kind, *self.labels))


@dataclass(frozen=True)
class Expression:
    """The right side of an attribute."""

    text: str
    tree: Tree = field(repr=False)
    line: int = 0

    def string(self) -> str | None:
        """What a string without interpolations says, else None."""
        node = self.tree
        while isinstance(node, Tree) and node.data == "expr_term" and len(node.children) == 1:
            node = node.children[0]
        if not isinstance(node, Tree):
            return None
        if node.data.startswith("heredoc"):
            body = self.text.split("\n", 1)[1].rsplit("\n", 1)[0]
            return textwrap.dedent(body) if self.text.startswith("<<-") else body
        if node.data != "string" or any(True for _ in node.find_data("interpolation")):
            return None
        try:
            return json.loads(self.text.replace("$${", "${").replace("%%{", "%{"))
        except json.JSONDecodeError:
            return self.text[1:-1]

    def without_comments(self) -> str:
        """The text without its comments, as it would stand in the file."""
        start = self.tree.meta.start_pos
        text = self.text
        comments = [
            (token.start_pos - start, token.end_pos - start)
            for token in self.tree.scan_values(lambda value: isinstance(value, Token) and value.type == "NL_OR_COMMENT")
            if token.strip()
        ]
        for begin, end in sorted(comments, reverse=True):
            text = text[:begin].rstrip(" \t") + "\n" + text[end:].lstrip("\n")
        lines = [line for line in text.split("\n") if line.strip()]
        if len(lines) > 1:
            lines[1:] = textwrap.dedent("\n".join(lines[1:])).split("\n")
            # The last line closes what the first opened; everything between is one step in.
            lines[1:-1] = textwrap.indent(textwrap.dedent("\n".join(lines[1:-1])), "  ").split("\n")
        return "\n".join(lines)


@dataclass
class Module:
    """The blocks of all `*.tf` files of one folder."""

    folder: Path
    blocks: list[Block]
    references: set[tuple[str, ...]]

    def of(self, kind: str) -> list[Block]:
        return [block for block in self.blocks if block.kind == kind]


def read(folder: Path) -> Module:
    """Reads a module; a file that is not HCL ends the program with its name."""
    blocks: list[Block] = []
    references: set[tuple[str, ...]] = set()
    for path in sorted(folder.glob("*.tf")):
        text = path.read_text(encoding="utf-8")
        try:
            tree = hcl2.parses_to_tree(text if text.endswith("\n") else text + "\n")
        except Exception as error:  # the library's errors have no common class
            raise SystemExit(f"{path}: this is not Terraform's language: {error}") from error
        body = next(child for child in tree.children if child.data == "body")
        for child in body.children:
            if child.data == "block":
                block = _block(child, path, text)
                blocks.append(block)
                # A variable that only its own validation refers to is unused.
                itself = ("var", block.name) if block.kind == "variable" else None
                references |= {chain for chain in _references(child) if chain[:2] != itself}
    return Module(folder, blocks, references)


def modules(*roots: Path) -> list[Path]:
    """The folders right below the roots that hold a Terraform module."""
    return sorted(folder for root in roots if root.is_dir() for folder in root.iterdir() if any(folder.glob("*.tf")))


def _block(tree: Tree, path: Path, text: str) -> Block:
    names = [
        text[child.meta.start_pos : child.meta.end_pos].strip('"')
        for child in tree.children
        if isinstance(child, Tree) and child.data in ("identifier", "keyword", "string")
    ]
    body = next(child for child in tree.children if isinstance(child, Tree) and child.data == "body")
    attributes: dict[str, Expression] = {}
    inner: list[Block] = []
    for child in body.children:
        if child.data == "attribute":
            name, _, value = child.children
            attributes[text[name.meta.start_pos : name.meta.end_pos]] = Expression(
                text[value.meta.start_pos : value.meta.end_pos].strip(), value, value.meta.line
            )
        elif child.data == "block":
            inner.append(_block(child, path, text))
    place = text[tree.meta.start_pos : tree.meta.end_pos]
    return Block(names[0], tuple(names[1:]), path, tree.meta.line, place, attributes, tuple(inner))


def _references(tree: Tree) -> Iterator[tuple[str, ...]]:
    """Every `a.b`, `a.b.c` ... that an expression begins with."""
    for node in tree.find_data("get_attr_expr_term"):
        chain = _chain(node)
        if chain:
            yield chain
    for token in tree.scan_values(lambda value: isinstance(value, Token) and value.type.startswith("HEREDOC")):
        for match in HEREDOC_REFERENCE.finditer(token):
            yield tuple(part for part in match.groups() if part)


def _chain(node: Tree) -> tuple[str, ...]:
    names: list[str] = []
    while isinstance(node, Tree):
        if node.data == "expr_term" and len(node.children) == 1:
            node = node.children[0]
        elif node.data == "get_attr_expr_term":
            names.insert(0, str(node.children[1].children[-1].children[-1]))
            node = node.children[0]
        elif node.data in ("index_expr_term", "attr_splat_expr_term", "full_splat_expr_term"):
            # What follows an index is an attribute of a value; only the name in front of it counts.
            names.clear()
            node = node.children[0]
        elif node.data == "identifier":
            return (str(node.children[0]), *names)
        else:
            break
    return ()


def object_attributes(kind: str) -> Iterator[str]:
    """The attributes of the object in a type constraint, those of objects in it as `outer.inner`."""
    start = kind.find("object({")
    if start < 0:
        return
    depth, begin = 0, start + len("object({")
    for index in range(begin, len(kind)):
        if kind[index] in "({[":
            depth += 1
        elif kind[index] in ")}]":
            depth -= 1
        if depth < 0 or (depth == 0 and kind[index] in ",\n"):
            name, _, inner = kind[begin:index].partition("=")
            begin = index + 1
            if inner:
                yield name.strip()
                yield from (f"{name.strip()}.{attribute}" for attribute in object_attributes(inner))
        if depth < 0:
            return
