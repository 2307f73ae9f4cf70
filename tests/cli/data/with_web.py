"""The program `fashionbatch`, whose way to the web leads to a fake one of another process: PORT ARGUMENTS..."""

from __future__ import annotations

import sys

from fashionbatch.cli import main
from fashionbatch.collecting.web import exchange
from fashionbatch.testing.web import exchange_with

port, *arguments = sys.argv[1:]
exchange.WebExchange = lambda stopping: exchange_with(int(port), stopping=stopping)
sys.argv = ["fashionbatch", *arguments]
sys.exit(main())
