"""The page around Swagger UI: everything from where it came itself, and no script inside."""

from __future__ import annotations

import html
import posixpath
from collections.abc import Iterable, Iterator, Sequence
from urllib.parse import urlsplit

from ._config import OpenApiConfig

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>API</title>
<link rel="icon" type="image/png" href="{base}favicon.png">
<link rel="stylesheet" href="{base}swagger-ui.css">
<link rel="stylesheet" href="{base}page.css">
</head>
<body>
{versions}<div id="swagger-ui"></div>
<script src="{base}swagger-ui-bundle.js" defer></script>
<script src="{base}page.js" defer></script>
</body>
</html>
"""


def page(path: str, document: str, ui_path: str, versions: Sequence[str]) -> bytes:
    """Return the page.

    Args:
        path: where the request found it, whatever stands in front of its last segment.
        document: where the document is, from the same root as *ui_path*.
        ui_path: where the page is.
        versions: those that have a document of their own.
    """
    last = path.rstrip("/").rpartition("/")[2]
    base = f"{last}/" if last else ""
    url = posixpath.normpath(posixpath.join(last, posixpath.relpath(document, ui_path)))
    listed = "".join(_links(url, versions))
    return _PAGE.format(
        base=html.escape(base), versions=f'<nav data-url="{html.escape(url)}">{listed}</nav>\n'
    ).encode()


def _links(url: str, versions: Iterable[str]) -> Iterator[str]:
    """Yield a link for each document, where there are several; the script reads their addresses."""
    several = tuple(versions)
    for name, target in (("default", url), *((f"v{each}", f"{url}/v{each}") for each in several)) if several else ():
        yield f'<a href="#" data-url="{html.escape(target)}">{html.escape(name)}</a>'


def content_security_policy(config: OpenApiConfig) -> str:
    """Return the policy of the page: scripts, styles and pictures of its own, requests to the app and its servers."""
    origins = sorted({origin for url in config.servers if (origin := _origin(url))})
    rules = {
        "default-src": "'none'",
        "base-uri": "'none'",
        "connect-src": " ".join(["'self'", *origins]),
        "font-src": "'self' data:",
        "form-action": "'none'",
        "frame-ancestors": "'none'",
        "img-src": "'self' data:",
        "script-src": "'self'",
        "style-src": "'self'",
    }
    return "; ".join(f"{name} {value}" for name, value in rules.items())


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}" if parts.scheme in ("http", "https") else ""
