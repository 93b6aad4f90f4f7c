"""What `micro.py` measures."""
