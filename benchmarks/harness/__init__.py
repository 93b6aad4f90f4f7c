"""What `run.py` and `micro.py` measure with; the standard library alone."""
