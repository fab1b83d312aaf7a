# SPDX-License-Identifier: Apache-2.0
# Part of swift-event-bus.
"""The rows of the table as data: what runs, against what, and what has to come out."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from typing import Dict, List, Optional, Sequence, Tuple

# Where `swift build` puts the programs, from the repository's root.
RELEASE = os.environ.get("BENCHMARKS_BIN", "Benchmarks/.build/release")
BASELINES = "Benchmarks/.build/baselines"

# What --quick makes of an argument: enough to see that a program works.
QUICK = {
    "--seconds": 1, "--count": 2000, "--rows": 2000, "--waiting": 2000, "--unheard": 2000, "--dead": 2000, "--age": 1,
    "--batches": 5,
}


@dataclass(frozen=True)
class Command:
    """One invocation of a program that prints one line of JSON."""

    language: str  # swift or c
    program: str
    arguments: Tuple[str, ...]

    @property
    def path(self) -> str:
        """Where the program is, from the repository's root."""
        return f"{RELEASE if self.language == 'swift' else BASELINES}/{self.program}"

    def quick(self) -> Command:
        arguments = list(self.arguments)
        for at, name in enumerate(arguments[:-1]):
            if name in QUICK:
                arguments[at + 1] = str(min(QUICK[name], int(arguments[at + 1])))
        return replace(self, arguments=tuple(arguments))

    def __str__(self) -> str:
        return " ".join((self.program,) + self.arguments)


def swift(text: str) -> Command:
    program, *arguments = text.split()
    return Command("swift", program, tuple(arguments))


def c(text: str) -> Command:
    program, *arguments = text.split()
    return Command("c", program, tuple(arguments))


@dataclass(frozen=True)
class Target:
    """What the median of a metric has to be; `times`: its ratio to the baseline's median; `plus`: what it has above that."""

    metric: str
    at_least: Optional[float] = None
    at_most: Optional[float] = None
    times: bool = False
    plus: bool = False
    aim: Optional[float] = None

    def holds(self, value: float) -> bool:
        return value >= self.at_least if self.at_least is not None else value <= self.at_most

    def reaches_aim(self, value: float) -> bool:
        return replace(self, **{self.bound: self.aim}).holds(value)

    @property
    def bound(self) -> str:
        return "at_least" if self.at_least is not None else "at_most"

    @property
    def limit(self) -> float:
        return getattr(self, self.bound)


def at_least(metric: str, value: float) -> Target:
    return Target(metric, at_least=value)


def at_most(metric: str, value: float, aim: Optional[float] = None) -> Target:
    return Target(metric, at_most=value, aim=aim)


def times_at_least(metric: str, value: float, aim: Optional[float] = None) -> Target:
    return Target(metric, at_least=value, times=True, aim=aim)


def times_at_most(metric: str, value: float) -> Target:
    return Target(metric, at_most=value, times=True)


def plus_at_most(metric: str, value: float) -> Target:
    return Target(metric, at_most=value, plus=True)


@dataclass(frozen=True)
class Row:
    """One comparison. A row without a command is measured by the function of its kind (running.py)."""

    name: str
    counts: str  # what one operation is
    command: Optional[Command] = None
    baseline: Optional[Command] = None
    against: str = ""  # what the baseline is, in the table
    figures: Optional[Dict[str, float]] = None  # a baseline that was measured once and isn't run again
    targets: Tuple[Target, ...] = ()
    metrics: Tuple[str, ...] = ("rate", "cpu")
    prepare: Tuple[Command, ...] = ()  # before each run
    kind: str = "program"
    one_core: bool = False  # the program and its baseline may use one core only

    @property
    def commands(self) -> List[Command]:
        return [command for command in (self.command, self.baseline) if command] + list(self.prepare)

    @property
    def needs_servers(self) -> bool:
        return self.kind != "program" or any(one.program in ("rabbit", "postgres") for one in self.commands)

    def quick(self) -> Row:
        shorter = lambda command: command and command.quick()
        return replace(
            self,
            command=shorter(self.command),
            baseline=shorter(self.baseline),
            prepare=tuple(one.quick() for one in self.prepare),
        )


