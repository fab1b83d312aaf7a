# SPDX-License-Identifier: Apache-2.0
# Part of swift-event-bus.
"""Instructions per operation of the hot paths, counted by callgrind; scripts/count-instructions is the entry.

A count hardly depends on the machine's load, so that it notices what a time on a shared machine can't. What a run costs
before and after its operations cancels out: two runs of different lengths, the difference over the difference.
"""

from __future__ import annotations

import argparse
import json
import os
import pathlib
import platform
import re
import subprocess
import sys
import tempfile
from typing import Dict, List, Optional

from . import machine
from .metrics import rounded
from .programs import ROOT, Failure, ending, shortened

PATHS = {
    "deliver": "publish, deliver and acknowledge in process",
    "match": "match a topic",
    "encode": "encode and frame a publish",
    "decode": "decode a delivery",
}
SHORT, LONG = 1_984, 9_984  # whole batches of 64, and no more than there are topics
ALLOWED = 1.10
UNKNOWN = "not recorded"
SECONDS = 600
RECORD = ROOT / "Benchmarks/instructions.json"


def instructions(program: str, path: str, iterations: int, folder: str) -> int:
    out = pathlib.Path(folder) / f"{path}.{iterations}"
    # Hashes that differ from process to process would move the counts a little.
    environment = {**os.environ, "SWIFT_DETERMINISTIC_HASHING": "1"}
    command = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={out}", program, path, str(iterations)]
    try:
        done = subprocess.run(
            command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=SECONDS
        )
    except subprocess.TimeoutExpired:
        raise Failure(f"{path}: {iterations} operations under valgrind are not done after {SECONDS} s") from None
    if done.returncode != 0:
        raise Failure(f"{path}: {ending(done.returncode)}: {shortened(done.stderr)}")
    # One line of totals for each dump; a program that ends in order leaves one.
    totals = re.findall(r"^(?:summary|totals): (\d+)", out.read_text(), re.M)
    if not totals:
        raise Failure(f"{path}: callgrind counted nothing")
    return int(totals[-1])


def count(program: str, paths: List[str]) -> Dict[str, int]:
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        for path in paths:
            difference = instructions(program, path, LONG, folder) - instructions(program, path, SHORT, folder)
            found[path] = round(difference / (LONG - SHORT))
            if found[path] <= 0:
                raise Failure(f"{path}: {LONG} operations take no more instructions than {SHORT}")
    return found


def key() -> str:
    """What figures can be compared: those of one architecture and one release of the compiler."""
    return f"{platform.machine()}, Swift {'.'.join(machine.swift_version().split('.')[:2])}"


def verdict(value: int, before: Optional[int]) -> str:
    if before is None:
        return UNKNOWN
    return "FAIL" if value > ALLOWED * before else "PASS"


def table(counted: Dict[str, int], recorded: Dict[str, int]) -> List[str]:
    lines = ["| path | instructions per operation | recorded | ratio | verdict |", "|---|---|---|---|---|"]
    for path, value in counted.items():
        before = recorded.get(path)
        shown = f"{before:,} | {rounded(value / before)}" if before else "– | –"
        lines.append(f"| {path}: {PATHS[path]} | {value:,} | {shown} | {verdict(value, before)} |")
    return lines


def main() -> int:
    parser = argparse.ArgumentParser(prog="scripts/count-instructions", add_help=False, allow_abbrev=False)
    parser.add_argument("--write", action="store_true")
    parser.add_argument("program")
    options = parser.parse_args()
    record = json.loads(RECORD.read_text()) if RECORD.exists() else {}
    recorded = record.get(key(), {})
    try:
        counted = count(os.path.abspath(options.program), list(PATHS))
    except Failure as failure:
        print(f"error: {failure}", file=sys.stderr)
        return 1
    print("\n".join([f"{key()}, {machine.commit()}", "", *table(counted, recorded)]))
    if options.write:
        RECORD.write_text(json.dumps({**record, key(): counted}, indent=2, sort_keys=True) + "\n")
        return 0
    verdicts = {verdict(value, recorded.get(path)) for path, value in counted.items()}
    if UNKNOWN in verdicts:
        print(f"error: not all is recorded for {key()}: run scripts/count-instructions --write", file=sys.stderr)
    return 0 if verdicts == {"PASS"} else 1


if __name__ == "__main__":
    sys.exit(main())
