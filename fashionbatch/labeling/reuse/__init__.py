"""Rows of an earlier table that are taken over for files that have not changed."""