# No row finds messages of another one in the broker.
PURGE = (c("rabbit purge --queue bench.published"), c("rabbit purge --queue bench.consumed"))
PUBLISH_IN_C = c("rabbit publish --window 512 --queue quorum --properties all --seconds 4")
RABBIT_C = "C, librabbitmq"
LIBPQ_C = "C, libpq"

# The same system as it is usually written, measured once on two cores (docs/performance.md describes how).
USUAL_SYSTEM = {"rate": 328.0, "p50": 96_000.0, "p99": 135_000.0}


def filled(properties: str, count: int) -> Tuple[Command, ...]:
    return PURGE + (c(f"rabbit fill --properties {properties} --queue bench.consumed --count {count}"),)


def in_process(name: str, arguments: str, target: Target) -> Row:
    command = swift(f"in-process batch {arguments} --seconds 3")
    return Row(f"in-process-{name}", "deliveries", command, targets=(target,), one_core=True)


def topics(name: str, patterns: int, baseline: Command, against: str, targets: Tuple[Target, ...] = ()) -> Row:
    command = swift(f"topics {name} --patterns {patterns} --seconds 3")
    return Row(f"topic-{name}-{patterns}", "lookups", command, baseline, against, targets=targets, one_core=True)


def trie(patterns: int) -> Command:
    return c(f"trie --patterns {patterns} --seconds 3")


def consume(properties: str, targets: Tuple[Target, ...]) -> Row:
    arguments = f"rabbit consume --properties {properties} --count 300000"
    return Row(
        f"rabbit-consume-{properties}", "deliveries", swift(f"{arguments} --on own"), c(arguments), RABBIT_C,
        targets=targets, prepare=filled(properties, 300_000),
    )


def postgres(name: str, counts: str, arguments: str, thread: str, targets: Tuple[Target, ...] = ()) -> Row:
    arguments = f"postgres {name} {arguments} --seconds 3"
    title = f"postgres-{name}" if thread == "own" else f"postgres-{name}-{thread}"
    return Row(title, counts, swift(f"{arguments} --on {thread}"), c(arguments), LIBPQ_C, targets=targets)


