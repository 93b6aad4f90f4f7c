from harness.processes import clean_environment


def test_contestants_find_their_compiled_modules_and_no_settings(monkeypatch) -> None:
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    monkeypatch.setenv("NESTPY_HTTP__PORT", "1")
    monkeypatch.setenv("GRANIAN_WORKERS", "4")
    monkeypatch.setenv("PYTHONHASHSEED", "0")
    environment = clean_environment()
    assert environment["PYTHONHASHSEED"] == "0"
    assert not environment.keys() & {"PYTHONDONTWRITEBYTECODE", "NESTPY_HTTP__PORT", "GRANIAN_WORKERS"}
