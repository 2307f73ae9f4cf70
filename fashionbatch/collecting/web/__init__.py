"""The only way to the web: polite, within limits, to public addresses alone, one request at a time to a host."""