ROWS: Tuple[Row, ...] = (
    in_process("batch-1", "--subscriptions 1 --batch 64", at_least("rate", 1.5e6)),
    in_process("batch-10", "--subscriptions 10 --batch 64", at_least("rate", 5e6)),
    in_process("one", "--subscriptions 1 --batch 1", at_least("rate", 0.5e6)),
    Row(
        "in-process-typed", "events", swift("in-process typed --seconds 3"), swift("in-process json --seconds 3"),
        "JSON alone", targets=(times_at_least("rate", 0.8),), one_core=True,
    ),
    Row("in-process-simulated", "deliveries", swift("simulated typed --seconds 3"), one_core=True),
    topics("unseen", 1000, trie(1000), "C, trie", (times_at_least("rate", 0.5),)),
    topics("unseen", 100000, trie(100000), "C, trie", (times_at_least("rate", 0.5),)),
    topics("seen", 1000, trie(1000), "C, trie"),
    topics(
        "seen", 100000, swift("topics seen --patterns 1000 --seconds 3"), "with 1,000 patterns",
        (times_at_least("rate", 0.8),),
    ),
    Row(
        "rabbit-publish-batch", "confirmed messages",
        swift("rabbit publish --batch 64 --window 512 --seconds 4"), PUBLISH_IN_C, RABBIT_C,
        targets=(times_at_least("rate", 0.95), at_most("cpu", 0.25)), prepare=PURGE,
    ),
    Row(
        "rabbit-publish-one", "confirmed messages",
        swift("rabbit publish --batch 1 --tasks 64 --on own --seconds 4"), PUBLISH_IN_C, RABBIT_C,
        targets=(at_most("cpu", 0.7, aim=0.5),), prepare=PURGE,
    ),
    Row(
        "rabbit-publish-one-pool", "confirmed messages",
        swift("rabbit publish --batch 1 --tasks 64 --on pool --seconds 4"), PUBLISH_IN_C, RABBIT_C, prepare=PURGE,
    ),
    consume("bare", (times_at_least("rate", 0.9), at_most("cpu", 0.5))),
    consume("all", (times_at_least("rate", 0.85), at_most("cpu", 0.6))),
    Row(
        "rabbit-consume-typed", "deliveries", swift("rabbit consume-typed --count 200000"),
        swift("rabbit consume --properties all --count 200000 --decode yes --on own"), "Deliveries and JSON decoding",
        targets=(plus_at_most("cpu", 0.1),), prepare=filled("all", 200_000),
    ),
    Row(
        "rabbit-latency", "messages", swift("rabbit latency --rate 1000 --seconds 5 --on own"),
        c("rabbit latency --rate 1000 --seconds 5"), RABBIT_C, metrics=("p50", "p99", "cpu"),
        targets=(times_at_most("p50", 1.2), times_at_most("p99", 1.5)), prepare=PURGE,
    ),
    postgres("register", "transactions", "--connections 8 --tasks 32", "own", (times_at_least("rate", 0.9),)),
    postgres("register", "transactions", "--connections 8 --tasks 32", "pool", (times_at_least("rate", 0.95),)),
    postgres("select", "selects", "--connections 4 --tasks 64", "own", (times_at_least("rate", 0.5),)),
    postgres("select", "selects", "--connections 4 --tasks 64", "pool", (times_at_least("rate", 0.5),)),
    Row(
        "postgres-consume", "deliveries", swift("postgres consume --batch 64 --seconds 3"),
        swift("postgres consume --batch 1 --seconds 3"), "one per transaction", targets=(times_at_least("rate", 5),),
    ),
    Row("relay", "events", swift("postgres relay --rows 100000"), targets=(at_least("rate", 20_000),)),
    Row(
        "relay-backlog", "batches", swift("postgres relay-batches --waiting 1000000 --batches 50"),
        swift("postgres relay-batches --waiting 0 --batches 50"), "none waiting", metrics=("cost",),
        targets=(times_at_most("cost", 1.5),),
    ),
    Row(
        "relay-unheard", "batches", swift("postgres relay-batches --unheard 1000000 --batches 50"),
        swift("postgres relay-batches --waiting 0 --batches 50"), "none waiting for a subscriber", metrics=("cost",),
        targets=(times_at_most("cost", 1.5),),
    ),
    Row(
        "relay-dead", "events", swift("postgres relay-dead --rows 50000 --dead 500000"),
        swift("postgres relay-dead --rows 50000 --dead 0"), "no dead rows", targets=(times_at_least("rate", 0.5),),
    ),
    Row(
        "relay-keys", "events", swift("postgres relay-keys --seconds 10 --age 60"),
        swift("postgres relay-keys --seconds 10 --age 0"), "no open transaction", targets=(times_at_least("rate", 0.9),),
    ),
    Row(
        "wake-up", "events", swift("postgres wake-up --rate 500 --seconds 5"), metrics=("p50", "p99"),
        targets=(at_most("p99", 50_000),),
    ),
    Row(
        "wake-up-cost", "transactions", swift("postgres register-waking --tasks 32 --wakes 1 --seconds 3"),
        swift("postgres register-waking --tasks 32 --wakes 0 --seconds 3"), "no wake-ups", targets=(times_at_least("rate", 0.95),),
    ),
    Row(
        "system", "registrations", against="Django, pika and Go", figures=USUAL_SYSTEM, kind="system",
        metrics=(
            "rate", "p50", "p99", "backlog", "backlog_max", "drain", "cpu user-service", "cpu payment-service",
            "cpu broker", "cpu postgres", "cpu load",
        ),
        targets=(times_at_least("rate", 5, aim=10), at_most("backlog", 1), at_most("drain", 5)),
    ),
    Row("start", "starts of payment-service", kind="start", metrics=("start",), targets=(at_most("start", 150),)),
    Row(
        "idle-memory", "payment-service", kind="memory", metrics=("memory", "own memory"),
        targets=(at_most("memory", 30),),
    ),
)


def is_called(name: str, asked: str, names: Sequence[str]) -> bool:
    """Whether a name is what was asked for, or begins so when nothing has exactly that name."""
    return name == asked if asked in names else name.startswith(asked)


def selected(asked: Sequence[str]) -> List[Row]:
    """The rows that were asked for; all when none was."""
    names = [row.name for row in ROWS]
    for one in asked:
        if not any(is_called(name, one, names) for name in names):
            raise ValueError(f"no row begins with {one}; scripts/bench --list names all")
    return [row for row in ROWS if not asked or any(is_called(row.name, one, names) for one in asked)]
