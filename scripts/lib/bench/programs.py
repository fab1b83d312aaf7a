# SPDX-License-Identifier: Apache-2.0
# Part of swift-event-bus.
"""Runs one program and reads its line of JSON."""

from __future__ import annotations

import json
import os
import pathlib
import signal
import subprocess
from typing import Dict, Mapping

from .rows import Command

ROOT = pathlib.Path(__file__).resolve().parents[3]
SECONDS = 900  # a program that takes longer hangs; filling an outbox with a million rows takes a minute


class Failure(Exception):
    """A program failed, or what it printed is impossible."""


def one_core() -> None:
    """Keeps this process on the last core that it may use."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})


def output(command: Command, environment: Mapping[str, str], pinned: bool = False) -> str:
    """What the program wrote to standard output; fails when it failed."""
    path = ROOT / command.path
    if not path.exists():
        raise Failure(f"{command.path} isn't there: it was not built")
    try:
        done = subprocess.run(
            [str(path), *command.arguments], env=dict(environment), stdin=subprocess.DEVNULL, capture_output=True,
            text=True, timeout=SECONDS, preexec_fn=one_core if pinned else None,
        )
    except subprocess.TimeoutExpired:
        raise Failure(f"{command}: not done after {SECONDS} s") from None
    if done.returncode != 0:
        raise Failure(f"{command}: {ending(done.returncode)}: {shortened(done.stderr)}")
    return done.stdout


def ending(code: int) -> str:
    return f"ended with {code}" if code >= 0 else f"was ended by {signal.Signals(-code).name}"


def shortened(text: str) -> str:
    """The beginning of what a program wrote: behind it there may be pages of a backtrace."""
    short = " ".join(text.split())
    return (short[:300] + " …" if len(short) > 300 else short) or "it printed nothing"


def measure(command: Command, environment: Mapping[str, str], pinned: bool = False) -> Dict[str, float]:
    """Runs a benchmark program once; its figures by metric."""
    lines = output(command, environment, pinned).splitlines()
    if len(lines) != 1:
        raise Failure(f"{command}: {len(lines)} lines on standard output instead of one")
    return figures(command, lines[0])


def figures(command: Command, line: str) -> Dict[str, float]:
    try:
        said = json.loads(line)
        operations, seconds = float(said["operations"]), float(said["seconds"])
        cpu_seconds, latency = float(said["cpu_seconds"]), said.get("latency_us", {})
        if not (operations > 0 and seconds > 0 and cpu_seconds >= 0):
            raise ValueError("a figure is not positive")
        found = {
            "rate": operations / seconds,
            "cpu": cpu_seconds / operations * 100_000,
            "cost": seconds / operations * 1000,
            "peak_rss_bytes": float(said["peak_rss_bytes"]),
        }
        found.update({name: float(latency[name]) for name in ("p50", "p99", "max") if name in latency})
        return found
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise Failure(f"{command}: {error!r} in what it printed: {line[:200]}") from None
