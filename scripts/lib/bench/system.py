# SPDX-License-Identifier: Apache-2.0
# Part of swift-event-bus.
"""The whole system under load: registrations over HTTP, accounts on the other side."""

from __future__ import annotations

import json
import pathlib
import resource
import statistics
import subprocess
import time
from typing import Dict, List, Mapping, NamedTuple

from .programs import Failure
from .servers import Database
from .services import Service, cpu_seconds, process_id

SCRIPT = pathlib.Path(__file__).with_name("register.lua")
WARM_UP_SECONDS = 2
# What may wait in the second quarter without being a backlog: a relay and a consumer work in batches of hundreds.
IN_FLIGHT = 500
DRAIN_SECONDS = 60

COUNTS = """SELECT (SELECT count(*) FROM users.eventbus_outbox) + (SELECT count(*) FROM payments.eventbus_outbox),
    (SELECT count(*) FROM users.users), (SELECT count(*) FROM payments.accounts)"""
WITHOUT_ACCOUNT = """SELECT count(*) FROM users.users
    WHERE NOT EXISTS (SELECT FROM payments.accounts WHERE accounts.owner = users.id)"""


class Sample(NamedTuple):
    """What was counted in Postgres at one moment."""

    seconds: float
    outbox: float
    users: float
    accounts: float

    @property
    def backlog(self) -> float:
        # Both services have an outbox. Until its event is published, a registration counts twice.
        return self.outbox + self.users - self.accounts


def measure(environment: Mapping[str, str], seconds: int, clients: int = 32) -> Dict[str, float]:
    """Starts both services on empty schemas, registers users in a closed loop, and waits for the last account."""
    with Database(environment) as database:
        database.rows("SET client_min_messages = warning")
        for schema in ("users", "payments"):
            database.rows(f"DROP SCHEMA IF EXISTS {schema} CASCADE")
        # The consumer first: a publish needs somebody who gets the message.
        with Service("payment-service", environment) as payments:
            payments.until_ready()
            with Service("user-service-cheap-hash", environment) as users:
                users.until_ready()
                processes = {
                    "user-service": users.process.pid,
                    "payment-service": payments.process.pid,
                    "broker": process_id(environment["RABBITMQ_PID_FILE"]),
                    "postgres": process_id(environment["POSTGRES_PID_FILE"]),
                }
                return under_load(database, users.url, processes, seconds, clients)


def under_load(
    database: Database, url: str, processes: Mapping[str, int], seconds: int, clients: int
) -> Dict[str, float]:
    load(database, url, WARM_UP_SECONDS, clients, "warm")
    drain(database)
    before = {name: cpu_seconds(process) for name, process in processes.items()}
    users_before = count(database).users
    report, samples = load(database, url, seconds, clients, "run")
    drained = drain(database)
    after = {name: cpu_seconds(process) for name, process in processes.items()}

    answers = report["requests"]
    stored = count(database).users - users_before
    # Each answer must be a stored user. The load ends with a request of each client under way, which is no answer.
    if not answers <= stored <= answers + clients:
        raise Failure(f"{answers:.0f} answers with 201, but {stored:.0f} users")
    figures = {
        "rate": answers / report["seconds"],
        "p50": report["p50"], "p99": report["p99"], "max": report["max"],
        "backlog": growth(samples, report["seconds"]),
        "backlog_max": max(sample.backlog for sample in samples),
        "drain": drained,
        "cpu load": report["cpu"] / answers * 1000,
    }
    for name in processes:
        figures[f"cpu {name}"] = (after[name] - before[name]) / stored * 1000
    clients_of_servers = figures["cpu user-service"] + figures["cpu payment-service"]
    return {**figures, "cpu": clients_of_servers * 100}


def load(database: Database, url: str, seconds: int, clients: int, prefix: str):
    """Runs wrk, and counts each second meanwhile; its report and the samples."""
    spent = cpu_of_children()
    command = ["wrk", "-t", "1", "-c", str(clients), "-d", f"{seconds}s", "--timeout", "30s", "-s", str(SCRIPT), url]
    begin = time.monotonic()
    wrk = subprocess.Popen([*command, "--", prefix], stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True)
    try:
        samples, step = [], min(1.0, seconds / 12)
        while wrk.poll() is None:
            time.sleep(max(0.0, begin + step * (len(samples) + 1) - time.monotonic()))
            samples.append(count(database, time.monotonic() - begin))
        lines = wrk.communicate()[0].splitlines()
    finally:
        if wrk.poll() is None:
            wrk.kill()
            wrk.wait()
    if wrk.returncode != 0 or not lines:
        raise Failure(f"wrk ended with {wrk.returncode}")
    report = json.loads(lines[-1])
    if report["refused"] or report["broken"]:
        raise Failure(f"{report['refused']} answers were not 201, {report['broken']} got none")
    if not report["requests"]:
        raise Failure("no registration was answered")
    return {**report, "cpu": cpu_of_children() - spent}, samples


def cpu_of_children() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def count(database: Database, seconds: float = 0) -> Sample:
    return Sample(seconds, *database.numbers(COUNTS))


def drain(database: Database) -> float:
    """Waits until every user has an account and every event is published; the seconds that took."""
    begin = time.monotonic()
    while (waiting := count(database)).backlog > 0:
        if time.monotonic() - begin > DRAIN_SECONDS:
            missing = f"{waiting.users - waiting.accounts:.0f} registrations have no account"
            raise Failure(f"{missing}, {waiting.outbox:.0f} events are unpublished after {DRAIN_SECONDS} s")
        time.sleep(0.05)
    seconds = time.monotonic() - begin
    without = database.numbers(WITHOUT_ACCOUNT)[0]
    if without or waiting.users != waiting.accounts:
        raise Failure(f"{waiting.users:.0f} users, {waiting.accounts:.0f} accounts, {without:.0f} users without one")
    return seconds


def growth(samples: List[Sample], seconds: float) -> float:
    """The mean backlog of the last quarter, over twice that of the second quarter and what may be in flight."""
    quarters: List[List[float]] = [[], [], [], []]
    for sample in samples:
        if sample.seconds <= seconds:
            quarters[min(3, int(4 * sample.seconds / seconds))].append(sample.backlog)
    if not quarters[1] or not quarters[3]:
        raise Failure("the load was too short to judge the backlog")
    return statistics.mean(quarters[3]) / (2 * statistics.mean(quarters[1]) + IN_FLIGHT)
