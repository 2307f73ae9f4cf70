"""Several trainings of one recipe as one directory with one report: other seeds, folds, or other values."""
