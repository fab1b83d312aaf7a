# SPDX-License-Identifier: Apache-2.0
# Part of swift-event-bus.
"""Servers of our own for one run, and a session of psql that stays open."""

from __future__ import annotations

import contextlib
import os
import shlex
import subprocess
import tempfile
from typing import Dict, Iterator, List, Mapping

from .programs import ROOT, Failure

INFRA = str(ROOT / "scripts" / "infra")


@contextlib.contextmanager
def servers() -> Iterator[Dict[str, str]]:
    """Starts RabbitMQ and Postgres; gives the environment that names them; ends them whatever happens."""
    with tempfile.TemporaryDirectory(prefix="bench.") as folder:
        environment = {**os.environ, "INFRA_DIR": os.path.join(folder, "servers")}
        nothing = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL}
        try:
            started = subprocess.run([INFRA, "start"], env=environment, **nothing)
            if started.returncode != 0:
                raise Failure("scripts/infra start failed")
            names = exported(infra(environment, "env"))
            # In the clear, as all between containers of one host: RabbitMQ is spoken to without TLS as well.
            names["DATABASE_URL"] += "?sslmode=disable"
            yield {**environment, **names}
        finally:
            subprocess.run([INFRA, "stop"], env=environment, **nothing)


def infra(environment: Mapping[str, str], *arguments: str) -> str:
    done = subprocess.run(
        [INFRA, *arguments], env=dict(environment), stdin=subprocess.DEVNULL, capture_output=True, text=True
    )
    if done.returncode != 0:
        raise Failure(f"scripts/infra {arguments[0]} failed: {done.stderr.strip()[-400:]}")
    return done.stdout


def drop_schemas(environment: Mapping[str, str]) -> None:
    """Removes what earlier programs have left, so that none works beside a million rows of another one."""
    loop = (
        "DO $$ DECLARE name text; BEGIN"
        " FOR name IN SELECT nspname FROM pg_namespace WHERE nspname LIKE 'bench\\_%'"
        " LOOP EXECUTE format('DROP SCHEMA %I CASCADE', name); END LOOP; END $$"
    )
    infra(environment, "psql", "-X", "-q", "-d", "eventbus", "-c", loop, "-c", "CHECKPOINT")


def exported(text: str) -> Dict[str, str]:
    """The variables of lines such as `export NAME=value NAME=value`."""
    words = [word for line in text.splitlines() if line.startswith("export ") for word in shlex.split(line)[1:]]
    return dict(word.split("=", 1) for word in words)


class Database:
    """A session of psql: a connection for each question would cost more than the question."""

    END = "-- answered --"

    def __init__(self, environment: Mapping[str, str]):
        self.psql = subprocess.Popen(
            [INFRA, "psql", "-X", "-q", "-A", "-t", "-F", " ", "-v", "ON_ERROR_STOP=1", "-d", "eventbus"],
            env=dict(environment), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )

    def rows(self, sql: str) -> List[List[str]]:
        """The rows of one statement's answer."""
        self.psql.stdin.write(f"{sql};\nSELECT '{self.END}';\n")
        self.psql.stdin.flush()
        found = []
        for line in self.psql.stdout:
            if line.strip() == self.END:
                return found
            if line.strip():
                found.append(line.split())
        raise Failure(f"psql ended at: {sql}")

    def numbers(self, sql: str) -> List[float]:
        return [float(value) for value in self.rows(sql)[0]]

    def close(self) -> None:
        self.psql.stdin.close()
        self.psql.wait()

    def __enter__(self) -> Database:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
