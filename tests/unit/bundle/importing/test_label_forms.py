"""Whatever a list of labels holds, it gives names or one error."""

from __future__ import annotations

import contextlib
import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from fashionbatch.bundle.importing.label_forms import LabelFormError, names_in

NAMES = st.text(st.characters(exclude_categories=["C", "Z"], exclude_characters="'\"\\\\"), min_size=1, max_size=8)
DOCUMENTS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=6),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["names", "id2label", "0", "1", "cat", "name", "id"]), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(st.text(max_size=60) | DOCUMENTS.map(json.dumps) | DOCUMENTS.map(repr), st.booleans(), st.booleans())
def test_any_text_gives_names_or_one_error(text: str, is_yaml: bool, is_list: bool) -> None:
    with contextlib.suppress(LabelFormError):
        assert all(isinstance(name, str) for name in names_in(text, is_yaml=is_yaml, is_list=is_list))


@given(st.lists(NAMES, min_size=1, max_size=5))
def test_every_way_to_write_names_gives_the_same_names(names: list[str]) -> None:
    by_number: dict[Any, str] = dict(enumerate(names))
    config = {"id2label": {str(number): name for number, name in by_number.items()}}
    table = "index,name\n" + "".join(f'{number},"{name}"\n' for number, name in by_number.items())
    for text in (json.dumps(names), repr(names), repr(by_number), json.dumps(config), table):
        assert names_in(text) == names


def test_a_document_that_is_nested_without_end_is_one_error() -> None:
    text = '{"names": ' * 5000 + "[]" + "}" * 5000
    with contextlib.suppress(LabelFormError):  # Pythons differ in how deep they read
        assert names_in(text) == []
