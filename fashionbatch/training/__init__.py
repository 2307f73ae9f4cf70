"""Fit, resume, and write a run directory."""
