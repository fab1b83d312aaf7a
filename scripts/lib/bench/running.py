# SPDX-License-Identifier: Apache-2.0
# Part of swift-event-bus.
"""Rounds: every row beside its baseline, the one that goes first changing from round to round."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from typing import Callable, Dict, List, Mapping, Optional, Sequence

from . import programs, startup, system
from .metrics import METRICS
from .programs import Failure
from .rows import Command, Row
from .servers import drop_schemas

Figures = Dict[str, float]


@dataclass(frozen=True)
class Lengths:
    """How long those rows take that are not programs with arguments."""

    system_seconds: int = 60
    starts: int = 5


@dataclass
class Result:
    """What the rounds of one row measured; in both lists the same place is the same round."""

    row: Row
    subject: List[Figures] = field(default_factory=list)
    baseline: List[Figures] = field(default_factory=list)
    failure: Optional[str] = None


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def run(
    rows: Sequence[Row],
    rounds: int,
    environment: Mapping[str, str],
    lengths: Lengths,
    keep: Callable[[List[Result], int], None],
) -> List[Result]:
    """All rows once, then all again: a noisy minute then meets one round of some rows, not all rounds of one.

    `keep` gets what there is after each round, so that a run that is cut off was not for nothing.
    """
    results = [Result(row) for row in rows]
    for number in range(rounds):
        say(f"Round {number + 1} of {rounds}")
        for result in results:
            if result.failure is None:
                run_round(result, number, environment, lengths)
        keep(results, number + 1)
    return results


def run_round(result: Result, number: int, environment: Mapping[str, str], lengths: Lengths) -> None:
    row, found = result.row, {}
    try:
        for side in order(number):
            measurement = measurements(row, environment, lengths).get(side)
            if measurement:
                found[side] = measurement()
    except (Failure, OSError, KeyError) as failure:
        result.failure = str(failure) if isinstance(failure, Failure) else repr(failure)
        say(f"  {row.name}: {failure}")
        return
    result.subject.append(found["subject"])
    if "baseline" in found:
        result.baseline.append(found["baseline"])
    say(f"  {row.name}: " + progress(row, found))


def order(number: int) -> List[str]:
    return ["subject", "baseline"] if number % 2 == 0 else ["baseline", "subject"]


def measurements(row: Row, environment: Mapping[str, str], lengths: Lengths) -> Dict[str, Callable[[], Figures]]:
    if row.kind == "system":
        return {"subject": lambda: system.measure(environment, lengths.system_seconds)}
    if row.kind == "start":
        return {"subject": lambda: startup.start(environment, lengths.starts)}
    if row.kind == "memory":
        return {"subject": lambda: startup.memory(environment)}

    def one(command: Command) -> Callable[[], Figures]:
        def measurement() -> Figures:
            if command.program == "postgres":
                drop_schemas(environment)
            for step in row.prepare:
                programs.output(step, environment)
            return programs.measure(command, environment, row.one_core)

        return measurement

    sides = {"subject": row.command, "baseline": row.baseline}
    return {side: one(command) for side, command in sides.items() if command}


def progress(row: Row, found: Mapping[str, Figures]) -> str:
    texts = []
    for name in row.metrics:
        metric = METRICS[name]
        values = [metric.write(found[side][name]) for side in ("subject", "baseline") if name in found.get(side, {})]
        texts.append(f"{metric.title(row.counts)} {' / '.join(values)}")
    return "; ".join(texts)
