"""Scan, manifest, shards, decode workers, rows, commit, merge."""
