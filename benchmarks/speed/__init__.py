"""The parts of `benchmarks/classify.py`: what is measured, with what, and what is written of it."""
