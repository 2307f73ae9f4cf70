"""The commands and outputs of a tutorial are found, run and compared by rules that readers do not see."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from scripts.run_tutorial import is_as_said, read_steps, run_steps, updated

DOCUMENT = """# Title

```console
$ echo one \\
    two
one two
$ cat mine.yaml
```

```yaml title="mine.yaml"
name: mine
```

```console
$ cat mine.yaml
name: yours
```

```text
$ not a command
```
"""


def test_commands_outputs_and_files_are_found_in_their_order() -> None:
    steps = read_steps(DOCUMENT)
    assert [(step.file, step.command, step.output) for step in steps] == [
        (None, "echo one \\\n    two", ("one two",)),
        (None, "cat mine.yaml", ()),
        ("mine.yaml", "", ("name: mine",)),
        (None, "cat mine.yaml", ("name: yours",)),
    ]


def test_files_are_written_commands_run_and_the_document_gets_what_came(tmp_path: Path) -> None:
    document = DOCUMENT.replace("$ cat mine.yaml\n```", "```", 1)
    outputs = list(run_steps(read_steps(document), tmp_path, os.environ))
    assert [came for _, came in outputs] == [["one two"], ["name: mine"]]
    assert updated(document, outputs) == document.replace("name: yours", "name: mine")


def test_a_command_that_fails_is_an_error_with_its_output(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match=r"ended with 1:\n.*mine\.yaml"):
        list(run_steps(read_steps("```console\n$ cat mine.yaml\n```\n"), tmp_path, os.environ))


def test_a_command_may_be_another_one_or_none(tmp_path: Path) -> None:
    steps = read_steps("```console\n$ one\n$ two\n```\n")
    substitute = {"one": "echo 1", "two": None}.get
    assert [came for _, came in run_steps(steps, tmp_path, os.environ, substitute)] == [["1"]]


@pytest.mark.parametrize(
    ("said", "came"),
    [
        ("accuracy 0.8534", "accuracy 0.8634"),
        ("read in 1.3 s at 49/s", "read in 12 s at 1,000/s"),
        ("label     prob", "label prob"),
        ("wrote ... to mine", "wrote 3 files to mine"),
        ("... 12 epochs", "after 12 epochs"),
    ],
)
def test_what_may_differ_in_a_line(said: str, came: str) -> None:
    assert is_as_said((said,), [came])


@pytest.mark.parametrize(
    ("said", "came"),
    [
        ("accuracy 0.8534", "accuracy 0.8934"),
        ("3,068 images", "3,069 images"),
        ("epoch 12 of 40", "epoch 13 of 40"),
        ("wrote ... to mine", "wrote 3 files to yours"),
        ("shirt", "t-shirt"),
        ("", "more"),
    ],
)
def test_what_may_not(said: str, came: str) -> None:
    assert not is_as_said((said,), [came])


def test_any_number_will_do_where_the_photos_are_others() -> None:
    assert is_as_said(("accuracy 0.8534 of 372",), ["accuracy 0.1 of 30"], any_numbers=True)
    assert not is_as_said(("accuracy 0.8534 of 372",), ["accuracy none of 30"], any_numbers=True)


def test_dots_stand_for_any_number_of_lines() -> None:
    came = ["one", "two", "three", "four"]
    assert is_as_said(("one", "...", "four"), came)
    assert is_as_said(("one", "...", "two", "three", "four"), came)
    assert is_as_said(("...", "three", "..."), came)
    assert not is_as_said(("one", "...", "three"), came)
    assert not is_as_said(("two", "..."), came)
    assert not is_as_said(("...", "four", "one", "..."), came)


def test_lines_of_progress_do_not_count(tmp_path: Path) -> None:
    command = "echo 'features of train: 1,000 of 3,068 images (49/s, 42 s left)'; echo done"
    outputs = list(run_steps(read_steps(f"```console\n$ {command}\n```\n"), tmp_path, os.environ))
    assert [came for _, came in outputs] == [["done"]]
