"""Runs the commands of a tutorial and compares what they print with what the tutorial says they print.

    python scripts/run_tutorial.py docs/tutorial.md --folder /tmp/try    # in a folder that has the tutorial's photos
    python scripts/run_tutorial.py docs/tutorial.md --folder /tmp/try --update    # put what came into the tutorial

In a block ```console a line that begins with `$ ` is a command, which a backslash at its end continues, and its output
follows. A block with a title, such as ```yaml title="mine.yaml", is a file that the reader writes.

In an output a line `...` stands for any number of lines, and `...` within a line for any text. Blanks count as one.
Numbers of seconds, bytes and images a second may be others, and decimal fractions may differ by `TOLERANCE`, since
another processor rounds otherwise. All else must be the same.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

# Of accuracies, probabilities and losses: 11 of 372 photos. Trainings of one seed differ by less on other processors.
TOLERANCE = 0.03

_BLOCK = re.compile(r'^```(\w+)(?: title="([^"]+)")?\n(.*?)^```$', re.MULTILINE | re.DOTALL)
_NUMBER = re.compile(r"(?<![\w.,])\d[\d,]*(?:\.\d+)?(?!\w|\.\d)")
# What comes before or after a number that says how long, how large or how fast.
_MEASURED = re.compile(r"\s?(?:s|ms|min|h|B|kB|MB|GB|images/s|photos/s|files/s|/s)(?!\w)")
# On a terminal this is a bar, which nobody would write down.
_PROGRESS = re.compile(r"\([\d.,]+/s, .* left\)$|: [\d,]+ \w+ so far$")
_ANY = r"[\d,]+(?:\.\d+)?"


@dataclass(frozen=True)
class Step:
    """A command with the output that a tutorial gives it, or a file that the reader is to write.

    `start` and `end` are the places in the document between which the output, or the file's content, stands.
    """

    command: str
    output: tuple[str, ...]
    start: int
    end: int
    file: str | None = None


Substitute = Callable[[str], str | None]


def read_steps(document: str) -> list[Step]:
    """The commands and files of a tutorial, in their order."""
    steps: list[Step] = []
    for block in _BLOCK.finditer(document):
        if block[2]:
            steps.append(Step("", tuple(block[3].splitlines()), block.start(3), block.end(3), file=block[2]))
        elif block[1] == "console":
            steps += _commands(block[3], block.start(3))
    return steps


def run_steps(
    steps: list[Step], folder: Path, environment: Mapping[str, str], substitute: Substitute = lambda command: command
) -> Iterator[tuple[Step, list[str]]]:
    """Write the files and run the commands in `folder`, one after the other; give each command with what it printed.

    Args:
        steps: of `read_steps`.
        folder: where the reader is.
        environment: of the commands.
        substitute: gives the command to run in place of one; None leaves it out.

    Raises:
        RuntimeError: a command failed; with its output.
    """
    for step in steps:
        if step.file:
            (folder / step.file).write_text("\n".join(step.output) + "\n", encoding="utf-8")
            continue
        command = substitute(step.command)
        if command is None:
            continue
        done = subprocess.run(
            ["bash", "-c", command],
            cwd=folder,
            env=dict(environment),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            text=True,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(f"$ {command}\nended with {done.returncode}:\n{done.stdout}")
        yield step, [line.rstrip() for line in done.stdout.splitlines() if not _PROGRESS.search(line)]


def is_as_said(said: tuple[str, ...], came: list[str], *, any_numbers: bool = False) -> bool:
    """Whether an output is the one of the tutorial; with `any_numbers`, but for its numbers."""
    said_lines, came_lines = [line for line in said if line.strip()], [line for line in came if line.strip()]
    # reachable[j]: the lines of the tutorial so far can be the first j lines that came.
    reachable = [True] + [False] * len(came_lines)
    for line in said_lines:
        if line.strip() == "...":
            first = reachable.index(True) if True in reachable else len(reachable)
            reachable = [index >= first for index in range(len(reachable))]
        else:
            reachable = [False] + [
                before and _same_line(line, other, any_numbers)
                for before, other in zip(reachable, came_lines, strict=False)
            ]
    return reachable[-1]


def updated(document: str, outputs: list[tuple[Step, list[str]]]) -> str:
    """The tutorial with what came in place of what it says, where the two differ."""
    for step, came in reversed(outputs):
        if not is_as_said(step.output, came):
            document = document[: step.start] + "".join(f"{line}\n" for line in came) + document[step.end :]
    return document


def main(environment: Mapping[str, str]) -> int:
    """Run a tutorial; exit code 1 where an output is another one."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tutorial", type=Path)
    parser.add_argument(
        "--folder", type=Path, required=True, help="where the commands run; it has the tutorial's photos"
    )
    parser.add_argument("--update", action="store_true", help="put what came into the tutorial")
    options = parser.parse_args()
    document = options.tutorial.read_text(encoding="utf-8")
    outputs, different = [], 0
    for step, came in run_steps(read_steps(document), options.folder, environment):
        outputs.append((step, came))
        same = is_as_said(step.output, came)
        different += not same
        print(f"{'same' if same else 'OTHER'}: $ {step.command}", flush=True)
        if not same:
            print("\n".join(came), flush=True)
    if options.update:
        options.tutorial.write_text(updated(document, outputs), encoding="utf-8")
    return 1 if different else 0


def _commands(text: str, offset: int) -> Iterator[Step]:
    """The commands of one block of which the text begins at `offset`."""
    starts = [match.start() for match in re.finditer(r"^\$ ", text, re.MULTILINE)]
    for start, end in zip(starts, [*starts[1:], len(text)], strict=True):
        command = re.match(r"\$ ((?:.*\\\n)*.*\n)", text[start:end])
        assert command is not None
        output = text[start + command.end() : end]
        yield Step(command[1].strip(), tuple(output.splitlines()), offset + start + command.end(), offset + end)


def _same_line(said: str, came: str, any_numbers: bool) -> bool:
    said, came = " ".join(said.split()), " ".join(came.split())
    pattern, exact, place = "", [], 0
    for number in _NUMBER.finditer(said):
        pattern += _text(said[place : number.start()]) + f"({_ANY})"
        exact.append(None if any_numbers or _MEASURED.match(said, number.end()) else number[0])
        place = number.end()
    found = re.fullmatch(pattern + _text(said[place:]), came)
    return found is not None and all(
        wanted is None or _same_number(wanted, number) for wanted, number in zip(exact, found.groups(), strict=True)
    )


def _text(said: str) -> str:
    return re.escape(said).replace(re.escape("..."), ".*")


def _same_number(said: str, came: str) -> bool:
    if "." not in said:
        return said == came
    return abs(float(said.replace(",", "")) - float(came.replace(",", ""))) <= TOLERANCE


if __name__ == "__main__":
    import os

    sys.exit(main(os.environ))
