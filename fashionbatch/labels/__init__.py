"""The table that people keep: its columns, reading it back, comparing two."""
