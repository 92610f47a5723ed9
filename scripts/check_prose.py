#!/usr/bin/env python3
"""Counts the words that the glossary replaces (docs/glossary.md), in prose and in code, and fails where a limit is exceeded.

Prose is Markdown outside code blocks. Code is the comments, texts and names of Rust, Python, Terraform, YAML and the state machine.
A limit is per area; it may only fall. A phrase that is right in its place (a quotation, a name of AWS) is listed in ALLOWED with its
reason.

    python3 scripts/check_prose.py              needs nothing
    python3 scripts/check_prose.py --list AREA  each place of an area
    python3 scripts/check_prose.py --self-test  expects each word to be found
"""

import argparse
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

# What to write instead, and the patterns of what not to write. Names of functions are read as words: `call_off` is `call off`.
WORDS = {
    "cancel": [r"call(s|ed|ing)? (it |them |an operation |the operation |operations )?off"],
    "roll back, restore": [r"(put|puts|putting|take|takes|took|taken|bring|brings|brought)( it| them| services?| schedules?)? back"],
    "release, roll out": [r"(bring|brings|brought|come|comes|came|bringing|coming) out\b(?! of)", r"gets? the release"],
    "requester, caller": [r"who(ever)? asks?( for)?", r"who(ever)? asked", r"somebody", r"whoever", r"nobody", r"everybody"],
    "run, operation": [r"\btrips?\b"],
    "report, send": [r"\btold\b", r"\btells?\b", r"\bsay the word\b", r"\bword to\b"],
    "check, poll": [r"look(s|ed|ing)? (at|again|for)\b"],
    "dead-letter": [r"(set|sets|put|puts)( it| them)? aside", r"could not be handled by"],
    "redrive": [r"(bring|brings|brought)( it| them)? again"],
    "idempotent": [r"happens? once", r"asked before"],
    "in progress": [r"under way"],
    "orphaned": [r"\bstranded\b", r"\bleft behind\b"],
    "supported": [r"\boffered\b", r"what it knows"],
    "retry": [r"asked again", r"ask(s|ed)? for patience"],
    "drift": [r"what was changed outside"],
    "retained": [r"(stays|kept) until some"],
    "no longer exists": [r"\b(is|are|was) gone\b"],
    "rejected, denied, refused": [r"\blets? in\b", r"\bnot accepted\b", r"\bis not accepted\b"],
}
PATTERNS = [(better, re.compile(rf"\b(?:{pattern})")) for better, them in WORDS.items() for pattern in them]
# Most lines have none of them.
ANY = re.compile(rf"\b(?:{'|'.join(pattern for them in WORDS.values() for pattern in them)})")

# Names of states and fields that the records, clients and consoles of running installations know: not prose.
NAMES = re.compile(r"Put back schedules?|Put back service|Wait until put back|\"put_back_schedules\"|\blooked_at\b|rename = \"told\"")


@dataclass(frozen=True)
class Area:
    """A part of the repository, and how many places in it may still have a word of the list."""

    limit: int
    pattern: re.Pattern


AREAS = {
    "prose": Area(5, re.compile(r"(README|CONTRIBUTING|CHANGELOG|SECURITY)\.md|docs/.*\.md|examples/.*\.md")),
    "blueprints": Area(5, re.compile(r"tf/.*")),
    "help and errors": Area(5, re.compile(r"crates/cli/src/(args.*|.*error)\.rs|.*/error\.rs")),
    "product": Area(
        10,
        re.compile(
            r"(crates/(cli|model|store|runner|control|aws|api-types)|functions)/.*\.rs|template\.yaml|aws/.*|statemachine/.*asl\.json"
        ),
    ),
    "emulator": Area(5, re.compile(r"(crates/(local|recording)|emulator)/.*\.rs")),
    "scripts": Area(5, re.compile(r"scripts/.*|\.ci/.*|\.github/.*")),
}
# Places that are right as they are: the file, a part of the line, and why.
ALLOWED = [
    ("scripts/check_prose.py", "", "the list itself"),
    ("tf/blueprints/web-service/network.tf", "and nobody else.", "another description replaces the security group"),
    ("tf/blueprints/web-service/redis.tf", "and nobody else.", "another description replaces the security group"),
    ("tf/modules/database/main.tf", "and nobody else.", "another description replaces the security group"),
    ("tf/blueprints/ec2-instances/debian.mime.tftpl", "", "another text of the user data replaces the instances"),
]


def tracked() -> list[str]:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True)
    return [name for name in listed.stdout.splitlines() if (ROOT / name).is_file()]


def area_of(name: str) -> str | None:
    return next((title for title, area in AREAS.items() if area.pattern.fullmatch(name)), None)


def lines_of(name: str, text: str) -> Iterator[tuple[int, str]]:
    """The lines that people read; in Markdown without code."""
    is_page, fenced = name.endswith(".md"), False
    for number, line in enumerate(text.splitlines(), 1):
        if is_page and line.lstrip().startswith("```"):
            fenced = not fenced
        elif not fenced:
            yield number, re.sub(r"`[^`]*`", "``", line) if is_page else line


def found_in(name: str, text: str) -> Iterator[tuple[int, str, str]]:
    """The number of the line, what it says, and what to say instead."""
    for number, line in lines_of(name, text):
        words = NAMES.sub("", line).replace("_", " ").lower()
        if not ANY.search(words):
            continue
        for better, pattern in PATTERNS:
            for found in pattern.finditer(words):
                if not any(name == file and part in line for file, part, _ in ALLOWED):
                    yield number, found.group(), better


def self_test():
    examples = [
        "an operation that was called off", "the services are put back", "a release that came out", "whoever asks for it", "one trip",
        "the account is told", "looks at the table", "set aside", "the event is brought again", "it happens once", "a release under way",
        "a stranded operation", "offered", "it is asked again", "what was changed outside", "it stays until somebody", "it is gone",
        "he lets in others",
    ]  # fmt: skip
    for example in examples:
        if not list(found_in("a.md", example)):
            sys.exit(f"self-test: nothing is found in `{example}`")
    if list(found_in("a.md", "```\nwhoever\n```\nThe requester cancels it.")):
        sys.exit("self-test: a code block, or plain words, are found")
    print(f"self-test: each of {len(examples)} examples is found")


def main():
    arguments = argparse.ArgumentParser(description="Counts the words that the glossary replaces.")
    arguments.add_argument("--list", metavar="AREA", choices=AREAS)
    arguments.add_argument("--self-test", action="store_true")
    given = arguments.parse_args()
    if given.self_test:
        return self_test()
    counts: dict[str, Counter] = {title: Counter() for title in AREAS}
    for name in tracked():
        if title := area_of(name):
            for number, said, better in found_in(name, (ROOT / name).read_text(errors="replace")):
                counts[title][name] += 1
                if title == given.list:
                    print(f"{name}:{number}: `{said}`: {better}")
    over = []
    for title, area in AREAS.items():
        total = counts[title].total()
        worst = ", ".join(f"{name} {count}" for name, count in counts[title].most_common(5))
        print(f"{title}: {total} of at most {area.limit}{f' ({worst})' if worst else ''}")
        if total > area.limit:
            over.append(f"{title}: {total} places, at most {area.limit}: python3 scripts/check_prose.py --list '{title}'")
    if over:
        sys.exit("\n".join(over))
    return None


if __name__ == "__main__":
    main()
