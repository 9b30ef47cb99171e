"""The units of docs/examples start what `make run` and the tests start, and only that."""

import configparser
import shlex
import sys
from pathlib import Path

import pytest

from superapp.localdev import places, programs

UNITS = places.CLONE / "docs" / "examples" / "systemd"
COMMANDS = {
    "superapp-web@.service": programs.rest(8001),
    "superapp-gateway@.service": programs.web("--host", "127.0.0.1", "--port", "8001"),
    "superapp-worker@.service": programs.worker("8001"),
    "superapp-loops.service": programs.loops(),
    "superapp-beat.service": programs.beat(Path("/var/lib/superapp/beat")),
}


def service(name: str) -> configparser.SectionProxy:
    parser = configparser.ConfigParser(interpolation=None, strict=False)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read(UNITS / name)
    return parser["Service"]


@pytest.mark.parametrize("name", COMMANDS)
def test_unit_starts_the_process_that_is_tested(name: str) -> None:
    command = service(name)["ExecStart"].replace("/srv/superapp/.venv/bin/python", sys.executable)
    # What stands after @ in the unit's name is the port, or the queue.
    assert shlex.split(command.replace("%i", "8001")) == list(map(str, COMMANDS[name]))


def test_every_process_has_a_unit() -> None:
    assert {path.name for path in UNITS.glob("*.service")} == {*COMMANDS, "superapp-nightly.service"}


@pytest.mark.parametrize("name", COMMANDS)
def test_processes_never_get_the_owners_url(name: str) -> None:
    assert service(name)["EnvironmentFile"] == "/etc/superapp/environment"
    assert service(name)["User"] == "superapp"
