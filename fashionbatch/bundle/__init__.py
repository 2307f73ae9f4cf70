"""The trained artifact: write, open, verify, import."""
