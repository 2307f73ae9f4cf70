"""Where the files of a run come from: a folder or a list, frozen in a manifest."""
