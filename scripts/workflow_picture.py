"""Draws a state machine: a state a row, from top to bottom. Edges to the next row are short; forward edges run in lanes on the right,
failures and loops on the left. The catches that lead to the usual failure state are left out: the legend says so."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape

from workflow_source import edges

ROW, WIDTH, INDENT, LANE = 30, 214, 16, 10
USUAL = "Record failure"
STYLE = """
svg{color-scheme:light dark}
text{font:12px system-ui,-apple-system,"Segoe UI",sans-serif;fill:light-dark(#1f2328,#e6edf3)}
.legend{font-size:11px;fill:light-dark(#57606a,#9198a1)}
rect{fill:light-dark(#f6f8fa,#161b22);stroke:light-dark(#afb8c1,#484f58)}
.Choice rect{fill:light-dark(#ddf4ff,#0c2d4a);stroke:light-dark(#0969da,#4493f8)}
.Map rect{fill:light-dark(#eaeef2,#21262d)}
.Succeed rect{fill:light-dark(#dafbe1,#0f3a1f);stroke:light-dark(#1a7f37,#3fb950)}
.Fail rect{fill:light-dark(#ffebe9,#4a1515);stroke:light-dark(#cf222e,#f85149)}
path{fill:none;stroke:light-dark(#57606a,#9198a1);marker-end:url(#head)}
.choice{stroke:light-dark(#0969da,#4493f8)}
.catch{stroke:light-dark(#cf222e,#f85149);stroke-dasharray:4 3}
#head path{fill:context-stroke;stroke:none;marker-end:none}
"""


@dataclass(frozen=True)
class Row:
    name: str
    kind: str
    depth: int


@dataclass(frozen=True)
class Edge:
    start: int
    end: int
    kind: str

    @property
    def low(self) -> int:
        return min(self.start, self.end)

    @property
    def high(self) -> int:
        return max(self.start, self.end)

    @property
    def is_left(self) -> bool:
        return self.kind == "catch" or self.end <= self.start


def in_order(machine: dict) -> list[str]:
    """The states so that every edge but a loop points down: the reverse of the order in which a search leaves them. Failures are
    visited first, so that they come last."""
    left: list[str] = []
    seen: set[str] = set()

    def visit(name: str) -> None:
        if name in seen:
            return
        seen.add(name)
        found = edges(machine["States"][name])
        for target, _ in [it for it in reversed(found) if it[1] == "catch"] + [it for it in reversed(found) if it[1] != "catch"]:
            visit(target)
        left.append(name)

    visit(machine["StartAt"])
    return left[::-1]


def laid_out(machine: dict, depth: int = 0) -> tuple[list[Row], list[tuple[str, str, str]]]:
    rows: list[Row] = []
    found: list[tuple[str, str, str]] = []
    for name in in_order(machine):
        state = machine["States"][name]
        rows.append(Row(name, state["Type"], depth))
        found += [(name, to, kind) for to, kind in edges(state) if not (kind == "catch" and to == USUAL) and (to, kind) != (name, "catch")]
        if "ItemProcessor" in state:
            inner_rows, inner = laid_out(state["ItemProcessor"], depth + 1)
            rows += inner_rows
            found += inner
    return rows, found


def lanes(them: list[Edge]) -> list[tuple[int, Edge]]:
    """A lane for each edge, so that no two overlap in one: the shortest first, nearest to the rows."""
    taken: list[list[Edge]] = []
    placed = []
    for edge in sorted(them, key=lambda it: (it.high - it.low, it.low)):
        free = next((at for at, others in enumerate(taken) if all(edge.high <= it.low or edge.low >= it.high for it in others)), None)
        if free is None:
            free = len(taken)
            taken.append([])
        taken[free].append(edge)
        placed.append((free, edge))
    return placed


def svg(definition: dict) -> str:
    rows, found = laid_out(definition)
    at = {row.name: number for number, row in enumerate(rows)}
    all_edges = [Edge(at[start], at[end], kind) for start, end, kind in found]
    # An edge to the next row at the same depth needs no lane; a Map's next row is its first inner state.
    short = [it for it in all_edges if it.end == it.start + 1 and it.kind != "catch" and rows[it.start].depth == rows[it.end].depth]
    long = [it for it in all_edges if it not in short]
    right = lanes([it for it in long if not it.is_left])
    left = lanes([it for it in long if it.is_left])
    margin = 16 + LANE * (1 + max((lane for lane, _ in left), default=0))
    end = margin + INDENT + WIDTH

    def x(row: int) -> int:
        return margin + INDENT * rows[row].depth

    def leaves(row: int) -> int:
        return row * ROW + 20

    def enters(row: int) -> int:
        return row * ROW + 11

    paths = [f'<path class="{it.kind}" d="M{x(it.end) + 24} {it.start * ROW + 27}v5"/>' for it in short]

    def around(edge: Edge, column: int, side: int, gap: int) -> str:
        start, to = x(edge.start) + side, x(edge.end) + side + gap
        return f'<path class="{edge.kind}" d="M{start} {leaves(edge.start)}H{column}V{enters(edge.end)}H{to}"/>'

    paths += [around(it, end + 12 + LANE * lane, WIDTH, 2) for lane, it in right]
    paths += [around(it, margin - 10 - LANE * lane, 0, -2) for lane, it in left]
    boxes = [
        f'<g class="{row.kind}"><rect x="{x(number)}" y="{number * ROW + 4}" width="{WIDTH}" height="23" '
        f'rx="{11 if row.kind == "Choice" else 5}"/><text x="{x(number) + 12}" y="{number * ROW + 20}">{escape(row.name)}</text></g>'
        for number, row in enumerate(rows)
    ]
    width = end + 30 + LANE * max((lane for lane, _ in right), default=0)
    height = len(rows) * ROW + 44
    legend = [
        "Solid: next. Blue: a choice. Red: after a failure.",
        f"Every other failure leads to {USUAL}.",
    ]
    texts = [f'<text class="legend" x="{margin}" y="{len(rows) * ROW + 18 + 16 * line}">{text}</text>' for line, text in enumerate(legend)]
    size = 'viewBox="0 0 8 8" refX="7" refY="4" markerWidth="6" markerHeight="6"'
    head = f'<marker id="head" {size} orient="auto"><path d="M0 0L8 4L0 8z"/></marker>'
    label = f"The workflow of an operation: {len(rows)} states from {definition['StartAt']} to Succeeded or Failed"
    return "\n".join([
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" role="img" aria-label="{label}">',
        f"<style>{STYLE}</style>", head, *paths, *boxes, *texts, "</svg>", "",
    ])  # fmt: skip
