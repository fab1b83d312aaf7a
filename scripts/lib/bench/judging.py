# SPDX-License-Identifier: Apache-2.0
# Part of swift-event-bus.
"""From the figures of all rounds to one line per metric, with its verdict."""

from __future__ import annotations

import statistics
from dataclasses import dataclass, replace
from typing import Dict, List, Optional

from .metrics import METRICS
from .programs import Failure
from .rows import Row, Target
from .running import Result

PASS, FAIL, REPORTED = "PASS", "FAIL", "reported"


@dataclass(frozen=True)
class Spread:
    """The median of all rounds and how far they lie apart."""

    median: float
    least: float
    most: float

    @staticmethod
    def of(values: List[float]) -> Spread:
        return Spread(statistics.median(values), min(values), max(values))


@dataclass(frozen=True)
class Line:
    """What one row says about one metric."""

    metric: str
    subject: Spread
    baseline: Optional[Spread]
    ratio: Optional[float]  # of the medians
    ratio_of_rounds: Optional[float]  # the median of the rounds' ratios
    target: Optional[Target]
    verdict: str


def lines(result: Result, judged: bool) -> List[Line]:
    """One line for each metric of the row; none when the row failed."""
    if result.failure is not None:
        return []
    return [line(result, metric, judged) for metric in result.row.metrics]


def line(result: Result, metric: str, judged: bool) -> Line:
    row = result.row
    values = [figures[metric] for figures in result.subject]
    others = baseline_values(row, result, metric, len(values))
    subject, baseline = Spread.of(values), Spread.of(others) if others else None
    ratio = of_rounds = None
    if baseline and baseline.least > 0:
        ratio = subject.median / baseline.median
        of_rounds = statistics.median(mine / other for mine, other in zip(values, others))
    target = next((target for target in row.targets if target.metric == metric), None)
    judgement = Line(metric, subject, baseline, ratio, of_rounds, target, REPORTED)
    if target is None or not judged:
        return judgement
    value = judged_value(judgement)
    if value is None:
        raise Failure(f"{row.name}: there is no baseline for the {metric}")
    return replace(judgement, verdict=PASS if target.holds(value) else FAIL)


def judged_value(line: Line) -> Optional[float]:
    """What the line's target is about."""
    if line.target.times:
        return line.ratio
    if line.target.plus:
        return line.subject.median - line.baseline.median if line.baseline else None
    return line.subject.median


def baseline_values(row: Row, result: Result, metric: str, rounds: int) -> List[float]:
    if row.figures is not None:
        return [row.figures[metric]] * rounds if metric in row.figures else []
    return [figures[metric] for figures in result.baseline if metric in figures]


def failed(results: List[Result], judged: bool) -> List[str]:
    """The rows that miss a target or did not run."""
    return [
        result.row.name
        for result in results
        if result.failure is not None or any(one.verdict == FAIL for one in lines(result, judged))
    ]


def target_text(target: Target, value: Optional[float]) -> str:
    """What had to come out; for a target with an aim also whether that was reached."""
    metric = METRICS[target.metric]
    sign = "≥" if target.at_least is not None else "≤"
    write = (lambda limit: f"{limit:g} ×") if target.times else (lambda limit: metric.write(limit) + metric.unit)
    text = f"{sign} {'baseline + ' if target.plus else ''}{write(target.limit)}"
    if target.aim is not None and value is not None:
        text += f", aim {write(target.aim)} {'reached' if target.reaches_aim(value) else 'missed'}"
    return text


def as_record(line: Line) -> Dict[str, object]:
    """The line as it goes into JSON."""
    record: Dict[str, object] = {"metric": line.metric, **spread(line.subject)}
    if line.baseline:
        record["baseline"] = spread(line.baseline)
    if line.ratio is not None:
        record["ratio_of_medians"], record["median_of_ratios"] = line.ratio, line.ratio_of_rounds
    if line.target:
        record["target"] = target_text(line.target, judged_value(line))
    return {**record, "verdict": line.verdict}


def spread(of: Spread) -> Dict[str, float]:
    return {"median": of.median, "min": of.least, "max": of.most}
