"""The processes that decode images, each by itself, so that one bad file costs one row."""
