#!/usr/bin/env python3
"""Writes what the variants of a blueprint cost side by side into its README.md, from the counts in tests/costs.json and list prices.

    scripts/blueprint_costs.py            writes the tables
    scripts/blueprint_costs.py --check    fails where a README says something else

Prices are AWS's list prices of us-east-1, for 730 hours. What is used (requests, gigabytes) is not in them.
"""

import argparse
import json
import sys
from pathlib import Path

HOURS = 730
BEGIN, END = "<!-- BEGIN variants -->", "<!-- END variants -->"
# The smallest task: a quarter of a core and half a GB. https://aws.amazon.com/fargate/pricing/
TASK = HOURS * (0.25 * 0.04048 + 0.5 * 0.004445)
ARM_TASK = HOURS * (0.25 * 0.03238 + 0.5 * 0.00356)
PRICES = {
    "NAT gateway": HOURS * 0.045,  # https://aws.amazon.com/vpc/pricing/
    "load balancer": HOURS * 0.0225,  # https://aws.amazon.com/elasticloadbalancing/pricing/
    "public addresses": HOURS * 0.005,
    "task": TASK,
    "ARM64 task on Spot": ARM_TASK * 0.3,
    # db.t4g.micro, 20 GiB of gp3, and the secret: https://aws.amazon.com/rds/postgresql/pricing/
    "database": HOURS * 0.016 + 20 * 0.115 + 0.40,
    "database in two zones": HOURS * 0.032 + 20 * 0.23 + 0.40,
    "alarms": 0.10,
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
    for costs in sorted((Path(__file__).resolve().parent.parent / "tf" / "blueprints").glob("*/tests/costs.json")):
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
