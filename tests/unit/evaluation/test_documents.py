from __future__ import annotations

import json

import pytest

from fashionbatch.evaluation.documents import json_text

DOCUMENT = {"a": [[1, 0], [0.5, None]], "b": {"빨강": [], "c": [{"x": [1]}, {}]}, "d": "e\n", "f": True, "g": {}}


def test_a_document_reads_back_as_it_was():
    assert json.loads(json_text(DOCUMENT)) == DOCUMENT


def test_rows_of_numbers_stand_on_one_line_each():
    assert '  "a": [\n    [1, 0],\n    [0.5, null]\n  ],' in json_text(DOCUMENT)


def test_what_json_cannot_say_is_refused():
    with pytest.raises(ValueError, match="JSON"):
        json_text({"loss": float("nan")})
