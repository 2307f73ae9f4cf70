"""Samples, splits, cached decoding, batches."""
