"""A benchmark says what it promised and whether it kept it; the file of results is what its readers expect."""

import json
from pathlib import Path

from bench.__main__ import save, table
from bench.harness import Benchmark, Figure, best, pair

FIGURE = Figure(ours_s=2.0, floor_s=0.5, note="a note")


def promising(max_ratio: float | None = None, max_seconds: float | None = None) -> Benchmark:
    return Benchmark("work", lambda: FIGURE, max_ratio, max_seconds)


def test_a_ratio_and_a_time_are_promises_apart() -> None:
    assert promising(max_ratio=4).met_by(FIGURE)
    assert not promising(max_ratio=3.9).met_by(FIGURE)
    assert promising(max_seconds=2).met_by(FIGURE)
    assert not promising(max_ratio=4, max_seconds=1.9).met_by(FIGURE)
    assert not promising(max_ratio=4).met_by(Figure(ours_s=1))
    assert promising(max_ratio=4, max_seconds=1.5).target == "ratio <= 4, 1.5 s"


def test_results_are_kept_by_name_and_replaced_when_measured_again(tmp_path: Path) -> None:
    file = tmp_path / "bench.json"
    row: dict[str, object] = {
        "name": "one",
        "ours_s": 2.0,
        "floor_s": 0.5,
        "ratio": 4.0,
        "target": "ratio <= 4",
        "note": "",
    }
    save([row, row | {"name": "two"}], file)
    save([row | {"ours_s": 1.0, "ratio": 2.0}], file)
    rows = {each["name"]: each for each in json.loads(file.read_text())}
    assert set(rows) == {"one", "two"}
    assert rows["one"]["ratio"] == 2.0
    assert set(rows["two"]) == {"name", "ours_s", "floor_s", "ratio", "target", "note"}
    assert "two" in table(list(rows.values()))


def test_the_fastest_call_counts_and_both_sides_run_as_often() -> None:
    calls: list[str] = []
    assert best(lambda: calls.append("ours"), rounds=3) >= 0
    ours, floor = pair(lambda: calls.append("ours"), lambda: calls.append("floor"), rounds=4)
    assert calls.count("ours") == 7
    assert calls.count("floor") == 4
    assert ours >= 0
    assert floor >= 0
