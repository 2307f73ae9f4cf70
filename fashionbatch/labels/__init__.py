"""The table that people keep: its columns, reading it back, what stands beside it, comparing two.

`read` gives a pandas DataFrame, `TableReader` the rows one by one.
"""

from fashionbatch.labels.reader import TableReader, read

__all__ = ["TableReader", "read"]
