"""The engine `ray`: shards on actors of a Ray cluster.

`run` begins and ends a run, `dispatch` decides which actor gets what and what follows from a death, `search` finds the
files that kill actors, `crew` speaks with Ray, and `actor` is what runs on the nodes. Only `crew` and `actor` need Ray.
"""
