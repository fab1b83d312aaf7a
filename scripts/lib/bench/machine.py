# SPDX-License-Identifier: Apache-2.0
# Part of swift-event-bus.
"""On what machine and with which versions something was measured."""

from __future__ import annotations

import datetime
import os
import pathlib
import platform
import re
import subprocess
from typing import Dict, List, Mapping, Optional

from .programs import ROOT, Failure
from .servers import infra


def answer(*command: str) -> str:
    """What a program prints, or nothing when it can't."""
    try:
        done = subprocess.run(command, cwd=ROOT, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    except OSError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def read(path: str) -> str:
    try:
        return pathlib.Path(path).read_text()
    except OSError:
        return ""


def first(pattern: str, text: str) -> str:
    found = re.search(pattern, text, re.M)
    return found.group(1).strip() if found else "unknown"


def machine() -> Dict[str, object]:
    if platform.system() == "Darwin":
        cpu, memory = answer("sysctl", "-n", "machdep.cpu.brand_string"), int(answer("sysctl", "-n", "hw.memsize") or 0)
        system = f"macOS {platform.mac_ver()[0]}"
    else:
        cpu = first(r"^model name\s*:\s*(.*)$", read("/proc/cpuinfo"))
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
        system = first(r'^PRETTY_NAME="?([^"\n]*)', read("/etc/os-release"))
    return {
        "cpu": cpu or platform.machine(),
        "architecture": platform.machine(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "memory_gib": round(memory / 2**30, 1),
        "kernel": f"{platform.system()} {platform.release()}",
        "system": system,
    }


def versions(environment: Optional[Mapping[str, str]]) -> Dict[str, str]:
    """The versions of what was compiled, and of the servers when there are any."""
    found = {
        "swift": swift_version(),
        "librabbitmq": answer("pkg-config", "--modversion", "librabbitmq") or "unknown",
        "libpq": answer("pkg-config", "--modversion", "libpq") or "unknown",
    }
    if environment:
        try:
            found["rabbitmq"] = infra(environment, "rabbitmqctl", "version").strip()
            psql = ("psql", "-X", "-A", "-t", "-d", "eventbus", "-c")
            found["postgres"] = infra(environment, *psql, "SHOW server_version").split()[0]
        except Failure as failure:
            raise Failure(f"a server does not report its version: {failure}") from None
    return found


def swift_version() -> str:
    return first(r"Swift version (\S+)", answer("swift", "--version"))


def commit() -> str:
    changed = answer("git", "status", "--porcelain", "--untracked-files=no", "--", ".", ":!docs")
    return (answer("git", "rev-parse", "--short=7", "HEAD") or "unknown") + (" with changes" if changed else "")


def today() -> str:
    return datetime.datetime.now(datetime.timezone.utc).date().isoformat()


class Steal:
    """The share of CPU time that the hypervisor gave to others, from a moment on."""

    def __init__(self) -> None:
        self.begin = self.times()

    @staticmethod
    def times() -> List[int]:
        # user nice system idle iowait irq softirq steal (guest times are part of user and nice)
        return [int(value) for value in first(r"^cpu +(.*)$", read("/proc/stat")).split()[:8] if value.isdigit()]

    def share(self) -> Optional[float]:
        spent = [end - begin for begin, end in zip(self.begin, self.times())]
        return spent[7] / sum(spent) if len(spent) == 8 and sum(spent) > 0 else None
