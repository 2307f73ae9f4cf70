"""FashionBatch: one YAML recipe trains an image classifier; one command labels a folder with it."""

__version__ = "0.1.0"
