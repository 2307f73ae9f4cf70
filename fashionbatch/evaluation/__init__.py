"""Metrics, thresholds, precision parity, the verdict on overfitting."""
