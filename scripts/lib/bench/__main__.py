# SPDX-License-Identifier: Apache-2.0
# Part of swift-event-bus.
"""The command line behind scripts/bench, whose head says what each option does."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from typing import Dict, List, Mapping, Sequence

from . import judging, machine, needs, records, rows, running, servers, sweeps, tables
from .programs import ROOT, Failure
from .running import Lengths, say

ROUNDS, SWEEP_ROUNDS, QUICK_SYSTEM_SECONDS = 5, 3, 3
RESULTS = ROOT / "Benchmarks/.build/results"


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/bench", add_help=False, allow_abbrev=False)
    parser.add_argument("names", nargs="*", metavar="ROW")
    for option in ("--list", "--quick", "--plots", "--draw", "--write", "--no-build", "--needs"):
        parser.add_argument(option, action="store_true")
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--system-seconds", type=int, default=60)
    options = parser.parse_intermixed_args(arguments)
    if options.rounds is not None and options.rounds < 1:
        parser.error("--rounds must be at least 1")
    if options.system_seconds < 3:
        parser.error("--system-seconds must be at least 3")
    if options.quick and (options.rounds is not None or options.write):
        parser.error("--quick proves nothing but that the programs run: it goes with neither --rounds nor --write")
    if options.write and not options.plots and (options.rounds or ROUNDS) < ROUNDS:
        parser.error(f"--write needs at least {ROUNDS} rounds")
    return options


def measure_rows(options: argparse.Namespace, environment: Mapping[str, str]) -> int:
    chosen = rows.selected(options.names)
    rounds = options.rounds or ROUNDS
    lengths = Lengths(options.system_seconds)
    if options.quick:
        chosen, rounds, lengths = [row.quick() for row in chosen], 1, Lengths(QUICK_SYSTEM_SECONDS, starts=1)
    judged = not options.quick
    here, commit, steal = machine.machine(), machine.commit(), machine.Steal()
    versions = machine.versions(environment if "RABBITMQ_PID_FILE" in environment else None)

    def keep(results: List[running.Result], done: int) -> None:
        run = {"commit": commit, "date": machine.today(), "round_count": done, "steal": steal.share()}
        table = tables.records(results, judged, run)
        RESULTS.mkdir(parents=True, exist_ok=True)
        text = f"{tables.header(here, versions, [run])}\n\n{tables.markdown(table)}\n"
        (RESULTS / "table.md").write_text(text)
        (RESULTS / "table.json").write_text(records.as_text({"machine": here, "versions": versions, "rows": table}))
        if done < rounds:
            return
        print(text, end="")
        say(f"Also in {RESULTS.relative_to(ROOT)}: table.md, table.json")
        if options.write:
            record = records.merged(here, versions)
            records.add_rows(record, table)
            records.write(record)

    results = running.run(chosen, rounds, environment, lengths, keep)
    failed = judging.failed(results, judged)
    if failed:
        say(f"FAIL: {', '.join(failed)}")
    return 1 if failed else 0


def measure_plots(options: argparse.Namespace, environment: Mapping[str, str]) -> int:
    from . import plots

    rounds = 1 if options.quick else options.rounds or SWEEP_ROUNDS
    here, versions = machine.machine(), machine.versions(environment if "RABBITMQ_PID_FILE" in environment else None)
    run = {"commit": machine.commit(), "date": machine.today(), "round_count": rounds}
    found: List[Dict[str, object]] = []
    for plot in sweeps.selected(options.names):
        say(f"{plot.title}: {plot.cost}")
        found.append({**sweeps.run(plot, rounds, environment, options.quick), **run})
    if options.write:
        record = records.merged(here, versions)
        records.add_sweeps(record, found)
        records.write(record)
        records.draw(record, [str(sweep["name"]) for sweep in found])
    else:
        for sweep in found:
            plots.draw(sweep, RESULTS / f"{sweep['name']}.svg")
        say(f"Drawn into {RESULTS.relative_to(ROOT)}")
    return 0


def run(options: argparse.Namespace) -> int:
    if options.list:
        for row in rows.ROWS:
            print(f"{row.name:24} {row.command or row.kind}" + (f"  |  {row.baseline}" if row.baseline else ""))
        return 0
    if options.draw:
        records.draw(records.load(), options.names)
        return 0
    if options.needs:
        print("\n".join(needs.of(options)))
        return 0
    chosen = sweeps.selected(options.names) if options.plots else rows.selected(options.names)
    measure = measure_plots if options.plots else measure_rows
    if not options.quick and (busy := os.getloadavg()[0]) > 0.5:
        say(f"Warning: the machine is at work already (load {busy:.1f}): wait, or the figures will show it")
    if not any(one.needs_servers for one in chosen):
        return measure(options, dict(os.environ))
    with servers.servers() as environment:
        return measure(options, environment)


def main() -> int:
    # So that whatever was started is ended.
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda number, _: sys.exit(128 + number))
    try:
        return run(parse(sys.argv[1:]))
    except (Failure, ValueError) as failure:
        say(f"error: {failure}")
        return 1
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
