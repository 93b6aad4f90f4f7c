"""The command line: exit codes, texts and targets."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import textwrap
from importlib.metadata import EntryPoint
from types import ModuleType

import click
import pytest
from click.testing import CliRunner

from nestpy_core import _plugins, hookimpl, load_app
from nestpy_core._command import command_line

APP = """
from nestpy_core import App, injectable, module

@injectable
class Service: ...

@injectable
class Consumer:
    service: Service

@module(providers=[Service, Consumer])
class AppModule: ...
"""

SOUND = APP + "\napp = App(AppModule)\n"
BROKEN = SOUND.replace("providers=[Service, Consumer]", "providers=[Consumer]")

SERVING = """
from nestpy_core import App, HandlerMarker, HostMarker, declare_handler, declare_host, hookimpl, module, public

class Ticks(HostMarker, frozen=True, kw_only=True):
    edge, word = "ticks", "@ticker"

class Tick(HandlerMarker, frozen=True, kw_only=True):
    edge, word, host_word = "ticks", "@tick", "@ticker"

class Transport:
    name = "ticks"

    async def serve(self, serving):
        serving.ready()
        print("serving", flush=True)
        await serving.stopping.wait()
        FINISH

class Edge:
    name = "ticks"

    def verify(self):
        return []

    def compile(self, compiler):
        pass

    def transport(self):
        return Transport()

class Plugin:
    @hookimpl
    def nestpy_edge(self, graph):
        return Edge()

class Beats:
    @public
    def beat(self) -> None: ...

declare_handler(Beats.beat, Tick())
declare_host(Beats, Ticks())

@module(providers=[Beats])
class AppModule: ...

app = App(AppModule, plugins=[Plugin()])
"""


@pytest.fixture
def project(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [entry for entry in sys.path if entry])
    before = set(sys.modules)

    def write(name, text):
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(textwrap.dedent(text))

    yield write
    for name in set(sys.modules) - before:
        if str(tmp_path) in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]


@pytest.fixture(autouse=True)
def _excepthook():
    yield
    sys.excepthook = sys.__excepthook__


def nestpy(*arguments):
    return CliRunner().invoke(command_line(), list(arguments))


def mermaid(target):
    """Return the lines of a flowchart, each provider under its own name instead of its number."""
    text = nestpy("graph", target, "--mermaid").stdout
    for number, label in re.findall(r"^    (p\d+)\W+(\w+)", text, re.MULTILINE):
        text = re.sub(rf"\b{number}\b", label, text)
    return text.splitlines()


def process(*arguments, **options):
    return subprocess.Popen(
        [sys.executable, "-m", "nestpy_core._command", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **options,
    )


# -- check


def test_check_sums_up_a_sound_app(project):
    project("sound.py", SOUND)
    result = nestpy("check", "sound:app")
    assert (result.exit_code, result.stdout) == (
        0,
        "`AppModule` boots: 1 module, 2 providers, 0 handlers (no edges).\n",
    )


def test_check_reports_every_problem_and_exits_with_78(project):
    project("broken.py", BROKEN)
    result = nestpy("check", "broken")
    assert result.exit_code == 78
    assert result.stdout.startswith("AppModule\n└─ Consumer ← Service (missing)\n")
    assert result.stderr.startswith("`AppModule` cannot boot: 1 problem.\n\n1. `Consumer` in `AppModule` needs")
    assert "Hint: " in result.stderr


def test_definition_error_exits_with_78(project):
    project("wrong.py", "from nestpy_core import module\n@module(controllers=[])\nclass AppModule: ...\n")
    result = nestpy("check", "wrong")
    assert result.exit_code == 78
    assert result.stderr.startswith("Error: ")


# -- graph


def test_graph_draws_the_tree(project):
    project("sound.py", SOUND)
    result = nestpy("graph", "sound")
    assert result.exit_code == 0
    assert result.stdout.startswith("AppModule\n├─ Service\n└─ Consumer ← Service\n")


def test_graph_draws_mermaid(project):
    project("sound.py", SOUND)
    result = nestpy("graph", "sound", "--mermaid")
    assert result.stdout.startswith('flowchart LR\n  subgraph m0["AppModule"]\n')


def test_graph_of_an_app_that_does_not_boot_is_partial(project):
    project("broken.py", BROKEN)
    result = nestpy("graph", "broken:app")
    assert result.exit_code == 78
    assert result.stdout.startswith("AppModule\n└─ Consumer ← Service (missing)\n")
    assert "cannot boot" in result.stderr
    assert mermaid("broken")[:4] == ["flowchart LR", '  subgraph m0["AppModule"]', '    Consumer["Consumer"]', "  end"]
    assert [line for line in mermaid("broken") if "missing" in line] == [
        '  x0["Service (missing)"]:::missing',
        "  Consumer -. missing .-> x0",
        "  classDef missing stroke-dasharray: 4",
    ]


REACHES = """
from nestpy_core import Inject, injectable, module
from line_edge import on_line, station

