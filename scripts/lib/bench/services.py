# SPDX-License-Identifier: Apache-2.0
# Part of swift-event-bus.
"""The example services as processes: start, readiness, memory, CPU time, end."""

from __future__ import annotations

import os
import pathlib
import socket
import subprocess
import tempfile
import time
from typing import Dict, Mapping, Optional

from .programs import ROOT, Failure, ending, shortened
from .rows import RELEASE

POLL = 0.002
READY_SECONDS = 30
END_SECONDS = 40  # the services themselves give up after 25 s


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Service:
    """One of the services, from its start to its end."""

    def __init__(self, program: str, environment: Mapping[str, str], folder: str = RELEASE):
        path = ROOT / folder / program
        if not path.exists():
            raise Failure(f"{program} isn't there: it was not built")
        self.program, self.port = program, free_port()
        settings = {**environment, "HTTP_HOST": "127.0.0.1", "HTTP_PORT": str(self.port), "LOG_LEVEL": "warning"}
        self.log = tempfile.TemporaryFile()
        self.started = time.monotonic()
        self.process = subprocess.Popen(
            [str(path)], env=settings, stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log
        )

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def until_ready(self) -> float:
        """Asks for readiness each 2 ms; the seconds from the start to the first 200."""
        while not self.answers_ready():
            if self.process.poll() is not None:
                raise Failure(f"{self.program} {ending(self.process.returncode)}: {self.output()}")
            if time.monotonic() - self.started > READY_SECONDS:
                raise Failure(f"{self.program} is not ready after {READY_SECONDS} s: {self.output()}")
            time.sleep(POLL)
        return time.monotonic() - self.started

    def answers_ready(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1) as connection:
                connection.sendall(b"GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
                return connection.recv(64).split(b" ")[1:2] == [b"200"]
        except OSError:
            return False

    def output(self) -> str:
        self.log.seek(0)
        return shortened(self.log.read().decode(errors="replace"))

    def end(self) -> None:
        """Ends the process in order; whatever it still has to do counts as a failure after END_SECONDS."""
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(END_SECONDS)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
                raise Failure(f"{self.program} did not end within {END_SECONDS} s of SIGTERM") from None

    def __enter__(self) -> Service:
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self.end()
        finally:
            self.log.close()


def process_id(file: str) -> int:
    return int(pathlib.Path(file).read_text())


def resident_bytes(process: int, kind: str) -> int:
    """VmRSS is all that is resident, RssAnon that part of it which is in no file."""
    for line in pathlib.Path(f"/proc/{process}/status").read_text().splitlines():
        if line.startswith(f"{kind}:"):
            return int(line.split()[1]) * 1024
    raise Failure(f"process {process} has no {kind}")


def cpu_seconds(process: int) -> float:
    """The CPU time of a process and of all its descendants, those that have ended included."""
    stats = {}
    for folder in pathlib.Path("/proc").iterdir():
        if folder.name.isdigit() and (fields := stat(int(folder.name))):
            stats[int(folder.name)] = fields
    if process not in stats:
        raise Failure(f"process {process} is gone")
    ticks, family = 0, [process]
    for member in family:
        ticks += stats[member]["ticks"]
        family += [child for child, fields in stats.items() if fields["parent"] == member]
    return ticks / os.sysconf("SC_CLK_TCK")


def stat(process: int) -> Optional[Dict[str, int]]:
    try:
        text = pathlib.Path(f"/proc/{process}/stat").read_text()
    except OSError:
        return None
    # The name (field 2) may hold spaces and brackets. Behind it: state, parent, … and as 12th to 15th the CPU times.
    fields = text.rsplit(")", 1)[1].split()
    return {"parent": int(fields[1]), "ticks": sum(int(value) for value in fields[11:15])}
