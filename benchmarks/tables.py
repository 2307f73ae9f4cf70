"""What `summarize` costs for tables of so many rows: seconds of CPU and memory, by format.

    python benchmarks/tables.py --rows 100_000 --rows 1_000_000 --rows 10_000_000 --output tables.json

The tables are made up: paths of 27 bytes in folders of 10,000, 50 labels, probabilities of six digits, and no sidecar.
`parquet` has row groups as `classify` writes them, `one-group` has all rows in one, as other programs may write them,
and `parts` is a folder of parts of 5,000 rows, as `classify --partitioned` writes it. Each command is a process of its
own.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

from scale import cpu_name

_ROW_GROUP = 65_536
_PART = 5_000
_COLUMNS = ("filepath", "filepath_b64", "status", "error", "label", "prob")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, action="append", required=True)
    parser.add_argument("--formats", nargs="+", choices=FORMATS, default=list(FORMATS))
    parser.add_argument("--folder", type=Path, help="where the tables are made; by default a temporary one")
    parser.add_argument("--output", type=Path, help="where the figures go, as JSON")
    asked = parser.parse_args()
    figures: dict[str, dict[str, Any]] = {name: {} for name in asked.formats}
    for rows in asked.rows:
        for name in asked.formats:
            with tempfile.TemporaryDirectory(dir=asked.folder) as folder:
                table = made(name, Path(folder), rows)
                figures[name][str(rows)] = {"bytes": size_of(table), **measured(table)}
                print(name, f"{rows:,}", figures[name][str(rows)], flush=True)
    report = {
        "cpu": cpu_name(),
        "python": platform.python_version(),
        "date": str(date.today()),
        "command": " ".join(sys.argv),
        "summarize": figures,
    }
    if asked.output:
        asked.output.parent.mkdir(parents=True, exist_ok=True)
        asked.output.write_text(json.dumps(report, indent=2) + "\n")


def made(name: str, folder: Path, rows: int) -> Path:
    """A table. It is made in a process of its own: the peak of a process begins with what its parent took then."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(FORMATS[name], (folder, rows))


def measured(table: Path) -> dict[str, float]:
    """Seconds by the clock and of the CPU, and the peak of the memory in MB, of `summarize`."""
    began = time.monotonic()
    command = (sys.executable, "-m", "fashionbatch", "summarize", table, "--json", "--quiet")
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    cpu_s = used.ru_utime + used.ru_stime
    return {"s": round(time.monotonic() - began, 1), "cpu_s": round(cpu_s, 1), "mb": round(used.ru_maxrss / 1000)}


def size_of(table: Path) -> int:
    """Bytes of a table, or of its parts."""
    return sum(path.stat().st_size for path in ([table] if table.is_file() else table.iterdir()))


# ------------------------------------------------------------------------------------------------------------ tables


def batches(rows: int, size: int) -> Iterator[list[list[Any]]]:
    """The columns of so many rows at a time."""
    for start in range(0, rows, size):
        numbers = range(start, min(start + size, rows))
        yield [
            [f"{number // 10_000:06}/{number:016}.jpg" for number in numbers],
            [None] * len(numbers),
            ["ok"] * len(numbers),
            [""] * len(numbers),
            [f"label{number * 7919 % 50:02}" for number in numbers],
            [float(f"{0.3 + number * 104_729 % 700_000 / 1_000_000:.6g}") for number in numbers],
        ]


def csv_table(folder: Path, rows: int) -> Path:
    table = folder / "labels.csv"
    with table.open("w") as file:
        file.write("filepath,status,error,label,prob\n")
        for path, _, status, error, label, prob in batches(rows, _PART):
            file.writelines(
                f"{a},{b},{c},{d},{e:.6g}\n" for a, b, c, d, e in zip(path, status, error, label, prob, strict=True)
            )
    return table


def jsonl_table(folder: Path, rows: int) -> Path:
    table = folder / "labels.jsonl"
    names = tuple(name for name in _COLUMNS if name != "filepath_b64")
    with table.open("w") as file:
        for path, _, *others in batches(rows, _PART):
            file.writelines(
                json.dumps(dict(zip(names, row, strict=True))) + "\n" for row in zip(path, *others, strict=True)
            )
    return table


def parquet_table(folder: Path, rows: int, group: int = _ROW_GROUP) -> Path:
    from pyarrow import parquet

    table = folder / "labels.parquet"
    with parquet.ParquetWriter(table, _schema(), compression="zstd") as writer:
        if group >= rows:
            # The writer would part what is added to it: it is one group only as one table.
            writer.write_table(_joined(rows), row_group_size=group)
        else:
            for columns in batches(rows, group):
                writer.write_table(_arrow(columns))
    return table


def one_group_table(folder: Path, rows: int) -> Path:
    return parquet_table(folder, rows, group=rows)


def parts_table(folder: Path, rows: int) -> Path:
    from pyarrow import parquet

    table = folder / "labels.parquet"
    table.mkdir()
    for number, columns in enumerate(batches(rows, _PART)):
        parquet.write_table(_arrow(columns), table / f"part-{number:06}.parquet", compression="zstd")
    return table


def _schema() -> Any:
    import pyarrow as pa

    return pa.schema([(name, pa.float64() if name == "prob" else pa.string()) for name in _COLUMNS])


def _arrow(columns: list[list[Any]]) -> Any:
    import pyarrow as pa

    return pa.table([pa.array(cells, field.type) for cells, field in zip(columns, _schema(), strict=True)], _schema())


def _joined(rows: int) -> Any:
    import pyarrow as pa

    return pa.concat_tables(_arrow(columns) for columns in batches(rows, _ROW_GROUP))


FORMATS: dict[str, Callable[[Path, int], Path]] = {
    "csv": csv_table,
    "jsonl": jsonl_table,
    "parquet": parquet_table,
    "one-group": one_group_table,
    "parts": parts_table,
}


if __name__ == "__main__":
    main()
