"""Where the bytes of files come from: a folder on this machine is one store among others."""
