"""The front door shows code that runs."""

import re
from pathlib import Path

from nestpy_testing.guards import run_blocks

README = Path(__file__).parents[1] / "README.md"


def test_every_python_block_of_the_root_readme_runs() -> None:
    blocks = re.findall(r"^```python\n(.*?)^```", README.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    assert len(blocks) >= 2
    run_blocks(blocks)
