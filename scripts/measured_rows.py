"""The rows that measure.py prints: a metric and its reference, over some runs."""

import dataclasses
import statistics


@dataclasses.dataclass
class Row:
    """What was measured in one run. Both numbers have the same unit."""

    metric: str
    value: float
    unit: str
    reference: str = ""
    against: float | None = None

    @classmethod
    def of_times(cls, metric, times, reference="", against=None):
        """The medians of times in seconds."""
        median = statistics.median(against) * 1000 if against else None
        return cls(metric, statistics.median(times) * 1000, "ms", reference, median)

    @property
    def ratio(self):
        return None if self.against is None else self.value / self.against


def number(value, unit):
    if unit == "ms" and value >= 10_000:
        value, unit = value / 1000, "s"
    digits = 0 if value >= 100 or value == int(value) else 1
    return f"{value:,.{digits}f}{unit if unit.startswith('/') else f' {unit}'}".strip()


def spread(values, shown):
    """The median, and the least and the most where they differ."""
    median, least, most = (shown(pick(values)) for pick in (statistics.median, min, max))
    return median if least == most else f"{median} ({least} to {most})"


def table(runs):
    """The rows of all runs, a line for each metric and reference, in the order of the first run that has it."""
    rows: dict[tuple[str, str], list[Row]] = {}
    for run in runs:
        for row in run:
            rows.setdefault((row.metric, row.reference), []).append(row)
    lines = ["| metric | Slipway | reference | ratio |", "| --- | --- | --- | --- |"]
    for (metric, reference), same in rows.items():
        unit = same[0].unit
        against = [row.against for row in same if row.against is not None]
        cells = [
            metric,
            spread([row.value for row in same], lambda value, unit=unit: number(value, unit)),
            f"{reference}: {spread(against, lambda value, unit=unit: number(value, unit))}" if against else reference,
            spread([row.ratio for row in same if row.ratio is not None], lambda ratio: f"{ratio:.2f}") if against else "",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)
