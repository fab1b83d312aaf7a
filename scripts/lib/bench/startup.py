# SPDX-License-Identifier: Apache-2.0
# Part of swift-event-bus.
"""How soon payment-service is ready, and what it takes when it has nothing to do."""

from __future__ import annotations

import statistics
import time
from typing import Dict, Mapping

from .services import Service, resident_bytes

PROGRAM = "payment-service"
IDLE_SECONDS = 5


def start(environment: Mapping[str, str], starts: int) -> Dict[str, float]:
    """The median over some starts in a row, with the servers up and the migrations done."""
    taken = []
    for number in range(starts + 1):
        with Service(PROGRAM, environment) as service:
            seconds = service.until_ready()
        if number > 0:  # the first may have migrated
            taken.append(seconds * 1000)
    return {"start": statistics.median(taken)}


def memory(environment: Mapping[str, str]) -> Dict[str, float]:
    """What is resident some seconds after the first readiness, in units of a million bytes."""
    with Service(PROGRAM, environment) as service:
        service.until_ready()
        time.sleep(IDLE_SECONDS)
        process = service.process.pid
        return {
            "memory": resident_bytes(process, "VmRSS") / 1e6,
            "own memory": resident_bytes(process, "RssAnon") / 1e6,
        }
