"""Runs the benchmarks, all or those named, writes `var/bench.json` and prints a table."""

import importlib
import json
import os
import pkgutil
import sys
from pathlib import Path

import django

import bench
from tests import servers

RESULTS = servers.ROOT / "var" / "bench.json"


def set_up() -> None:
    """Settings on servers of this run's own, started only when a benchmark asks for a database."""
    os.environ[servers.DURABLE_VARIABLE] = "1"
    servers.configure()
    importlib.import_module("loanfund.celery")
    django.setup()
    for found in pkgutil.iter_modules(bench.__path__):
        if found.name not in {"__main__", "harness"}:
            importlib.import_module(f"bench.{found.name}")


def measure(names: list[str]) -> list[dict[str, object]]:
    """Runs the benchmarks of these names, all when there are none; each row is one figure."""
    from bench.harness import REGISTERED  # noqa: PLC0415 - filled by set_up

    unknown = sorted(set(names) - set(REGISTERED))
    if unknown:
        sys.exit(f"There is no benchmark {', '.join(unknown)}. There are: {', '.join(sorted(REGISTERED))}")
    rows: list[dict[str, object]] = []
    for one in REGISTERED.values():
        if names and one.name not in names:
            continue
        print(f"{one.name} ...", end=" ", flush=True)
        figure = one.measure()
        print("met" if one.met_by(figure) else "MISSED", flush=True)
        rows.append(
            {
                "name": one.name,
                "ours_s": figure.ours_s,
                "floor_s": figure.floor_s,
                "ratio": figure.ratio,
                "target": one.target,
                "note": figure.note,
            }
        )
    return rows


def table(rows: list[dict[str, object]]) -> str:
    def number(value: object, form: str) -> str:
        return format(value, form) if isinstance(value, float) else "-"

    head = f"{'name':<20} {'ours (s)':>12} {'floor (s)':>12} {'ratio':>8}  {'target':<22} note"
    lines = [head, "-" * len(head)]
    lines += [
        f"{row['name']:<20} {number(row['ours_s'], '12.6f'):>12} {number(row['floor_s'], '12.6f'):>12} "
        f"{number(row['ratio'], '8.2f'):>8}  {row['target']:<22} {row['note']}"
        for row in rows
    ]
    return "\n".join(lines)


def save(rows: list[dict[str, object]], path: Path) -> None:
    """Writes the rows; those of benchmarks that did not run this time stay as they were."""
    before = json.loads(path.read_text()) if path.exists() else []
    fresh = {row["name"] for row in rows}
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps([row for row in before if row["name"] not in fresh] + rows, indent=2) + "\n")


def main() -> None:
    try:
        set_up()
        rows = measure(sys.argv[1:])
    finally:
        servers.remove(servers.folder())
    save(rows, RESULTS)
    print(f"\n{table(rows)}\n\nwritten to {RESULTS.relative_to(servers.ROOT)}")


if __name__ == "__main__":
    main()
