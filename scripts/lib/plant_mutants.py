# SPDX-License-Identifier: Apache-2.0
# Part of swift-event-bus.
"""Plants all mutants in a copy of the sources, each behind a switch: one build serves all of them.

usage: plant_mutants.py LIST FOLDER   FOLDER holds the copy; prints the mutants, one per line: name, kind, the tests of
its module, what it does
"""
import os
import pathlib
import sys

SWITCH = '''// Planted: which mutant is awake, if any.
#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

package func isMutant(_ name: String) -> Bool { awakeMutant == name }
private let awakeMutant = getenv("MUTANT").map { String(cString: $0) }
'''


def fail(text):
    sys.exit(f"error: {text}")


def parse(path):
    """Sections of `## name (kind): what`, each with edits: a line `file PATH`, then `<<<<` old `====` new `>>>>`."""
    mutants, lines = [], iter(path.read_text().split("\n"))
    for line in lines:
        if line.startswith("## "):
            head, what = line[3:].split(": ", 1)
            name, kind = head.rstrip(")").split(" (")
            mutants.append({"name": name, "kind": kind, "what": what, "edits": []})
        elif line.startswith("file "):
            file = line[5:].strip()
        elif line == "<<<<":
            old, new, part = [], [], 0
            for line in lines:
                if line == ">>>>":
                    break
                if line == "====":
                    part = 1
                else:
                    (new if part else old).append(line)
            mutants[-1]["edits"].append((file, "\n".join(old), "\n".join(new)))
    return mutants


def plant(mutant, root):
    for file, old, new in mutant["edits"]:
        path = root / file
        text = path.read_text()
        if text.count(old) != 1:
            fail(f"mutant {mutant['name']}: its text is {text.count(old)} times in {file}: the list has to follow the code")
        if "MUTANT" not in new:
            fail(f"mutant {mutant['name']}: its text has no MUTANT")
        new = new.replace("MUTANT", f'isMutant("{mutant["name"]}")')
        text = text.replace(old, new)
        if "import EventBus\n" not in text and not file.startswith("Sources/EventBus/"):
            text = "import EventBus\n" + text
        path.write_text(text)


def main():
    listing, root = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
    mutants = parse(listing)
    names = [mutant["name"] for mutant in mutants]
    if len(set(names)) != len(names) or not names:
        fail("two mutants have one name, or there is none")
    for mutant in mutants:
        plant(mutant, root)
    (root / "Sources/EventBus/Support/Mutant.swift").write_text(SWITCH)
    for mutant in mutants:
        module = mutant["edits"][0][0].split("/")[1]
        print(f"{mutant['name']}\t{mutant['kind']}\t{module}Tests\t{mutant['what']}")


if __name__ == "__main__":
    main()
