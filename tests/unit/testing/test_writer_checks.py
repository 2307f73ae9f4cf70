"""Each check of a writer fails on one that is broken in just that way, and says so."""

from __future__ import annotations

import csv
import datetime
import gzip
import io
import itertools
import json
import os
import shutil
import time
import uuid
from dataclasses import replace
from datetime import date
from datetime import datetime as moment
from time import strftime

import pytest

from fashionbatch.specs import WriterSpec
from fashionbatch.testing import checks_for
from fashionbatch.testing.subject import ContractError

_count = itertools.count(1)


def spec(encode, assemble, suffix=".tsv"):
    return WriterSpec(name="broken", summary="Broken.", suffix=suffix, encode=encode, assemble=assemble)


def number(cell):
    return f"{cell:.6g}"


def quoted(cell):
    """A cell of a table with tabs: None is nothing, text is always quoted."""
    if cell is None:
        return ""
    if isinstance(cell, float):
        return number(cell)
    return '"' + cell.replace('"', '""') + '"'


def by_lines(cell=quoted, separator="\t", end="\n", errors="surrogateescape", row=None):
    row = row or (lambda cells: cells)

    def encode(columns, rows):
        return "".join(separator.join(cell(value) for value in row(cells)) + end for cells in rows).encode(
            "utf-8", errors
        )

    return encode


def with_header(encode, header=None):
    def assemble(columns, shards, file):
        file.write(encode((), [columns]) if header is None else header(columns))
        for shard in shards:
            with open(shard, "rb") as source:
                shutil.copyfileobj(source, file)

    return assemble


def tabs(suffix=".tsv", header=None, **options):
    encode = by_lines(**options)
    return spec(
        encode, with_header(encode if "cell" in options or "separator" in options else by_lines(), header), suffix
    )


def assembling(change):
    """The right writer, and something that happens to the whole table."""

    def assemble(columns, shards, file):
        whole = io.BytesIO()
        with_header(by_lines())(columns, shards, whole)
        file.write(change(whole.getvalue()))

    return spec(by_lines(), assemble)


def json_rows(columns, rows):
    lines = []
    for row in rows:
        record = {name: float(number(cell)) if isinstance(cell, float) else cell for name, cell in zip(columns, row)}
        lines.append(json.dumps(record) + "\n")
    return "".join(lines).encode()


def joined(columns, shards, file):
    for shard in shards:
        file.write(shard.read_bytes())


def zipped():
    def assemble(columns, shards, file):
        whole = io.BytesIO()
        with_header(by_lines())(columns, shards, whole)
        file.write(gzip.compress(whole.getvalue(), mtime=0))

    return spec(by_lines(), assemble, ".tsv.gz")


def with_keywords():
    def encode(columns, rows, *, types, parameters):
        assert len(types) == len(columns)
        return by_lines()(columns, rows)

    def assemble(columns, shards, file, *, types, parameters):
        with_header(by_lines())(columns, shards, file)

    return spec(encode, assemble)


RIGHT = {
    "tabs": tabs,
    "compressed": zipped,
    "keywords": with_keywords,
    "json": lambda: spec(json_rows, joined, ".ndjson2"),
}


@pytest.mark.parametrize("name", RIGHT)
def test_a_right_writer_passes(name, passes_all):
    passes_all(RIGHT[name]())


def plain(cell):
    return "" if cell is None else number(cell) if isinstance(cell, float) else cell


def not_doubled(cell):
    return '"' + cell + '"' if isinstance(cell, str) else plain(cell)


def only_commas(cell):
    return '"' + cell.replace('"', '""') + '"' if isinstance(cell, str) and "," in cell else plain(cell)


def html(cell):
    return f"<td>{plain(cell)}</td>"


def raw_json(columns, rows):
    lines = ("{" + ", ".join(f'"{n}": "{plain(c)}"' for n, c in zip(columns, row)) + "}\n" for row in rows)
    return "".join(lines).encode("utf-8", "surrogateescape")


def digits(form):
    return tabs(cell=lambda cell: form.format(cell) if isinstance(cell, float) else quoted(cell))


def texts(change):
    return tabs(cell=lambda cell: quoted(change(cell) if isinstance(cell, str) else cell))


def rows_of(change):
    def encode(columns, rows):
        return by_lines()(columns, change(list(rows)))

    return spec(encode, with_header(by_lines()))


def shards_of(change):
    def assemble(columns, shards, file):
        with_header(by_lines())(columns, change(list(shards)), file)

    return spec(by_lines(), assemble)


