"""Bundles of networks that others have trained."""
