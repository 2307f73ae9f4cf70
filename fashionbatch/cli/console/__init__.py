"""What every verb shares: the terminal, tables, bars, signals and kinds of values that options take."""
