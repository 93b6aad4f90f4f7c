"""The wheels, and nothing but the wheels, make an application."""

import email
import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from build_all import EXAMPLES, build
from workspace import ROOT, Distribution, companions, distributions, required_name

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

_INSTALLED = """
import importlib.metadata as metadata, json
found = [each for each in metadata.distributions() if each.name.startswith("nestpy")]
print(json.dumps({each.name: json.loads(each.read_text("direct_url.json"))["url"] for each in found}))
"""
_IMPORTED = """
import importlib, pkgutil, sys
package = importlib.import_module(sys.argv[1])
for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
    try:
        importlib.import_module(found.name)
    except ModuleNotFoundError as error:
        print(error.name)
for name in package.__all__:
    getattr(package, name)
"""


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    directory = tmp_path_factory.mktemp("wheels")
    built = build(directory, "wheel")
    assert {wheel.parent for wheel in built} == {directory, directory / EXAMPLES}
    return {wheel.name.partition("-")[0].replace("_", "-"): wheel for wheel in built}


def _uv() -> str:
    uv = shutil.which("uv", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}")
    assert uv is not None, "uv is part of the environment that `make setup` creates"
    return uv


@pytest.fixture
def python(wheels: dict[str, Path], tmp_path: Path) -> Path:
    """The interpreter of an empty environment that holds core, http and what they require."""
    return _installed(tmp_path / "environment", wheels["nestpy-core"], wheels["nestpy-http"])


def _installed(environment: Path, *chosen: Path) -> Path:
    """Return the interpreter of a new environment with these wheels and what they require."""
    subprocess.run([_uv(), "venv", "--quiet", "--python", sys.executable, environment], check=True)
    interpreter = environment / "bin" / "python"
    subprocess.run([_uv(), "pip", "install", "--quiet", "--python", interpreter, *chosen], check=True)
    return interpreter


def _members() -> dict[str, Distribution]:
    """Every member of the workspace by its distribution's name, which is not that of its directory under examples/."""
    return {str(each.metadata["project"]["name"]): each for each in (*distributions(), *companions())}


def _import_name(name: str) -> str:
    return name.replace("-", "_")


def _siblings(name: str, known: dict[str, Distribution]) -> set[str]:
    """Return the distributions of this repository that one requires without extras, itself included."""
    required = {required_name(each) for each in known[name].metadata["project"]["dependencies"]}
    return {name}.union(*(_siblings(each, known) for each in required & known.keys()))


def _clean_environment(**extra: str) -> dict[str, str]:
    kept = {key: value for key, value in os.environ.items() if key in {"HOME", "LANG", "PATH", "TMPDIR"}}
    return kept | extra


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def _first_answer(url: str, process: subprocess.Popen[bytes], seconds: float = 30) -> str:
    deadline = time.monotonic() + seconds
    while True:
        try:
            with urllib.request.urlopen(url, timeout=5) as response:
                return response.read().decode()
        except OSError:
            assert process.poll() is None, f"the application ended with code {process.returncode}"
            assert time.monotonic() < deadline, f"no answer within {seconds} s"
            time.sleep(0.05)


def test_every_distribution_becomes_a_typed_wheel_with_its_own_package_alone(wheels: dict[str, Path]) -> None:
    members = _members()
    assert set(wheels) == set(members)
    for name, member in members.items():
        with zipfile.ZipFile(wheels[name]) as archive:
            names = archive.namelist()
            metadata = email.message_from_bytes(archive.read(next(name for name in names if name.endswith("METADATA"))))
        own = _import_name(name)
        assert {name.partition("/")[0] for name in names} == {own, f"{own}-{member.version}.dist-info"}
        assert f"{own}/py.typed" in names
        declared = member.metadata["project"].get("license-files", [])
        assert [name for name in names if "/licenses/" in name] == [
            f"{own}-{member.version}.dist-info/licenses/{file}" for file in declared
        ]
        assert metadata["Version"] == member.version


def test_what_is_published_lies_apart_from_the_examples(wheels: dict[str, Path]) -> None:
    (published,) = {wheels[each.name].parent for each in distributions()}
    assert {file.name for file in published.glob("*.whl")} == {wheels[each.name].name for each in distributions()}


def test_every_wheel_imports_all_its_modules_where_only_its_requirements_are(
    wheels: dict[str, Path], tmp_path: Path
) -> None:
    known = _members()

    def absent(name: str) -> set[str]:
        """Install and import one; return what its modules could not import."""
        interpreter = _installed(tmp_path / name, *(wheels[each] for each in sorted(_siblings(name, known))))
        command = [interpreter, "-c", _IMPORTED, _import_name(name)]
        done = subprocess.run(
            command, cwd=tmp_path, env=_clean_environment(), check=False, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        return set(done.stdout.split())

    with ThreadPoolExecutor(2) as pool:
        found = dict(zip(known, pool.map(absent, known), strict=True))
    for name, modules in found.items():
        extras = known[name].metadata["project"].get("optional-dependencies", {}).values()
        assert modules <= {required_name(each) for extra in extras for each in extra}, name


def test_core_and_http_alone_serve_the_first_example(wheels: dict[str, Path], python: Path, tmp_path: Path) -> None:
    application = tmp_path / "application"
    application.mkdir()
    shutil.copyfile(ROOT / "examples" / "app" / "main.py", application / "main.py")
    port = _free_port()
    environment = _clean_environment(NESTPY_HTTP__PORT=str(port))
    process = subprocess.Popen([python, "main.py"], cwd=application, env=environment)
    try:
        assert _first_answer(f"http://127.0.0.1:{port}/", process) == "Hello World"
        process.terminate()
        assert process.wait(40) == 0
    finally:
        process.kill()
        process.wait()

    printed = subprocess.run(
        [python, "-c", _INSTALLED], cwd=application, env=environment, check=True, capture_output=True, text=True
    )
    assert json.loads(printed.stdout) == {name: wheels[name].as_uri() for name in ("nestpy-core", "nestpy-http")}
