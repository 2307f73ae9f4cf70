"""Drives a runtime over batches of images."""
