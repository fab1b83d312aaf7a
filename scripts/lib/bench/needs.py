# SPDX-License-Identifier: Apache-2.0
# Part of swift-event-bus.
"""What has to be built and installed before something can be measured, for scripts/bench."""

from __future__ import annotations

import argparse
from typing import List, Set

from . import rows, sweeps

SERVICES = {"system": {"user-service-cheap-hash", "payment-service"}, "start": {"payment-service"},
            "memory": {"payment-service"}}


def of(options: argparse.Namespace) -> List[str]:
    """Lines of a kind and a name: `product` of Benchmarks, `baselines`, `command`, `python` for a package of PyPI."""
    if options.list:
        return []
    if options.draw:
        return ["python matplotlib"]
    chosen = sweeps.selected(options.names) if options.plots else rows.selected(options.names)
    products: Set[str] = set()
    found: List[str] = []
    for one in chosen:
        kind = "system" if one.name == "system" else getattr(one, "kind", "program")
        products |= SERVICES.get(kind, set())
        products |= {command.program for command in one.commands if command.language == "swift"}
        if any(command.language == "c" for command in one.commands):
            found.append("baselines -")
        if kind == "system":
            found.append("command wrk")
    if options.plots:
        found.append("python matplotlib")
    if options.no_build:
        return sorted({line for line in found if not line.startswith("baselines")})
    return sorted({f"product {name}" for name in products} | set(found))
