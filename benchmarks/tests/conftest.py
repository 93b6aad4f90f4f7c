"""The benchmarks are scripts, not a distribution: their directory is on the path only for their own tests."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
