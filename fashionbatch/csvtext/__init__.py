"""CSV files as people have them: in any usual encoding, parted by commas, semicolons, tabs or bars.

Whoever reads a CSV file reads it with `CsvReader`: the label table, lists of files, and the dataset `csv_manifest`.
"""

from __future__ import annotations

from fashionbatch.csvtext.delimiters import AUTO
from fashionbatch.csvtext.paths import PathFinder, foreign_path, path_below, plain_path
from fashionbatch.csvtext.reader import PATH_COLUMNS, CsvReader, western_path

__all__ = [
    "AUTO",
    "PATH_COLUMNS",
    "CsvReader",
    "PathFinder",
    "foreign_path",
    "path_below",
    "plain_path",
    "western_path",
]
