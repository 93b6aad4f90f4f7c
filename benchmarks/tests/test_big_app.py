from __future__ import annotations

import ast

from cases.big_app import source


def test_it_has_100_providers_and_300_routes():
    text = source()
    ast.parse(text)
    assert text.count("@injectable\n") == 100
    assert text.count("    @get(") == 300
