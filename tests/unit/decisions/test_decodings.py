"""A decoding is known by name in this room, and where what a plugin or a recipe declares is checked."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import get_args

import fashionbatch
from fashionbatch.decisions import rule_type
from fashionbatch.specs import Decoding

PACKAGE = Path(fashionbatch.__file__).parent
CHECKS_DECLARATIONS = ("plan/checks.py", "testing/")
RUNS_ALONE = "exporting/runtimes/photo.py"
"""It is copied beside an exported network, where this package is not, and is tested against the rules."""


def comparisons(tree: ast.AST) -> list[int]:
    """The lines on which something is compared with the name of a decoding."""
    names = set(get_args(Decoding))
    return [
        node.lineno
        for node in ast.walk(tree)
        if isinstance(node, ast.Compare)
        and any(isinstance(part, ast.Constant) and part.value in names for part in ast.walk(node))
    ]


def test_no_other_room_asks_which_decoding_it_has() -> None:
    files = sorted(PACKAGE.rglob("*.py"))
    assert len(files) > 150
    found = {str(file.relative_to(PACKAGE)): comparisons(ast.parse(file.read_text("utf-8"))) for file in files}
    assert found["plan/checks.py"], "the search finds nothing where there is something"
    elsewhere = {
        name: lines
        for name, lines in found.items()
        if lines and not name.startswith("decisions/") and not name.startswith((*CHECKS_DECLARATIONS, RUNS_ALONE))
    }
    assert not elsewhere, f"ask the rule instead, fashionbatch.decisions.rule_type: {elsewhere}"


def test_each_decoding_has_its_own_rule() -> None:
    assert [rule_type(decoding).decoding for decoding in get_args(Decoding)] == list(get_args(Decoding))
