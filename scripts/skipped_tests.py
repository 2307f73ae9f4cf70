"""Print the tests that a run of pytest skipped, by node id, one a line: `pytest @skipped.txt` runs them again.

pytest --junitxml=suite.xml -o junit_family=xunit1
python scripts/skipped_tests.py suite.xml > skipped.txt
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree


def skipped_tests(report: Path) -> Iterator[str]:
    """Node ids from a report in the format xunit1; of a module that was skipped whole, its path.

    Raises:
        KeyError: the report is not in that format.
    """
    for case in ElementTree.parse(report).getroot().iter("testcase"):
        if case.find("skipped") is None:
            continue
        file, owner, name = case.attrib["file"], case.attrib["classname"], case.attrib["name"]
        if not owner:  # the module itself
            yield file
            continue
        classes = owner.removeprefix(file.removesuffix(".py").replace("/", ".")).split(".")
        yield "::".join([file, *filter(None, classes), name])


def main() -> None:
    """Print them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("report", type=Path, help="what --junitxml wrote")
    sys.stdout.write("".join(f"{test}\n" for test in skipped_tests(parser.parse_args().report)))


if __name__ == "__main__":
    main()
