"""`.env.example` names what the settings read: nothing is missing there, nothing is left over."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from superapp.localdev import places
from superapp.settings import environment as env

EXAMPLE = places.CLONE / ".env.example"
SETTINGS = Path(env.__file__).parent
VARIABLE = re.compile(r"^#?([A-Z][A-Z0-9_]*)=")
READERS = {"required", "optional", "boolean", "integer", "words", "path", "networks", "counts"}


def variables_read() -> set[str]:
    """The names that the settings ask the readers for."""
    return {name for path in SETTINGS.glob("*.py") if path.stem != "environment" for name in names_in(path)}


def names_in(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            called = node.func
            if isinstance(called.value, ast.Name) and called.value.id == "env" and called.attr in READERS:
                name = node.args[0]
                assert isinstance(name, ast.Constant), f"{path.name}, line {node.lineno}: a name that nobody can find"
                yield str(name.value)


def test_example_names_every_variable_that_settings_read_and_no_other() -> None:
    named = [found[1] for line in EXAMPLE.read_text().splitlines() if (found := VARIABLE.match(line))]
    assert len(named) == len(set(named))
    assert set(named) == variables_read()


def test_every_variable_has_one_line_of_explanation() -> None:
    lines = EXAMPLE.read_text().splitlines()
    for number, line in enumerate(lines):
        if found := VARIABLE.match(line):
            explanation, before = lines[number - 1], lines[number - 2]
            assert re.match(r"^# [^-].{10,}[.)]$|^# .*: \S", explanation), f"{found[1]} is not explained above its line"
            assert not before.startswith("# ") or before.startswith("# ---"), f"{found[1]} takes more than one line"


def test_readers_of_the_environment_are_all_known_here() -> None:
    """A new kind of reader would hide its variables from the comparison above."""
    functions = {
        node.name for node in ast.parse(Path(env.__file__).read_text()).body if isinstance(node, ast.FunctionDef)
    }
    assert functions - {"database"} == READERS


def test_products_read_the_environment_through_settings_alone() -> None:
    rooms = [
        path for path in (places.CLONE / "superapp").iterdir() if path.name not in {"settings", "localdev", "bench"}
    ]
    rooms += [places.CLONE / name for name in ("messaging", "payments", "brands", "games", "taxis", "deals")]
    for path in [file for room in rooms for file in ([room] if room.suffix == ".py" else room.rglob("*.py"))]:
        text = path.read_text().replace('os.environ.setdefault("DJANGO_SETTINGS_MODULE"', "")
        assert "os.environ" not in text, path
        assert "getenv" not in text, path
