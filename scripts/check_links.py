#!/usr/bin/env python3
"""Checks the links of every Markdown file: a relative link leads to a file of the repository, and its fragment to a heading there.
mkdocs checks the links within docs/ as well, and no others. Also checks that bold text is closed in its paragraph.

    python3 scripts/check_links.py              needs nothing
    python3 scripts/check_links.py --self-test  breaks links and expects each finding
"""

import argparse
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LINK = re.compile(r"(?<!\\)\[(?:[^\]\[]|\[[^\]]*\])*\]\(([^()\s]+)\)")


def prose(text: str) -> str:
    """The text without code, in which a bracket is no link."""
    text = re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
    return re.sub(r"`[^`\n]*`", "", text)


def slug(heading: str) -> str:
    """The fragment of a heading, as GitHub makes it."""
    plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).strip().lower()
    return re.sub(r"[^\w\- ]", "", plain).replace(" ", "-")


@cache
def fragments(page: Path) -> frozenset[str]:
    text = re.sub(r"^```.*?^```", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    return frozenset(slug(it) for it in re.findall(r"^#{1,6} (.+)$", text, re.MULTILINE))


def problems(page: Path, text: str) -> Iterator[str]:
    where = page.relative_to(ROOT)
    for link in LINK.findall(prose(text)):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, fragment = link.partition("#")
        file = (page.parent / path).resolve() if path else page
        if not file.is_relative_to(ROOT) or not file.exists():
            yield f"{where}: {link}: no such file"
        elif fragment and file.suffix == ".md" and fragment not in fragments(file):
            yield f"{where}: {link}: {file.relative_to(ROOT)} has no heading of this name"


def paragraphs(text: str) -> Iterator[tuple[int, str]]:
    """The paragraphs, items, headings and rows outside of code, each with its first line."""
    first, lines = 1, list[str]()
    # Code keeps its lines, so that the numbers are right.
    text = re.sub(r"^ *```.*?^ *```", lambda code: "\n" * code.group().count("\n"), text, flags=re.MULTILINE | re.DOTALL)
    for number, line in enumerate([*text.splitlines(), ""], 1):
        if not line.strip() or re.match(r"\s*([*+-]|\d+[.]|#+|[|])\s", line):
            yield first, " ".join(lines)
            first, lines = number, []
        if line.strip():
            first, lines = first if lines else number, [*lines, line]


def emphasis(page: Path, text: str) -> Iterator[str]:
    for line, paragraph in paragraphs(text):
        plain = re.sub(r"`[^`]*`|\\[*]", "", paragraph)
        if "***" in plain or plain.count("**") % 2 or re.search(r"(^|\s)[*]{2}(\s|$)", plain):
            yield f"{page.relative_to(ROOT)}:{line}: bold text is not closed: {paragraph[:60]}"


def pages() -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.md"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return [ROOT / name for name in listed.stdout.splitlines() if (ROOT / name).is_file()]


def self_test():
    page = ROOT / "docs/README.md"
    for text, expected in {
        "[a](nothing.md)": "no such file",
        "[a](glossary.md#nothing)": "no heading",
        "[a](../../x)": "no such file",
        "[a](glossary.md#things) `[a](b)` [a](https://example.com/)": "",
    }.items():
        found = list(problems(page, text))
        if bool(found) != bool(expected) or (expected and expected not in found[0]):
            sys.exit(f"self-test: {text}: expected `{expected or 'nothing'}`, found {found}")
    for text, broken in {
        "***If** it fails, retry.": True,
        "** **real AWS**: a check.\n** **own**: another.": True,
        "* **own**\n  **text": True,
        "* **own**: text\n* **other**\n\n```sh\nls **\n```\n`**` \\** **in\nbold**": False,
    }.items():
        if bool(list(emphasis(page, text))) != broken:
            sys.exit(f"self-test: {text}: broken emphasis is {'not ' if broken else ''}found")
    print("self-test: broken links and broken emphasis are found")


def main():
    arguments = argparse.ArgumentParser(description="Checks the links and the emphasis of every Markdown file.")
    arguments.add_argument("--self-test", action="store_true")
    if arguments.parse_args().self_test:
        return self_test()
    found = [problem for page in pages() for check in (problems, emphasis) for problem in check(page, page.read_text())]
    if found:
        sys.exit("\n".join(found))
    return print(f"links: all of {len(pages())} pages lead somewhere, and their bold text is closed")


if __name__ == "__main__":
    main()
