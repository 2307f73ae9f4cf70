"""One module for each format: how a program that has nothing of FashionBatch opens an exported file.

Each has `open_model(path)`, which gives what the file says of itself and a function from uint8 images `(n, height,
width, channels)` to float32 probabilities `(n, outputs)`. Its text goes into the script beside the file, and an export
is checked by the same function. So these modules import nothing of FashionBatch, and `photo.py` neither.
"""
