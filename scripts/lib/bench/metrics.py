# SPDX-License-Identifier: Apache-2.0
# Part of swift-event-bus.
"""What can be measured, and how a figure is written."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Callable, Dict


def rounded(value: float) -> str:
    """Three significant digits, thousands with commas."""
    if value == 0:
        return "0"
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    if abs(value) >= 100:
        return f"{value:.0f}"
    if abs(value) >= 10:
        return f"{value:.1f}"
    if abs(value) >= 0.1:
        return f"{value:.2f}"
    return f"{value:#.2g}"


def rate(value: float) -> str:
    return f"{value / 1e6:.2f} M" if value >= 1e6 else rounded(value)


@dataclass(frozen=True)
class Metric:
    """One kind of figure."""

    label: str  # {counts} stands for what the row counts
    unit: str = ""
    write: Callable[[float], str] = rounded

    def title(self, counts: str) -> str:
        """The label of the figures in the table, including the unit, which the figures omit."""
        label = self.label.format(counts=counts)
        return f"{label}, {self.unit.strip()}" if self.unit.startswith(" ") else label + self.unit


METRICS: Dict[str, Metric] = {
    "rate": Metric("{counts}", "/s", rate),
    "cpu": Metric("client CPU", " s per 100,000"),
    "cost": Metric("time per operation", " ms"),
    "p50": Metric("latency p50", " µs"),
    "p99": Metric("latency p99", " µs"),
    "start": Metric("time from start to ready", " ms"),
    "memory": Metric("resident memory", " MB"),
    "own memory": Metric("of which not file-backed", " MB"),
    "backlog": Metric("mean backlog of the last quarter, share of its limit"),
    "backlog_max": Metric("largest backlog", " registrations"),
    "drain": Metric("backlog drained after the end", " s"),
    "cpu user-service": Metric("CPU of user-service", " s per 1,000"),
    "cpu payment-service": Metric("CPU of payment-service", " s per 1,000"),
    "cpu broker": Metric("CPU of RabbitMQ", " s per 1,000"),
    "cpu postgres": Metric("CPU of Postgres", " s per 1,000"),
    "cpu load": Metric("CPU of wrk", " s per 1,000"),
}
