"""Figures: from labels and probabilities to numbers, thresholds and verdicts."""
