"""Boot the real graph in a test, with a client for every edge, overrides and fault points."""
