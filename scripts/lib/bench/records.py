# SPDX-License-Identifier: Apache-2.0
# Part of swift-event-bus.
"""What was measured before: docs/performance.json, and the part of docs/performance.md between two marks."""

from __future__ import annotations

import json
from typing import Dict, List, Mapping

from . import plots, sweeps, tables
from .programs import ROOT, Failure
from .rows import ROWS

PAGE = ROOT / "docs/performance.md"
RECORD = ROOT / "docs/performance.json"
PLOTS = ROOT / "docs/performance"
BEGIN, END = "<!-- measured: begin (scripts/bench --write) -->", "<!-- measured: end -->"
# When one of these changes, old figures and new ones can't stand in one table.
SAME_MACHINE = ("cpu", "architecture", "cores")


def load() -> Dict[str, object]:
    if not RECORD.exists():
        return {}
    return json.loads(RECORD.read_text())


def merged(machine: Mapping[str, object], versions: Mapping[str, str]) -> Dict[str, object]:
    """What was recorded on this machine with these versions, to be added to."""
    old = load()
    same = old and all(old["machine"].get(name) == machine.get(name) for name in SAME_MACHINE) and all(
        old["versions"].get(name, version) == version for name, version in versions.items()
    )
    if not same:
        return {"machine": dict(machine), "versions": dict(versions), "rows": [], "sweeps": []}
    return {**old, "machine": dict(machine), "versions": {**old["versions"], **versions}}


def replaced(old: List[dict], new: List[dict], order: List[str]) -> List[dict]:
    """The old ones and the new ones by name, in the order of the table."""
    by_name = {one["name"]: one for one in [*old, *new]}
    return [by_name[name] for name in order if name in by_name]


def add_rows(record: Dict[str, object], rows: List[dict]) -> None:
    record["rows"] = replaced(record["rows"], rows, [row.name for row in ROWS])


def add_sweeps(record: Dict[str, object], new: List[dict]) -> None:
    record["sweeps"] = replaced(record["sweeps"], new, [plot.name for plot in sweeps.PLOTS])


def write(record: Dict[str, object]) -> None:
    """The record, the page and, when matplotlib is here, the plots."""
    RECORD.write_text(as_text(record))
    text = PAGE.read_text()
    head, begin, rest = text.partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not begin or not end:
        raise Failure(f"{PAGE.name} has lost one of the marks {BEGIN} and {END}")
    PAGE.write_text(f"{head}{begin}\n{generated(record)}\n{end}{tail}")


def as_text(record: Mapping[str, object]) -> str:
    """JSON with a line for each row and each plot, so that a change shows what was measured again."""
    parts = []
    for name, value in record.items():
        text = json.dumps(shortened(value), ensure_ascii=False)
        if isinstance(value, list):
            text = "[\n" + ",\n".join(json.dumps(shortened(one), ensure_ascii=False) for one in value) + "\n]"
        parts.append(f"{json.dumps(name)}: {text}")
    return "{\n" + ",\n".join(parts) + "\n}\n"


def shortened(value: object) -> object:
    """Six significant digits: nothing here is known better."""
    if isinstance(value, float):
        return float(f"{value:.6g}")
    if isinstance(value, dict):
        return {name: shortened(one) for name, one in value.items()}
    return [shortened(one) for one in value] if isinstance(value, list) else value


def draw(record: Mapping[str, object], only: List[str]) -> None:
    for sweep in record.get("sweeps", []):
        if not only or sweep["name"] in only:
            plots.draw(sweep, PLOTS / f"{sweep['name']}.svg")


def generated(record: Mapping[str, object]) -> str:
    parts = []
    if record["rows"]:
        parts.append(tables.header(record["machine"], record["versions"], runs(record["rows"])))
        parts.append(tables.markdown(record["rows"]))
    for sweep in record["sweeps"]:
        parts.append(f"![{sweep['title']}: {sweep['cost']} against {sweep['load']}](performance/{sweep['name']}.svg)")
    if record["sweeps"]:
        parts.append("The plots: " + "; ".join(sweep_runs(record["sweeps"])) + ".")
    return "\n\n".join(parts)


def runs(rows: List[dict]) -> List[dict]:
    """The runs that the rows come from, each with its rows unless there is only one."""
    found: Dict[str, dict] = {}
    for row in rows:
        run = {name: row[name] for name in ("commit", "date", "round_count", "steal")}
        found.setdefault(json.dumps(run), {**run, "rows": []})["rows"].append(row["name"])
    if len(found) == 1:
        return [{**run, "rows": ""} for run in found.values()]
    return [{**run, "rows": ", ".join(run["rows"])} for run in found.values()]


def sweep_runs(found: List[dict]) -> List[str]:
    texts: Dict[str, List[str]] = {}
    for sweep in found:
        text = f"commit `{sweep['commit']}`, {sweep['date']}, {tables.rounds_text(sweep['round_count'])}"
        texts.setdefault(text, []).append(sweep["name"])
    return [f"{text} ({', '.join(names)})" if len(texts) > 1 else text for text, names in texts.items()]
