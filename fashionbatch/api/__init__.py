"""What `import fashionbatch` offers to programs and notebooks; the command line calls the same functions.

The names are loaded by `fashionbatch` when they are asked for, so that importing it stays light.
"""
