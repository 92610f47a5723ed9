#!/usr/bin/env python3
"""Writes what the variants of a blueprint cost side by side into its README.md, from the counts in tests/costs.json and list prices.

    scripts/blueprint_costs.py            writes the tables
    scripts/blueprint_costs.py --check    fails where a README says something else

Prices are AWS's list prices of us-east-1, for 730 hours (crates/model/src/plan/prices.json). What is used (requests, gigabytes) is not
in them.
"""

import argparse
import json
import sys
from pathlib import Path

BEGIN, END = "<!-- BEGIN variants -->", "<!-- END variants -->"
TOP = Path(__file__).resolve().parent.parent
# In millionths of a dollar: the table of the approval sheet.
LIST = json.loads((TOP / "crates/model/src/plan/prices.json").read_text(encoding="utf-8"))
RESOURCES = LIST["resources"]


def month(kind: str) -> float:
    price = RESOURCES[kind]
    return (LIST["hours"] * price.get("hour", 0) + price.get("month", 0)) / 1e6


def task(processor: str) -> float:
    """The smallest task: a quarter of a core and half a GB."""
    price = LIST["fargate"][processor]
    return LIST["hours"] * (0.25 * price["core_hour"] + 0.5 * price["gigabyte_hour"]) / 1e6


def database(copies: int) -> float:
    """The smallest database, with 20 GiB, and its secret."""
    price = RESOURCES["aws_db_instance"]
    instance = LIST["hours"] * price["hour_of"]["prices"]["db.t4g.micro"] + 20 * price["month_of_each"]["allocated_storage"]
    return copies * instance / 1e6 + month("aws_secretsmanager_secret")


PRICES = {
    "NAT gateway": month("aws_nat_gateway"),
    "load balancer": month("aws_lb"),
    "public addresses": month("aws_eip"),
    "task": task("x86_64"),
    "ARM64 task on Spot": task("arm64") * 0.3,
    "database": database(1),
    "database in two zones": database(2),
    "alarms": month("aws_cloudwatch_metric_alarm"),
}


def table(variants: dict[str, dict]) -> str:
    names = list(variants)
    lines = [f"| dollars a month | {' | '.join(names)} |", f"| --- |{' --- |' * len(names)}"]
    lines.append(f"| variables | {' | '.join(variants[name]['variables'] for name in names)} |")
    totals = dict.fromkeys(names, 0.0)
    for what, price in PRICES.items():
        counts = [variants[name]["counts"].get(what, 0) for name in names]
        if not any(counts):
            continue
        cells = []
        for name, count in zip(names, counts, strict=True):
            totals[name] += count * price
            cells.append("" if count == 0 else f"{count * price:.2f}" if count == 1 else f"{count} x {price:.2f} = {count * price:.2f}")
        lines.append(f"| {what} | {' | '.join(cells)} |")
    lines.append(f"| **together** | {' | '.join(f'**{totals[name]:.2f}**' for name in names)} |")
    unknown = sorted({what for variant in variants.values() for what in variant["counts"]} - PRICES.keys())
    if unknown:
        sys.exit(f"there is no price of {', '.join(unknown)}: add it to PRICES")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="change nothing; fail where a README says something else")
    check = parser.parse_args().check
    wrong = []
    for costs in sorted((TOP / "tf" / "blueprints").glob("*/tests/costs.json")):
        readme = costs.parent.parent / "README.md"
        before = readme.read_text(encoding="utf-8")
        if before.count(BEGIN) != 1 or before.count(END) != 1:
            sys.exit(f"{readme}: it needs the lines `{BEGIN}` and `{END}` once each")
        head, rest = before.split(BEGIN)
        after = f"{head}{BEGIN}\n{table(json.loads(costs.read_text(encoding='utf-8')))}\n{END}{rest.split(END)[1]}"
        if after != before:
            wrong.append(str(readme))
            if not check:
                readme.write_text(after, encoding="utf-8")
    if wrong and check:
        sys.exit(f"other costs than computed: {', '.join(wrong)}; run scripts/blueprint_costs.py")


if __name__ == "__main__":
    main()
