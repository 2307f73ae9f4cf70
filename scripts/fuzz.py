"""Run the tests that make up their input again and again, each time with another, until the time is over.

python scripts/fuzz.py --minutes 10

The suite runs the same tests with the same input every time, so that it does not fail by chance. What fails here is
told with the seed that repeats it.
"""

from __future__ import annotations

import argparse
import random
import subprocess
import sys
import time
from collections.abc import Sequence

COMMAND = ("-m", "pytest", "-m", "hypothesis and not slow", "-q", "--no-header", "--hypothesis-profile=fuzz")


def rounds(minutes: float, seeds: random.Random, arguments: Sequence[str] = ()) -> int:
    """Run until the time is over or a round fails; the exit code of the last one.

    Args:
        minutes: no round begins after them.
        seeds: where each round's seed comes from.
        arguments: more of pytest's, such as `-k tiff`.
    """
    end = time.monotonic() + 60 * minutes
    number = 0
    while time.monotonic() < end or not number:
        number += 1
        seed = seeds.randrange(1 << 32)
        sys.stdout.write(f"==> round {number}, --hypothesis-seed={seed}\n")
        sys.stdout.flush()
        code = subprocess.run(
            [sys.executable, *COMMAND, f"--hypothesis-seed={seed}", *arguments], check=False
        ).returncode
        if code:
            return code
    return 0


def main() -> None:
    """Run them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=10.0, help="no round begins after them (default: 10)")
    asked, arguments = parser.parse_known_args()
    sys.exit(rounds(asked.minutes, random.SystemRandom(), arguments))


if __name__ == "__main__":
    main()
