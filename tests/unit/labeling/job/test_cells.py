from __future__ import annotations

import contextlib
import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fashionbatch.errors import OutputError
from fashionbatch.labeling.job.blocks import BlockWriter
from fashionbatch.labeling.job.cells import CellReader, CellWriter

CELLS = st.none() | st.lists(st.none() | st.text(max_size=5) | st.floats(allow_nan=False), max_size=4)


@settings(max_examples=100, deadline=None)
@given(rows=st.lists(CELLS, max_size=6))
def test_what_was_written_is_read(
    tmp_path_factory: pytest.TempPathFactory, rows: list[list[str | float | None]]
) -> None:
    path = tmp_path_factory.mktemp("cells") / "c"
    with open(path, "wb") as file:
        writer = CellWriter(file)
        for row in rows:
            writer.add_cells(row)
        writer.finish()
    reader = CellReader(path)
    assert reader.rows(0, len(rows)) == rows
    reader.close()


@settings(max_examples=200, deadline=None)
@given(record=st.binary(max_size=40) | st.text('[]{}",1eN-\\u ', max_size=20).map(str.encode))
def test_records_that_are_no_cells_under_right_checksums_harm_nobody(
    tmp_path_factory: pytest.TempPathFactory, record: bytes
) -> None:
    file = io.BytesIO()
    writer = BlockWriter(file, b"FBCELLS1")
    writer.add(record)
    writer.finish()
    path = tmp_path_factory.mktemp("forged") / "c"
    path.write_bytes(file.getvalue())
    reader = CellReader(path)
    with contextlib.suppress(OutputError):
        for row in reader.rows(0, 1):
            assert row is None or all(cell is None or isinstance(cell, str | float) for cell in row)
    reader.close()
