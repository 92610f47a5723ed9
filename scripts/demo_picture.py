#!/usr/bin/env python3
"""Draws what `slipway demo` printed as an SVG: its headings, the steps and what it verified. docs/images/demo.svg is one.

slipway demo | python3 scripts/demo_picture.py >docs/images/demo.svg
"""

import re
import sys
from collections.abc import Iterator
from html import escape

WIDTH = 92
LINE, LEFT, TOP = 19, 20, 52
STYLE = """
.t{font:13px ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;fill:#c9d1d9;white-space:pre}
.window{fill:#0d1117;stroke:#30363d}
.heading{fill:#f0f6fc;font-weight:700}
.done{fill:#8b949e}
.failed{fill:#ff7b72}
.verified{fill:#56d364}
.prompt{fill:#79c0ff}
"""
KINDS = {
    "heading": re.compile(r"\d+\. "),
    "done": re.compile(r"  done   "),
    "failed": re.compile(r"  failed |release \d+ of \S+ failed"),
    "verified": re.compile(r"  verified: |[a-z][a-z0-9 ]* of \S+ succeeded"),
}


def kind(line: str) -> str | None:
    return next((name for name, pattern in KINDS.items() if pattern.match(line)), None)


def shown(text: str) -> Iterator[tuple[str, str]]:
    """The lines of the picture, each with its class."""
    yield "prompt", "$ cargo run -- demo"
    for line in text.splitlines():
        found = kind(line)
        if found == "heading":
            yield "done", ""
        if found:
            # Ports and ids are different each time.
            short = re.sub(r" on http://[\d.:]+", "", line)
            yield found, short if len(short) <= WIDTH else short[: WIDTH - 1].rstrip() + "…"


def svg(lines: list[tuple[str, str]]) -> str:
    height = TOP + LINE * len(lines) + 4
    width = 2 * LEFT + int(WIDTH * 7.85)
    text = "\n".join(
        f'<text class="t {name}" x="{LEFT}" y="{TOP + LINE * at}">{escape(line, quote=False)}</text>'
        for at, (name, line) in enumerate(lines)
        if line
    )
    dots = "".join(f'<circle cx="{22 + 18 * at}" cy="20" r="5.5" fill="#484f58"/>' for at in range(3))
    return f"""<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" role="img" \
aria-label="The output of slipway demo">
<style>{STYLE}</style>
<rect class="window" x=".5" y=".5" width="{width - 1}" height="{height - 1}" rx="8"/>
{dots}
{text}
</svg>
"""


if __name__ == "__main__":
    sys.stdout.write(svg(list(shown(sys.stdin.read()))))
