# SPDX-License-Identifier: Apache-2.0
# Part of swift-event-bus.
"""The table, in Markdown."""

from __future__ import annotations

from typing import Dict, List, Mapping, Optional

from .judging import as_record, lines
from .metrics import METRICS, rounded
from .running import Result

HEAD = ["row", "measured", "median (min–max)", "baseline", "ratio (of rounds)", "target", "verdict"]


def records(results: List[Result], judged: bool, run: Mapping[str, object]) -> List[Dict[str, object]]:
    """Each row as it goes into JSON; `run` is what holds for all rows of this run."""
    return [
        {
            "name": result.row.name,
            "counts": result.row.counts,
            "command": str(result.row.command) if result.row.command else None,
            "baseline": str(result.row.baseline) if result.row.baseline else None,
            "against": result.row.against,
            **run,
            "failure": result.failure,
            "lines": [as_record(line) for line in lines(result, judged)],
            "rounds": {"subject": result.subject, "baseline": result.baseline},
        }
        for result in results
    ]


def cells(row: Mapping[str, object], line: Mapping[str, object]) -> List[str]:
    """The columns of a recorded line behind the row's name."""
    name, baseline, ratio = line["metric"], "–", "–"
    if "baseline" in line:
        baseline = f"{spread(name, line['baseline'])} ({row['against']})"
    if "ratio_of_medians" in line:
        ratio = f"{rounded(line['ratio_of_medians'])} ({rounded(line['median_of_ratios'])})"
    title = METRICS[name].title(row["counts"])
    return [title, spread(name, line), baseline, ratio, line.get("target", "–"), line["verdict"]]


def spread(name: str, of: Mapping[str, float]) -> str:
    write = METRICS[name].write
    if of["min"] == of["max"]:
        return write(of["median"])
    return f"{write(of['median'])} ({write(of['min'])}–{write(of['max'])})"


def markdown(rows: List[Dict[str, object]]) -> str:
    """The table of recorded rows."""
    table = [HEAD]
    for row in rows:
        if row["failure"]:
            table.append([str(row["name"]), str(row["failure"]).replace("|", "\\|"), "", "", "", "", "FAIL"])
        for number, line in enumerate(row["lines"]):
            table.append([str(row["name"]) if number == 0 else ""] + cells(row, line))
    rendered = ["| " + " | ".join(columns) + " |" for columns in table]
    return "\n".join([rendered[0], "|" + "---|" * len(HEAD), *rendered[1:]])


def header(machine: Mapping[str, object], versions: Mapping[str, str], runs: List[Dict[str, object]]) -> str:
    """Where, with what and when the rows were measured, one sentence each."""
    text = (
        f"{machine['cpu']}, {machine['cores']} cores, {machine['memory_gib']} GiB, {machine['system']}, "
        f"{machine['kernel']}. Swift {versions['swift']}"
    )
    for name, title in (("rabbitmq", "RabbitMQ"), ("postgres", "Postgres")):
        if name in versions:
            text += f", {title} {versions[name]}"
    text += f"; librabbitmq {versions['librabbitmq']}, libpq {versions['libpq']}."
    return text + "\n\n" + "\n".join(f"- {run_text(run)}" for run in runs)


def run_text(run: Mapping[str, object]) -> str:
    rows = f"{run['rows']}: " if run.get("rows") else ""
    return f"{rows}commit `{run['commit']}`, {run['date']}, {rounds_text(run['round_count'])}, {steal_text(run['steal'])}"


def steal_text(steal: Optional[float]) -> str:
    if steal is None:
        return "this system does not show what its host took"
    return f"{steal * 100:.1f} % of the CPU time taken by the host for others"


def rounds_text(count: int) -> str:
    return "1 round" if count == 1 else f"{count} rounds"
