"""A bundle -> one file of another program's format, checked against the bundle before it is there."""
