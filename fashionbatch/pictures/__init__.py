"""Curves, matrices, grids and annotated photos."""