def own_encode(encode):
    return spec(encode, with_header(by_lines()))


def own_assemble(assemble):
    return spec(by_lines(), assemble)


def header_in_encode():
    def encode(columns, rows):
        return by_lines()(columns, [columns, *rows])

    return spec(encode, joined)


def stamped(text):
    def assemble(columns, shards, file):
        file.write(f"# {text()}\n".encode())
        with_header(by_lines())(columns, shards, file)

    return own_assemble(assemble)


def zip_of_today():
    def assemble(columns, shards, file):
        whole = io.BytesIO()
        with_header(by_lines())(columns, shards, whole)
        file.write(gzip.compress(whole.getvalue()))

    return own_assemble(assemble)


def removes_shards(columns, shards, file):
    shards = list(shards)
    with_header(by_lines())(columns, shards, file)
    for shard in shards:
        os.remove(shard)


def closes(columns, shards, file):
    with_header(by_lines())(columns, shards, file)
    file.close()


def counts_rows(columns, rows):
    return by_lines()(columns, rows) if len(rows) else b""


def goes_twice(columns, rows):
    width = max((len(str(cell)) for row in rows for cell in row), default=0)
    return by_lines()(columns, rows) + b"" * width


def not_empty(columns, rows):
    rows = list(rows)
    first = rows[0]
    return by_lines()(columns, [first, *rows[1:]])


def counts_shards(columns, shards, file):
    if len(shards) >= 0:
        with_header(by_lines())(columns, shards, file)


def first_shard_needed(columns, shards, file):
    with_header(by_lines())(columns, [shards[0], *shards[1:]], file)


def csv_module(columns, rows):
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(
        [number(c) if isinstance(c, float) else c for c in row] for row in rows
    )
    return text.getvalue().encode("utf-8", "surrogateescape")


def numbered(columns, rows):
    return b"".join(b"%d\t" % next(_count) + by_lines()(columns, [row]) for row in rows)


def fixed_columns(columns, rows):
    return by_lines(row=lambda row: row[:5])(columns, rows)


