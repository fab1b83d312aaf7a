# SPDX-License-Identifier: Apache-2.0
# Part of swift-event-bus.
"""What the plots show, as data, and how it is measured: cost against load, one plot for each path of an event."""

from __future__ import annotations

import statistics
from dataclasses import dataclass, replace
from typing import Dict, List, Mapping, Optional, Sequence, Tuple

from . import programs, system
from .programs import Failure
from .rows import PURGE, RABBIT_C, USUAL_SYSTEM, Command, c, filled, swift
from .running import order, say


@dataclass(frozen=True)
class Series:
    """One line of a plot; in the arguments {x} is the load, {connections} as many connections, but at most 4."""

    label: str
    command: Optional[Command] = None  # without: the whole system

    def at(self, x: int) -> Command:
        arguments = tuple(one.format(x=x, connections=min(4, x)) for one in self.command.arguments)
        return replace(self.command, arguments=arguments)


@dataclass(frozen=True)
class Plot:
    """Cost against load."""

    name: str
    title: str
    load: str
    loads: Tuple[int, ...]
    cost: str
    metric: str
    factor: float
    series: Tuple[Series, ...]
    prepare: Tuple[Command, ...] = ()
    one_core: bool = False
    point: Optional[Tuple[str, int, float]] = None  # measured once elsewhere: label, load, cost

    @property
    def needs_servers(self) -> bool:
        return self.name != "in-process"

    @property
    def commands(self) -> List[Command]:
        return [one.command for one in self.series if one.command] + list(self.prepare)


CPU_PER_OPERATION = ("client CPU per operation, µs", "cpu", 10.0)  # from seconds per 100,000
SYSTEM_SECONDS = 10
CONSUMED = 100_000

PLOTS: Tuple[Plot, ...] = (
    Plot(
        "in-process", "In process, on one core", "events in a batch", (1, 4, 16, 64, 256), *CPU_PER_OPERATION,
        (
            Series("1 subscription", swift("in-process batch --subscriptions 1 --batch {x} --seconds 2")),
            Series("10 subscriptions", swift("in-process batch --subscriptions 10 --batch {x} --seconds 2")),
        ),
        one_core=True,
    ),
    Plot(
        "rabbit-publish", "Publishing to a quorum queue of RabbitMQ", "messages under way", (1, 4, 16, 64, 256),
        *CPU_PER_OPERATION,
        (
            Series("swift-event-bus", swift("rabbit publish --batch 1 --tasks {x} --on own --seconds 2")),
            Series(RABBIT_C, c("rabbit publish --window {x} --queue quorum --properties all --seconds 2")),
        ),
        PURGE,
    ),
    Plot(
        "rabbit-consume", "Consuming from a quorum queue of RabbitMQ", "prefetch", (10, 50, 100, 250, 500, 1000),
        *CPU_PER_OPERATION,
        (
            Series("swift-event-bus", swift(f"rabbit consume --properties all --count {CONSUMED} --prefetch {{x}} --on own")),
            Series(RABBIT_C, c(f"rabbit consume --properties all --count {CONSUMED} --prefetch {{x}}")),
        ),
        filled("all", CONSUMED),
    ),
    Plot(
        "postgres", "Selecting one row from Postgres over at most 4 connections", "tasks", (1, 4, 8, 16, 32, 64),
        *CPU_PER_OPERATION,
        (
            Series("swift-event-bus", swift("postgres select --connections {connections} --tasks {x} --seconds 2")),
            Series("C, libpq", c("postgres select --connections {connections} --tasks {x} --seconds 2")),
        ),
    ),
    Plot(
        "system", "Registration over HTTP, both services running", "clients in a closed loop", (1, 4, 16, 32, 64),
        "median latency, ms", "p50", 0.001, (Series("swift-event-bus"),),
        point=("Django, pika and Go", 32, USUAL_SYSTEM["p50"] / 1000),
    ),
)


def selected(asked: Sequence[str]) -> List[Plot]:
    """The plots that were asked for; all when none was."""
    names = [plot.name for plot in PLOTS]
    for one in asked:
        if not any(name.startswith(one) for name in names):
            raise ValueError(f"no plot begins with {one}: there are {', '.join(names)}")
    return [plot for plot in PLOTS if not asked or any(plot.name.startswith(one) for one in asked)]


def run(plot: Plot, rounds: int, environment: Mapping[str, str], quick: bool) -> Dict[str, object]:
    """The medians of all points, as they go into JSON; both series of a point one after the other."""
    lines: List[List[float]] = [[] for _ in plot.series]
    for x in plot.loads:
        found: List[List[float]] = [[] for _ in plot.series]
        for number in range(rounds):
            turn = list(enumerate(plot.series))
            for at, series in turn if order(number)[0] == "subject" else reversed(turn):
                found[at].append(point(plot, series, x, environment, quick) * plot.factor)
        for line, values in zip(lines, found):
            line.append(statistics.median(values))
        say(f"  {plot.name}, {plot.load} {x}: " + ", ".join(f"{line[-1]:.3g}" for line in lines))
    return {
        "name": plot.name, "title": plot.title, "load": plot.load, "cost": plot.cost, "loads": list(plot.loads),
        "series": [{"label": one.label, "values": line} for one, line in zip(plot.series, lines)],
        "point": list(plot.point) if plot.point else None,
    }


def point(plot: Plot, series: Series, x: int, environment: Mapping[str, str], quick: bool) -> float:
    if series.command is None:
        return system.measure(environment, 3 if quick else SYSTEM_SECONDS, clients=x)[plot.metric]
    shorter = (lambda command: command.quick()) if quick else (lambda command: command)
    for step in plot.prepare:
        programs.output(shorter(step), environment)
    figures = programs.measure(shorter(series.at(x)), environment, plot.one_core)
    if plot.metric not in figures:
        raise Failure(f"{series.at(x)} does not report its {plot.metric}")
    return figures[plot.metric]
