#!/usr/bin/env python3
"""Checks that docs/environment.md has every variable `SLIPWAY_…` of the code, and no other.

python3 scripts/check_environment.py              needs nothing
python3 scripts/check_environment.py --self-test  changes the page and expects each finding
"""

import argparse
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs/environment.md"
VARIABLE = re.compile(r"\bSLIPWAY_[A-Z][A-Z_]*[A-Z]\b")


def in_code() -> set[str]:
    """Variables in the sources of programs, not of tests."""
    parts = ("crates", "functions", "emulator")
    files = [path for part in parts for path in (ROOT / part).glob("*/src/**/*.rs") if "test" not in path.stem]
    return {name for path in [*files, ROOT / "template.yaml"] for name in VARIABLE.findall(path.read_text())}


def findings(page: str, code: set[str]) -> list[str]:
    documented = set(VARIABLE.findall(page))
    missing = [f"docs/environment.md has no row for {name}" for name in sorted(code - documented)]
    return missing + [f"docs/environment.md has {name}, which no program reads" for name in sorted(documented - code)]


def self_test(page: str, code: set[str]):
    changes = {
        "has no row for SLIPWAY_TOKEN": page.replace("SLIPWAY_TOKEN", "it"),
        "has SLIPWAY_NOTHING, which no program reads": page + "`SLIPWAY_NOTHING`",
    }
    for expected, changed in changes.items():
        found = findings(changed, code)
        if not any(expected in finding for finding in found):
            sys.exit(f"self-test: expected `{expected}`, found {found or 'nothing'}")
    print(f"self-test: each of {len(changes)} changes is found")


def main():
    arguments = argparse.ArgumentParser(description="Checks that docs/environment.md has the variables of the code.")
    arguments.add_argument("--self-test", action="store_true")
    page, code = PAGE.read_text(), in_code()
    if arguments.parse_args().self_test:
        return self_test(page, code)
    found = findings(page, code)
    if found:
        sys.exit("\n".join(found))
    return print(f"docs/environment.md: {len(code)} variables, as in the code")


if __name__ == "__main__":
    main()
