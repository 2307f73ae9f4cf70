"""What a run makes of what the networks gave: the table, embeddings, sorted folders."""
