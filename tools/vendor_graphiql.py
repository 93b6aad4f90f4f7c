"""Fetches GraphiQL and React from npm into nestpy-graphql, whose explorer needs no network then.

GraphiQL 4 is the last version that edits with CodeMirror; 5 brings monaco-editor, several times its size, and no file
that a page can load as it is. `python tools/vendor_graphiql.py` needs npm; the result is committed.
"""

from __future__ import annotations

import hashlib
import subprocess
import tarfile
import tempfile
from pathlib import Path

TARGET = Path(__file__).parents[1] / "packages/nestpy-graphql/src/nestpy_graphql/_vendor/graphiql"
PACKAGES = {
    "graphiql@4.1.2": {
        "graphiql.min.js": "graphiql.min.js",
        "graphiql.min.css": "graphiql.min.css",
        "LICENSE": "LICENSE",
    },
    "react@18.3.1": {"umd/react.production.min.js": "react.production.min.js", "LICENSE": "LICENSE.react"},
    "react-dom@18.3.1": {"umd/react-dom.production.min.js": "react-dom.production.min.js"},
}
"""For each package its files and what they are called here."""


def vendored(target: Path = TARGET) -> str:
    """Copy the files into *target*, and return what `VERSION` says: where each comes from, and its SHA-256."""
    lines = []
    target.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as directory:
        for package, files in PACKAGES.items():
            command = ["npm", "pack", "--silent", "--pack-destination", directory, package]
            name = subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip().splitlines()[-1]
            with tarfile.open(Path(directory) / name) as archive:
                for inside, outside in files.items():
                    found = archive.extractfile(f"package/{inside}")
                    if found is None:
                        message = f"{package} has no file `{inside}`"
                        raise FileNotFoundError(message)
                    data = found.read()
                    (target / outside).write_bytes(data)
                    lines.append(f"{hashlib.sha256(data).hexdigest()}  {outside}  {package}\n")
    (target / "VERSION").write_text("".join(lines))
    return "".join(lines)


if __name__ == "__main__":
    print(vendored(), end="")
