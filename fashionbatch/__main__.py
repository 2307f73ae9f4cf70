"""`python -m fashionbatch`."""

import sys

from fashionbatch.cli import main

if __name__ == "__main__":
    sys.exit(main())
