#!/usr/bin/env python3
"""Checks that every Rust file under tests/ belongs to a test program. Cargo ignores a file in a folder of tests/ that no `mod` names,
and the tests in it would never run.

    python3 scripts/check_test_modules.py              needs nothing
    python3 scripts/check_test_modules.py --self-test  adds a file and expects it to be found
"""

import argparse
import re
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def modules(file: Path) -> Iterator[Path]:
    """The files of a module: its own, and those of the modules that it declares."""
    yield file
    inside = file.parent if file.name in ("main.rs", "mod.rs") or file.parent.name == "tests" else file.with_suffix("")
    text = file.read_text()
    for path, name in re.findall(r'(?:#\[path = "([^"]+)"\]\s*)?^(?:pub(?:\([a-z]+\))? )?mod (\w+);', text, re.MULTILINE):
        candidates = [file.parent / path] if path else [inside / f"{name}.rs", inside / name / "mod.rs"]
        for candidate in candidates:
            if candidate.is_file():
                yield from modules(candidate.resolve())


def orphans(tests: Path) -> list[Path]:
    """The files of a tests/ folder that are in no program."""
    programs = [*tests.glob("*.rs"), *tests.glob("*/main.rs")]
    compiled = {module.resolve() for program in programs for module in modules(program)}
    return sorted(file for file in tests.rglob("*.rs") if file.resolve() not in compiled)


def self_test():
    with tempfile.TemporaryDirectory() as folder:
        tests = Path(folder) / "tests"
        (tests / "all" / "inner").mkdir(parents=True)
        (tests / "all" / "main.rs").write_text("mod named;\nmod inner;\n")
        (tests / "all" / "named.rs").write_text("")
        (tests / "all" / "inner" / "mod.rs").write_text("")
        (tests / "all" / "forgotten.rs").write_text("")
        found = [file.name for file in orphans(tests)]
        if found != ["forgotten.rs"]:
            sys.exit(f"self-test: expected forgotten.rs, found {found}")
    print("self-test: a forgotten file is found")


def main():
    arguments = argparse.ArgumentParser(description="Checks that every Rust file under tests/ belongs to a test program.")
    arguments.add_argument("--self-test", action="store_true")
    if arguments.parse_args().self_test:
        return self_test()
    folders = [ROOT / manifest.parent / "tests" for manifest in sorted(ROOT.glob("*/*/Cargo.toml"))]
    found = [file.relative_to(ROOT) for folder in folders if folder.is_dir() for file in orphans(folder)]
    if found:
        sys.exit("\n".join(f"{file}: no test program contains it; declare it with `mod`" for file in found))
    return print(f"test modules: all files of {sum(folder.is_dir() for folder in folders)} crates are compiled")


if __name__ == "__main__":
    main()
