"""From image searches and lists of addresses to folders of photos, each with its source and its licence."""
