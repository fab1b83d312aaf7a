# SPDX-License-Identifier: Apache-2.0
# Part of swift-event-bus.
"""A crowd that registers with user-service for a while, and what both services say of themselves meanwhile.

usage: register_load.py CLIENTS SECONDS NAME=PORT:PID…   the first service is the one to register with

Prints one line of JSON: how often each status was answered, the ids of the users, how the services answered /readyz, and their memory.
Each client waits for its answer before it sends the next request. What is answered with 503 is sent again after Retry-After, with the
same Idempotency-Key if it had one, as every second registration has.
"""

from __future__ import annotations

import asyncio
import collections
import json
import pathlib
import sys
import time
from typing import Counter, Dict, List, NamedTuple, Optional, Tuple

# An answer that takes longer than this is none.
ANSWER_SECONDS = 60
PROBE_SECONDS = 0.5


class Answer(NamedTuple):
    status: int
    headers: Dict[str, str]
    body: bytes


class Connection:
    """A connection that is kept for the next request, and opened again after a failure."""

    def __init__(self, port: int):
        self.port = port
        self.streams: Optional[Tuple[asyncio.StreamReader, asyncio.StreamWriter]] = None

    async def send(self, method: str, path: str, body: bytes = b"", headers: str = "") -> Answer:
        try:
            return await asyncio.wait_for(self.exchange(method, path, body, headers), ANSWER_SECONDS)
        except BaseException:
            self.close()
            raise

    async def exchange(self, method: str, path: str, body: bytes, headers: str) -> Answer:
        if self.streams is None:
            self.streams = await asyncio.open_connection("127.0.0.1", self.port)
        reader, writer = self.streams
        head = f"{method} {path} HTTP/1.1\r\nHost: localhost\r\n{headers}"
        if body:
            head += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
        writer.write(head.encode() + b"\r\n" + body)
        lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        fields = dict(line.lower().split(": ", 1) for line in lines[1:] if ": " in line)
        answer = Answer(int(lines[0].split(" ")[1]), fields, await reader.readexactly(int(fields.get("content-length", 0))))
        if fields.get("connection") == "close":
            self.close()
        return answer

    def close(self) -> None:
        if self.streams:
            self.streams[1].close()
        self.streams = None


class Crowd:
    """Clients that register one user after the other."""

    def __init__(self, port: int, until: float):
        self.port, self.until = port, until
        self.statuses: Counter[str] = collections.Counter()
        self.ids: List[str] = []
        self.slowest = 0.0

    async def client(self, number: int) -> None:
        connection = Connection(self.port)
        count = 0
        while time.monotonic() < self.until:
            count += 1
            await self.register(connection, f"soak-{number}-{count}", count % 2 == 0)
        connection.close()

    async def register(self, connection: Connection, name: str, has_key: bool) -> None:
        body = json.dumps({"username": name, "email": f"{name}@example.org", "password": "correct horse"}).encode()
        headers = f"Idempotency-Key: key-of-{name}\r\n" if has_key else ""
        while True:
            start = time.monotonic()
            try:
                answer = await connection.send("POST", "/api/users/register/", body, headers)
            except (OSError, EOFError, asyncio.TimeoutError) as error:
                self.statuses[type(error).__name__] += 1
                return
            self.statuses[str(answer.status)] += 1
            self.slowest = max(self.slowest, time.monotonic() - start)
            if answer.status == 201:
                self.ids.append(json.loads(answer.body)["id"])
            if answer.status != 503 or time.monotonic() >= self.until:
                return
            await asyncio.sleep(float(answer.headers["retry-after"]))


class Service:
    """What a service says of its readiness, and how much memory it has, until it is told to stop."""

    def __init__(self, text: str):
        self.name, address = text.split("=")
        self.port, self.process = (int(number) for number in address.split(":"))
        self.statuses: Counter[str] = collections.Counter()
        self.notes: Counter[str] = collections.Counter()
        self.slowest = 0.0
        self.memory: List[Tuple[float, int]] = []

    async def watch(self) -> None:
        start = time.monotonic()
        while True:
            await self.probe()
            self.memory.append((time.monotonic() - start, self.resident()))
            await asyncio.sleep(PROBE_SECONDS)

    async def probe(self) -> None:
        connection, start = Connection(self.port), time.monotonic()
        try:
            answer = await connection.send("GET", "/readyz", headers="Connection: close\r\n")
            report = json.loads(answer.body)
            self.statuses[f"{answer.status} {report.get('status')}"] += 1
            self.notes.update(report.get("notes", []) + report.get("problems", []))
        except (OSError, EOFError, asyncio.TimeoutError) as error:
            self.statuses[type(error).__name__] += 1
        self.slowest = max(self.slowest, time.monotonic() - start)

    def resident(self) -> int:
        for line in pathlib.Path(f"/proc/{self.process}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) * 1024
        return 0

    def report(self, seconds: float) -> Dict[str, object]:
        # The middle of five measurements each: one alone may be that of a moment.
        quarter = [size for at, size in self.memory if at >= seconds / 4][:5]
        end = [size for at, size in self.memory if at <= seconds][-5:]
        return {
            "readiness": self.statuses, "slowest": self.slowest, "notes": dict(self.notes.most_common(5)),
            "early": sorted(quarter)[len(quarter) // 2], "late": sorted(end)[len(end) // 2],
        }


async def run(clients: int, seconds: float, services: List[Service]) -> Dict[str, object]:
    crowd = Crowd(services[0].port, time.monotonic() + seconds)
    watchers = [asyncio.create_task(service.watch()) for service in services]
    await asyncio.gather(*(crowd.client(number) for number in range(clients)))
    for watcher in watchers:
        if watcher.done():
            watcher.result()
        watcher.cancel()
    return {
        "statuses": crowd.statuses, "slowest": crowd.slowest, "ids": crowd.ids,
        "services": {service.name: service.report(seconds) for service in services},
    }


if __name__ == "__main__":
    print(json.dumps(asyncio.run(run(int(sys.argv[1]), float(sys.argv[2]), [Service(text) for text in sys.argv[3:]]))))
