"""The epochs of a run: what is fitted, watched, kept after each of them, and told."""