@injectable
class Store: ...

class Absent: ...

@station
class Host:
    store: Store

    @on_line("go")
    def go(self, absent: Inject[Absent], store: Inject[Store], other: Inject[Absent | None]) -> None: ...

@module(providers=[Store])
class StoreModule: ...

@module(providers=[Host])
class HostModule: ...

@module(imports=[StoreModule, HostModule])
class Root: ...
"""


def test_what_is_there_and_cannot_be_reached_is_drawn_so(project):
    project("reaches.py", REACHES)
    drawn = nestpy("check", "reaches:Root").stdout
    assert "Host ← Store (out of reach)\n" in drawn
    assert "· @on_line go ← Absent (missing), Store (out of reach)\n" in drawn
    assert [line for line in mermaid("reaches:Root") if "-." in line or "x0" in line] == [
        '  x0["Absent (missing)"]:::missing',
        "  Host -. out of reach .-> Store",
        "  Host -. missing .-> x0",
    ]


def test_mermaid_has_imports_and_modules_without_providers(project):
    project("layered.py", APP + "\n@module(imports=[AppModule])\nclass Root: ...\n")
    lines = mermaid("layered:Root")
    assert lines[:3] == ["flowchart LR", '  m0[["Root"]]', '  subgraph m1["AppModule"]']
    assert "  m0 ==> m1" in lines


# -- routes


def test_routes_lists_each_edge_with_handlers_and_posture(project):
    project("serving.py", SERVING)
    result = nestpy("routes", "serving")
    assert (result.exit_code, result.stdout) == (0, "ticks\n  @tick  Beats.beat  public\n")


def test_routes_asks_the_edge_for_its_entries(project):
    entries = """
    def entries(self):
        from nestpy_core import EdgeEntry
        return [EdgeEntry("every 5 s", handler) for handler in self.graph.handlers]

    def __init__(self, graph):
        self.graph = graph

    def verify"""
    project("listed.py", SERVING.replace("\n    def verify", entries, 1).replace("return Edge()", "return Edge(graph)"))
    assert nestpy("routes", "listed").stdout == "ticks\n  every 5 s  Beats.beat  public\n"


def test_routes_of_an_app_without_edges(project):
    project("sound.py", SOUND)
    assert nestpy("routes", "sound").stdout == "Nothing is served.\n"


# -- info


def test_info_names_distributions_and_plugins(monkeypatch):
    plugin = ModuleType("planted_plugin")
    plugin.nestpy_client = hookimpl(lambda app: None)
    plugin.nestpy_api = "0.1"
    plant(monkeypatch, plugin)
    text = nestpy("info").stdout
    assert "  nestpy-core " in text
    assert "Plugins\n  planted  client\n" in text


def test_info_says_which_plugin_states_no_version_of_the_hooks(monkeypatch):
    plugin = ModuleType("planted_plugin")
    plugin.nestpy_client = hookimpl(lambda app: None)
    plant(monkeypatch, plugin)
    assert "Plugins\n  planted  client (states no `nestpy_api`)\n" in nestpy("info").stdout


# -- targets


@pytest.mark.parametrize(
    "target", ["sound:app", "sound:AppModule", "sound", "sound.py", "sound.py:app", "./sound.py:AppModule"]
)
def test_target_forms(project, target):
    project("sound.py", SOUND)
    assert nestpy("check", target).exit_code == 0


def test_target_in_a_package_is_imported_by_its_dotted_name(project):
    project("src/boutique/__init__.py", "")
    project("src/boutique/models.py", "VALUE = 1\n")
    project("src/boutique/main.py", SOUND + "\nfrom .models import VALUE\n")
    assert nestpy("check", "src/boutique/main.py").exit_code == 0
    assert nestpy("check", "boutique.main:app").exit_code == 0


def test_target_without_app_takes_the_only_root_module(project):
    project("rooted.py", APP + "\n@module(imports=[AppModule])\nclass Root: ...\n")
    assert nestpy("check", "rooted").stdout.startswith("`Root` boots")


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("absent", "There is no module `absent`; it is looked for in `{cwd}` first."),
        ("absent.inner:app", "There is no module `absent.inner`; it is looked for in `{cwd}` first."),
        ("absent.py", "There is no file `absent.py`."),
        (".", "`.` names no module: write `module:attribute`, `module` or a path to a file."),
        ("..two:app", "`..two` names no module: write `module:attribute`, `module` or a path to a file."),
        ("types.py", "`types.py` is hidden by another module `types`: give the file another name."),
        ("sys.py", "`sys.py` is hidden by another module `sys`: give the file another name."),
        (":app", "`:app` names no module: write `module:attribute`, `module` or a path to a file."),
        ("two:nothing", "`two` has no attribute `nothing`."),
        ("two:NUMBER", "`two:NUMBER` is neither an `App` nor a class decorated with `@module`."),
        ("two", "`two` holds several applications: name one of `two:AppModule`, `two:Other`."),
        ("empty", "`empty` holds neither an `App` nor a class decorated with `@module`."),
    ],
)
def test_bad_target_is_one_sentence_and_exit_2(project, tmp_path, target, message):
    project("two.py", APP + "\nNUMBER = 1\n@module()\nclass Other: ...\n")
    project("empty.py", "")
    project("types.py", SOUND)
    project("sys.py", SOUND)
    result = nestpy("check", target)
    assert result.exit_code == 2
    assert result.stderr == f"Error: {message.format(cwd=tmp_path)}\n"


def test_one_application_of_two_names_is_one(project):
    project("twice.py", APP + "\nmain = application = App(AppModule)\nRoot = AppModule\n")
    assert nestpy("check", "twice").exit_code == 0
    project("roots.py", APP + "\nRoot = AppModule\n")
    assert nestpy("check", "roots").exit_code == 0


def test_a_drawing_is_printed_where_the_locale_has_no_lines(project):
    project("sound.py", SOUND)
    command = [sys.executable, "-m", "nestpy_core._command", "graph", "sound"]
    environ = {**os.environ, "PYTHONIOENCODING": "latin-1"}
    ended = subprocess.run(command, capture_output=True, env=environ, timeout=30, check=True)
    assert ended.stdout.splitlines()[:3] == [b"AppModule", b"?? Service", b"?? Consumer ? Service"]


def test_module_that_fails_to_import_shows_its_own_frames_alone(project, tmp_path):
    project("failing.py", "def f():\n    return 1 / 0\nf()\n")
    result = nestpy("check", "failing")
    assert result.exit_code == 1
    shown = [line for line in result.stderr.splitlines(keepends=True) if line.strip(" ~^\n")]  # carets vary by Python
    assert "".join(shown) == textwrap.dedent(f"""\
        Traceback (most recent call last):
          File "{tmp_path}/failing.py", line 3, in <module>
            f()
          File "{tmp_path}/failing.py", line 2, in f
            return 1 / 0
        Error: importing the target failed with ZeroDivisionError: division by zero
        """)


def test_module_that_fails_inside_a_frozen_one_keeps_that_frame(project):
    project("unset.py", "import os\nos.environ['NO_SUCH_VARIABLE']\n")
    result = nestpy("check", "unset")
    assert result.exit_code == 1
    assert 'File "<frozen os>"' in result.stderr
    assert "Error: importing the target failed with KeyError: 'NO_SUCH_VARIABLE'" in result.stderr


def test_missing_import_inside_the_target_is_not_a_bad_target(project):
    project("importing.py", "import absent_dependency\n")
    result = nestpy("check", "importing")
    assert result.exit_code == 1
    assert "ModuleNotFoundError: No module named 'absent_dependency'" in result.stderr


def test_modules_that_import_each_other_are_named(project):
    project("cats.py", "from dogs import Dog\nclass Cat: ...\n")
    project("dogs.py", "from cats import Cat\nclass Dog: ...\n")
    project("main_of_both.py", "import cats\n")
    result = nestpy("check", "main_of_both")
    assert result.exit_code == 1
    assert result.stderr.endswith(
        "Error: `cats` imports `dogs` imports `cats`: Python cannot finish any of them.\n"
        "Hint: import what stands in annotations alone under `if TYPE_CHECKING:`, "
        "or move what both need to a module of its own\n"
    )


def test_modules_that_read_each_other_half_done_are_named(project):
    project("left.py", "import right\nclass Cat: ...\n")
    project("right.py", "import left\nclass Dog(left.Cat): ...\n")
    assert "Error: `left` imports `right` imports `left`: " in nestpy("check", "left").stderr


# -- plugins


def plant(monkeypatch, *plugins, **broken):
    items = []
    for name, plugin in [("planted", plugin) for plugin in plugins] + list(broken.items()):
        entry = EntryPoint(name, f"{name}_plugin", "nestpy")
        if isinstance(plugin, ModuleType):
            monkeypatch.setitem(sys.modules, f"{name}_plugin", plugin)
        items.append((_plugins.Installed(name, entry.value, "nestpy-core", "1.0"), entry))
    monkeypatch.setattr(_plugins, "entries", lambda: items)


def test_plugin_adds_a_command(monkeypatch):
    plugin = ModuleType("planted_plugin")

    @hookimpl
    def nestpy_commands(group):
        group.add_command(click.Command("greet", callback=lambda: click.echo("hello")))

    plugin.nestpy_commands = nestpy_commands
    plant(monkeypatch, plugin)
    assert nestpy("greet").stdout == "hello\n"


def test_plugin_commands_load_apps_as_check_does(project, monkeypatch):
    plugin = ModuleType("planted_plugin")

    @click.command("root")
    @click.argument("target")
    def root(target):
        click.echo(load_app(target).graph.root.label)

    plugin.nestpy_commands = hookimpl(lambda group: group.add_command(root))
    plant(monkeypatch, plugin)
    project("given.py", SOUND)
    project("broken.py", BROKEN)
    assert nestpy("root", "given").stdout == "AppModule\n"
    refused = nestpy("root", "broken")
    assert (refused.exit_code, refused.stderr) == (78, nestpy("check", "broken").stderr)
    assert nestpy("root", "absent").exit_code == 2


def test_broken_plugins_are_named_and_leave_the_rest_working(monkeypatch):
    unknown = ModuleType("unknown_plugin")
    unknown.nestpy_nonsense = hookimpl(lambda: None)
    later = ModuleType("later_plugin")
    later.nestpy_api = "9.0"
    raising = ModuleType("raising_plugin")
    raising.nestpy_commands = hookimpl(lambda group: 1 / 0)
    plant(monkeypatch, absent=None, unknown=unknown, later=later, raising=raising)

    result = nestpy("--help")

    assert result.exit_code == 0
    assert "check " in result.stdout
    with CliRunner().isolation() as (_, err, _):
        command_line()
        text = err.getvalue().decode()
    assert "Warning: The plugin `absent` of nestpy-core 1.0 does not import: ModuleNotFoundError" in text
    assert "Warning: The plugin `unknown` of nestpy-core 1.0 cannot be used: unknown hook" in text
    assert "Warning: The plugin of nestpy-core 1.0 was written for hooks 9.0" in text
    assert "Warning: The plugin `raising` of nestpy-core 1.0 failed in `nestpy_commands`: ZeroDivisionError" in text


def test_a_broken_plugin_is_told_once(project, monkeypatch):
    project("rooted.py", APP)
    plant(monkeypatch, absent=None)
    result = nestpy("check", "rooted")
    assert (result.exit_code, result.output.count("does not import")) == (78, 0)
    assert result.stderr == "Error: no app boots with a plugin that cannot be used.\n"


FAILING_PLUGIN = """
from nestpy_core import hookimpl

