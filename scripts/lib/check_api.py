# SPDX-License-Identifier: Apache-2.0
# Part of swift-event-bus.
"""Lets schemathesis test services against their own descriptions, and counts what was asked and answered.

usage: check_api.py FOLDER CASES SEED PROGRAM…   FOLDER holds the programs; SEED may be empty; the environment is theirs
"""

from __future__ import annotations

import collections
import json
import os
import pathlib
import subprocess
import sys
import tempfile
from typing import Counter, List, Tuple

from bench.programs import Failure
from bench.services import Service

DESCRIPTION = "/openapi.json"
CHECKS = (
    "not_a_server_error", "status_code_conformance", "content_type_conformance", "response_headers_conformance",
    "response_schema_conformance",
)
# Tests in which nothing succeeds would test little: with good values these operations have to.
MUST_SUCCEED = {"demo": ["POST /api/users/register/"], "user-service": ["POST /api/users/register/"]}

Answers = Counter[Tuple[str, int]]


def run(url: str, cases: int, seed: str, folder: pathlib.Path) -> int:
    """Runs schemathesis; its exit status: 0 when nothing was found."""
    command = [
        str(pathlib.Path(sys.executable).with_name("st")), "run", url + DESCRIPTION, "--checks", ",".join(CHECKS),
        "--max-examples", str(cases), "--mode", "all", "--continue-on-failure", "--request-timeout", "10", "--workers", "2",
        "--report", "json,ndjson", "--report-json-path", str(folder / "run.json"),
        "--report-ndjson-path", str(folder / "events.ndjson"), "--warnings", "off", "--no-color",
    ]
    return subprocess.run(command + (["--seed", seed] if seed else []), cwd=folder, check=False).returncode


def answers(events: pathlib.Path) -> Answers:
    """How often each operation was answered with each status."""
    found: Answers = collections.Counter()
    with events.open() as lines:
        for line in lines:
            recorder = json.loads(line).get("ScenarioFinished", {}).get("recorder", {})
            cases = recorder.get("cases", {})
            for case, interaction in recorder.get("interactions", {}).items():
                value = cases[case]["value"]
                status = (interaction.get("response") or {}).get("status_code", 0)
                found[f"{value['method']} {value['path']}", status] += 1
    return found


def check(program: str, folder: str, cases: int, seed: str) -> List[str]:
    """What is wrong with one program; prints what it has answered."""
    with tempfile.TemporaryDirectory() as reports, Service(program, os.environ, folder) as service:
        service.until_ready()
        status = run(service.url, cases, seed, pathlib.Path(reports))
        if service.process.poll() is not None:
            return [f"{program} has ended: {service.output()}"]
        report = json.loads(pathlib.Path(reports, "run.json").read_text())
        found = answers(pathlib.Path(reports, "events.ndjson"))
    print(f"{program}: {report['test_cases']['generated']} cases in {report['running_time']:.0f} s, seed {report['seed']}")
    for operation in sorted({operation for operation, _ in found}):
        statuses = sorted((status, count) for (name, status), count in found.items() if name == operation)
        print(f"  {operation:<40} " + ", ".join(f"{status}: {count}" for status, count in statuses))
    problems = [] if status == 0 else [f"{program}: schemathesis has found something"]
    for operation in MUST_SUCCEED.get(program, []):
        if not any(name == operation and 200 <= status < 300 for name, status in found):
            problems.append(f"{program}: no {operation} has succeeded, so that little was tested")
    return problems


def main() -> int:
    folder, cases, seed, *programs = sys.argv[1:]
    try:
        problems = [problem for program in programs for problem in check(program, folder, int(cases), seed)]
    except Failure as failure:
        problems = [str(failure)]
    for problem in problems:
        print(f"check-api: {problem}", file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