CUT, CELLS, DIGITS = "a_table_is_the_same_however_it_is_cut", "every_cell_is_written", "probabilities_keep_six_digits"
TEXT, FORGED, ORDER = "text_is_kept_as_it_is", "cells_cannot_look_like_the_format", "rows_and_columns_keep_their_order"
NAMED, EMPTY = "the_columns_are_named", "tables_without_rows_can_be_made"
ONCE, SAME, READ = "iterables_are_gone_through_once", "the_same_rows_give_the_same_bytes", "the_table_can_be_read"
SUFFIX = "the_suffix_is_its_own"
BREAKS = {
    "constant table": (lambda: own_assemble(lambda c, s, f: f.write(b"table")), CELLS, "the file stays the same"),
    "empty table": (lambda: own_assemble(lambda c, s, f: None), CUT, "the table is empty"),
    "header alone": (lambda: own_assemble(lambda c, s, f: f.write("\t".join(c).encode())), CELLS, "stays the same"),
    "text in the place of bytes": (lambda: own_encode(lambda c, r: "text"), CUT, "encode returned str"),
    "nothing in the place of bytes": (lambda: own_encode(lambda c, r: None), CUT, "encode returned NoneType"),
    "bytes returned by assemble": (lambda: own_assemble(lambda c, s, f: b"".join(p.read_bytes() for p in s)), CUT, "the table is empty"),
    "header with every shard": (header_in_encode, CUT, "how its rows were cut"),
    "numbers of rows that go on": (lambda: own_encode(numbered), CUT, "how its rows were cut"),
    "a separator between shards": (lambda: own_assemble(lambda c, s, f: f.write(b"\n--\n".join([b"head", *(p.read_bytes() for p in s)]))), CUT, "how its rows were cut"),
    "shards sorted by name": (lambda: shards_of(sorted), CUT, "not joined in the order"),
    "the last shard first": (lambda: shards_of(lambda s: s[::-1]), CUT, "how its rows were cut"),
    "the last shard left out": (lambda: shards_of(lambda s: s[:-1] or s), CUT, "how its rows were cut"),
    "shards removed": (lambda: own_assemble(removes_shards), CUT, "changed or removed a shard"),
    "file closed": (lambda: own_assemble(closes), CUT, "assemble closed the file"),
    "drops rows with errors": (lambda: rows_of(lambda r: [x for x in r if x[1] == "ok"]), CELLS, "in a row of status 'error'"),
    "drops rows without a label": (lambda: rows_of(lambda r: [x for x in r if x[3]]), CELLS, "stays the same"),
    "drops doubled rows": (lambda: rows_of(lambda r: list(dict.fromkeys(r))), CELLS, "is there twice"),
    "drops the error": (lambda: tabs(row=lambda row: [*row[:2], "", *row[3:]] if len(row) == 5 else row), CELLS, "another error"),
    "drops the probability": (lambda: tabs(row=lambda row: row[:4]), CELLS, "another prob"),
    "drops the folder": (lambda: texts(os.path.basename), TEXT, "'a/b.png' is written like 'c/b.png'"),
    "drops the first row": (lambda: rows_of(lambda r: r[1:]), CELLS, "stays the same"),
    "six decimals": (lambda: digits("{:.6f}"), DIGITS, "0.00123456 and 0.00123457"),
    "three digits": (lambda: digits("{:.3g}"), DIGITS, "0.987654 and 0.987655"),
    "five digits": (lambda: digits("{:.5g}"), DIGITS, "0.987654 and 0.987655"),
    "percents": (lambda: digits("{:.1%}"), DIGITS, "0.987654"),
    "whole numbers": (lambda: digits("{:.0f}"), DIGITS, "0.987654"),
    "zero is nothing": (lambda: tabs(cell=lambda cell: quoted(cell) if cell else '""' if cell == "" else ""), DIGITS, "0.0 is written like None"),
    "odd bytes replaced": (lambda: tabs(errors="replace"), TEXT, "'caf\\udce9.png' is written like 'caf\\udcea.png'"),
    "odd bytes left out": (lambda: tabs(errors="ignore"), TEXT, "is written like"),
    "odd bytes raise": (lambda: tabs(errors="strict"), TEXT, "UnicodeEncodeError"),
    "ASCII alone": (lambda: own_encode(lambda c, r: by_lines()(c, r).decode("utf-8", "replace").encode("ascii", "replace")), TEXT, "is written like"),
    "Latin 1 alone": (lambda: own_encode(lambda c, r: by_lines()(c, r).decode("utf-8", "surrogateescape").encode("latin-1", "replace")), TEXT, "is written like"),
    "lower case": (lambda: texts(str.lower), TEXT, "'A.png' is written like 'a.png'"),
    "stripped": (lambda: texts(str.strip), TEXT, "' a.png' is written like 'a.png'"),
    "one kind of accents": (lambda: texts(lambda t: __import__("unicodedata").normalize("NFC", t)), TEXT, "is written like"),
    "cut after 255": (lambda: texts(lambda t: t[:255]), TEXT, "xxx"),
    "line ends become blanks": (lambda: texts(lambda t: t.replace("\n", " ")), TEXT, "'a\\nb' is written like 'a b'"),
    "tabs become blanks": (lambda: texts(lambda t: t.replace("\t", " ")), TEXT, "'a\\tb' is written like 'a b'"),
    "quotes left out": (lambda: texts(lambda t: t.replace('"', "")), TEXT, "is written like"),
    "whole numbers from texts": (lambda: texts(lambda t: str(int(t)) if t.isdigit() else t), TEXT, "'007' is written like '7'"),
    "None as a text": (lambda: tabs(cell=lambda cell: quoted(str(cell) if cell is None else cell)), TEXT, "like the label 'None'"),
    "formulas defused": (lambda: texts(lambda t: "'" + t if t.startswith("=") else t), TEXT, "'=1+1' is written like"),
    "no escaping": (lambda: tabs(cell=plain), FORGED, "is written like two"),
    "quotes not doubled": (lambda: tabs(cell=not_doubled), FORGED, "is written like two"),
    "commas alone are quoted": (lambda: tabs(cell=only_commas, separator=","), FORGED, "that holds '\\n' is written like two rows"),
    "HTML not escaped": (lambda: tabs(cell=html, separator=""), FORGED, "is written like two rows"),
    "JSON by hand": (lambda: spec(raw_json, joined), FORGED, "is written like two"),
    "header not escaped": (lambda: tabs(header=lambda columns: ("\t".join(f'"{name}"' for name in columns) + "\n").encode()), FORGED, "a column name that holds"),
    "sorted rows": (lambda: rows_of(lambda r: sorted(r, key=str)), ORDER, "another order"),
    "rows sorted by probability": (lambda: rows_of(lambda r: sorted(r, key=lambda x: str(x[0]))), ORDER, "another order"),
    "rows backwards": (lambda: rows_of(lambda r: r[::-1]), ORDER, "another order"),
    "lines sorted at last": (lambda: assembling(lambda whole: b"\n".join(sorted(whole.split(b"\n")))), ORDER, "another order"),
    "columns swapped": (lambda: tabs(row=lambda row: [*row[:2], row[3], row[2], *row[4:]] if len(row) == 5 else row), ORDER, "filepath, status, label, error, prob"),
    "columns backwards": (lambda: tabs(row=lambda row: row[::-1]), ORDER, "the cells of a row those of prob, label, error, status, filepath"),
    "header sorted": (lambda: tabs(header=lambda columns: by_lines()((), [sorted(columns)])), ORDER, "the columns are error, filepath"),
    "no header": (lambda: spec(by_lines(), joined), NAMED, "it names no columns"),
    "a header of its own": (lambda: tabs(header=lambda columns: b"filepath\tstatus\terror\tlabel\tprob\n"), NAMED, "it names no columns"),
    "a header of the first columns": (lambda: tabs(header=lambda columns: by_lines()((), [columns[:4]])), NAMED, "'prob'"),
    "only five columns": (lambda: own_encode(fixed_columns), NAMED, "a sixth column"),
    "no rows": (lambda: own_encode(not_empty), EMPTY, "IndexError"),
    "no shards": (lambda: own_assemble(first_shard_needed), EMPTY, "IndexError"),
    "no header without rows": (lambda: own_assemble(lambda c, s, f: (lambda parts: with_header(by_lines())(c, parts, f) if parts else None)(list(s))), EMPTY, "differ"),
    "the length of rows": (lambda: own_encode(counts_rows), ONCE, "has no len()"),
    "the length of shards": (lambda: own_assemble(counts_shards), ONCE, "has no len()"),
    "the first of the shards": (lambda: own_assemble(lambda c, s, f: with_header(by_lines())(c, s[:], f)), ONCE, "not subscriptable"),
    "rows twice": (lambda: own_encode(goes_twice), ONCE, "another table"),
    "rows that are tuples": (lambda: own_encode(lambda c, r: by_lines()(c, list(dict.fromkeys(r)))), ONCE, "TypeError"),
    "today's date": (lambda: stamped(lambda: datetime.date.today()), SAME, "on another day"),
    "an imported date": (lambda: stamped(lambda: date.today().isoformat()), SAME, "on another day"),
    "an imported moment": (lambda: stamped(lambda: moment.now().year), SAME, "on another day"),
    "today in UTC": (lambda: stamped(lambda: moment.now(datetime.UTC).date()), SAME, "on another day"),
    "seconds": (lambda: stamped(lambda: int(time.time() // 1000)), SAME, "on another day"),
    "a year by the clock": (lambda: stamped(lambda: time.strftime("%Y")), SAME, "on another day"),
    "an imported clock": (lambda: stamped(lambda: strftime("%Y-%m")), SAME, "on another day"),
    "nanoseconds": (lambda: stamped(time.monotonic_ns), SAME, "the second time"),
    "a random number": (lambda: stamped(uuid.uuid4), SAME, "the second time"),
    "a count of tables": (lambda: stamped(lambda: next(_count)), SAME, "the second time"),
    "an archive of today": (zip_of_today, SAME, "bytes"),
}  # fmt: skip


@pytest.mark.parametrize("name", BREAKS)
def test_a_broken_writer_is_caught(name, failure):
    make, check, phrase = BREAKS[name]

    assert phrase in failure(make(), check).problem


@pytest.mark.parametrize(
    ("suffix", "phrase"),
    [
        ("tsv", "suffix is 'tsv'"),
        (".TSV", "suffix is '.TSV'"),
        ("", "suffix is ''"),
        (".", "suffix is '.'"),
        (".t sv", "suffix is '.t sv'"),
        ("*.tsv", "suffix is '*.tsv'"),
        (".csv", "belongs to the writer fashionbatch/csv"),
        (".jsonl", "belongs to the writer fashionbatch/jsonl"),
        (None, "suffix is None"),
    ],
)
def test_an_ending_that_is_none_or_another_formats_is_caught(failure, suffix, phrase):
    assert phrase in failure(tabs(suffix=suffix), SUFFIX).problem


def semicolons():
    return tabs(".csv", separator=";")


def half_quoted():
    return tabs(".csv", separator=",", cell=only_commas)


def python_rows():
    def encode(columns, rows):
        lines = "".join(f"{dict(zip(columns, row, strict=True))}\n" for row in rows)
        return lines.encode("utf-8", "surrogateescape")

    return spec(encode, joined, ".jsonl")


def renamed_keys():
    return spec(lambda columns, rows: json_rows([name.upper() for name in columns], rows), joined, ".jsonl")


@pytest.mark.parametrize(
    ("make", "phrase"),
    [
        (semicolons, "cannot be read as .csv"),
        (half_quoted, ""),
        (python_rows, "cannot be read as .jsonl"),
        (renamed_keys, "is read back as None"),
    ],
)
def test_what_ends_like_a_known_format_has_to_be_readable(failure, make, phrase):
    assert phrase in failure(make(), READ).problem


def read_tabs(content):
    header, *rows = csv.reader(io.StringIO(content.decode("utf-8", "surrogateescape"), newline=""), delimiter="\t")
    return [dict(zip(header, row, strict=True)) for row in rows]


def with_reader(check):
    return replace(check, subject=replace(check.subject, reader=read_tabs))


def test_an_author_may_give_a_reader(check_of):
    swapped = tabs(row=lambda row: [*row[:2], row[3], row[2], *row[4:]] if len(row) == 5 else row)

    with_reader(check_of(tabs(), READ))()
    with pytest.raises(AssertionError, match="is read back as"):
        with_reader(check_of(swapped, READ))()


def test_a_writer_that_writes_the_first_thousand_rows_of_a_shard(failure):
    right = by_lines()

    def encode(columns, rows):
        return right(columns, itertools.islice(rows, 1_000))

    problem = failure(spec(encode, with_header(by_lines())), "long_shards_are_written_to_the_end").problem
    assert problem == "of 2500 rows the last one is not written"


@pytest.mark.parametrize(("character", "other"), [("\r", "\n"), ("\\", "/")])
def test_characters_that_a_careless_writer_exchanges(character, other, failure):
    encode = by_lines(
        cell=lambda cell: quoted(cell.replace(character, other)) if isinstance(cell, str) else quoted(cell)
    )
    assert "is written like" in failure(spec(encode, with_header(by_lines())), "text_is_kept_as_it_is").problem


def test_a_line_after_every_fifty_shards(failure):
    calls, right = itertools.count(1), by_lines()

    def encode(columns, rows):
        return right(columns, rows) + (b"" if next(calls) % 50 else b"# fifty shards\n")

    problem = failure(spec(encode, with_header(right)), "the_same_rows_give_the_same_bytes").problem
    assert problem == "the same rows give other bytes the second time"


@pytest.mark.parametrize("lost", ["\x00", "\x01", "\u200b", "\ufeff", "\U0001f460"])
def test_characters_that_a_careless_writer_leaves_out(lost, failure):
    encode = by_lines(cell=lambda cell: quoted(cell.replace(lost, "")) if isinstance(cell, str) else quoted(cell))
    assert "is written like" in failure(spec(encode, with_header(by_lines())), "text_is_kept_as_it_is").problem


ELSEWHERE = """
import os, platform
from fashionbatch.hookspecs import hookimpl
from fashionbatch.specs import WriterSpec
from fashionbatch.testing import checks_for
from fashionbatch.testing.subject import ContractError

def encode(columns, rows):
    for row in rows:
        yield (repr(tuple(row)) + "\\n").encode("utf-8", "surrogateescape")

def assemble(columns, parts, file):
    file.write((repr(tuple(columns)) + "\\n").encode() + {extra})
    for part in parts:
        file.write(part.read_bytes())

@hookimpl
def register_writers():
    yield WriterSpec(name="mine", summary="Mine.", suffix=".mine", encode=encode, assemble=assemble)
"""


@pytest.mark.parametrize(("extra", "is_right"), [('b""', True), ("(os.getcwd() + platform.node()).encode()", False)])
def test_a_table_that_depends_on_the_process(extra, is_right, add_distribution):
    module = f"writer_elsewhere_{next(_count)}"
    add_distribution(module.replace("_", "-"), {module: ELSEWHERE.replace("{extra}", extra)}, {"w": module})
    [check] = [one for one in checks_for(module) if one.name == "the_same_rows_give_the_same_bytes"]

    if is_right:
        check()
    else:
        with pytest.raises(ContractError, match="in another process, on another machine"):
            check()