@hookimpl
def nestpy_collect(graph):
    return []

@hookimpl
def HOOK(graph):
    BODY
"""


@pytest.mark.parametrize(
    ("hook", "body"),
    [("nestpy_edge", "return len(None)"), ("nestpy_verify", "yield len(None)"), ("nestpy_verify", "return len(None)")],
)
def test_a_hook_that_fails_is_named_with_its_plugin_and_its_trace(project, monkeypatch, tmp_path, hook, body):
    project("rooted.py", APP)
    project("acme_plugin.py", FAILING_PLUGIN.replace("HOOK", hook).replace("BODY", body))
    monkeypatch.syspath_prepend(str(tmp_path))
    plant(monkeypatch, acme=None)
    result = nestpy("check", "rooted")
    failure = "TypeError: object of type 'NoneType' has no len()"
    assert result.exit_code == 78
    shown = [line for line in result.stderr.splitlines() if line.strip(" ~^")]
    assert shown == [
        "Traceback (most recent call last):",
        f'  File "{tmp_path}/acme_plugin.py", line 10, in {hook}',
        f"    {body}",
        f"Error: The plugin `acme` of nestpy-core 1.0 failed in `{hook}`: {failure}",
        "Hint: upgrade it, or report it to its author",
    ]


def test_plugin_may_not_replace_a_command(monkeypatch):
    plugin = ModuleType("planted_plugin")
    plugin.nestpy_commands = hookimpl(lambda group: group.add_command(click.Command("info")))
    plant(monkeypatch, plugin)
    assert "Distributions" in nestpy("info").stdout


# -- run


@pytest.mark.e2e
def test_run_drains_on_sigterm_and_exits_with_0(project):
    project("serving.py", SERVING.replace("FINISH", "print('finished', flush=True)"))
    with process("run", "serving:app", env={**os.environ, "NESTPY_ENV": "test"}) as running:
        assert running.stdout.readline() == "serving\n"
        running.send_signal(signal.SIGTERM)
        output, errors = running.communicate(timeout=10)
    assert (running.returncode, output) == (0, "finished\n"), errors


@pytest.mark.e2e
def test_run_takes_a_root_module_too(project):
    hook = "\n    @on_application_bootstrap\n    def announce(self) -> None:\n        print('up', flush=True)\n"
    imported = APP.replace("injectable,", "injectable, on_application_bootstrap,")
    project("modular.py", imported.replace("class Service: ...", f"class Service:{hook}"))
    with process("run", "modular:AppModule", env={**os.environ, "NESTPY_ENV": "test"}) as running:
        assert running.stdout.readline() == "up\n"
        running.send_signal(signal.SIGTERM)
        _, errors = running.communicate(timeout=10)
    assert running.returncode == 0, errors


@pytest.mark.e2e
def test_second_signal_ends_at_once_with_128_and_its_number(project):
    project("stuck.py", SERVING.replace("FINISH", "print('stuck', flush=True); import anyio; await anyio.sleep(30)"))
    with process("run", "stuck", env={**os.environ, "NESTPY_ENV": "test"}) as running:
        assert running.stdout.readline() == "serving\n"
        running.send_signal(signal.SIGTERM)
        assert running.stdout.readline() == "stuck\n"
        running.send_signal(signal.SIGINT)
        running.communicate(timeout=10)
    assert running.returncode == 128 + signal.SIGINT


@pytest.mark.e2e
@pytest.mark.parametrize(
    ("text", "code"),
    [
        (BROKEN, 78),
        (SOUND.replace("class Service: ...", "class Service:\n    def __init__(self):\n        1 / 0\n"), 1),
        (SERVING.replace('print("serving", flush=True)', "1 / 0"), 1),
    ],
    ids=["boot error", "failing start", "failing transport"],
)
def test_run_exits_with_the_code_of_its_failure(project, text, code):
    project("failing.py", text.replace("FINISH", "pass"))
    with process("run", "failing:app", env={**os.environ, "NESTPY_ENV": "test"}) as running:
        _, errors = running.communicate(timeout=10)
    assert running.returncode == code, errors


@pytest.mark.e2e
def test_console_script_checks(project):
    project("broken.py", BROKEN)
    with process("check", "broken") as running:
        _, errors = running.communicate(timeout=10)
    assert running.returncode == 78
    assert "cannot boot: 1 problem" in errors
    assert "Traceback" not in errors
