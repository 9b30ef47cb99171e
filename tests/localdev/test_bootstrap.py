"""What happens before there is a virtual environment: decided with the standard library only."""

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import psutil
import pytest

from superapp.localdev import places
from superapp.localdev.processes import wait_until

SCRIPT = places.CLONE / "superapp" / "localdev" / "bootstrap.py"


@pytest.fixture
def bootstrap(tmp_path: Path) -> ModuleType:
    """The script in a clone of its own that has requirement files and nothing else."""
    script = tmp_path / "superapp" / "localdev" / "bootstrap.py"
    script.parent.mkdir(parents=True)
    for copied in (SCRIPT, SCRIPT.with_name("leash.py")):
        shutil.copy(copied, script.parent)
    for name in ("requirements.txt", "requirements-dev.txt"):
        (tmp_path / name).write_text(f"# {name}\n")
    specification = importlib.util.spec_from_file_location("bootstrap_under_test", script)
    module = importlib.util.module_from_spec(specification)
    # dataclasses look their module up.
    sys.modules[specification.name] = module
    specification.loader.exec_module(module)
    return module


def pretend_installed(bootstrap: ModuleType, *, with_tools: bool, directory: Path | None = None) -> None:
    (bootstrap.ENVIRONMENT / "bin").mkdir(parents=True, exist_ok=True)
    bootstrap.PYTHON.touch()
    where = {"directory": str(directory or bootstrap.ENVIRONMENT)}
    bootstrap.STAMP.write_text(json.dumps(where | bootstrap.fingerprints(with_tools=with_tools)))


def test_nothing_but_the_standard_library_is_imported() -> None:
    code = f"import sys; sys.argv = ['x']; import runpy; runpy.run_path({str(SCRIPT)!r}); print(*sys.modules)"
    result = subprocess.run([sys.executable, "-I", "-S", "-c", code], capture_output=True, text=True, check=True)
    roots = {name.partition(".")[0] for name in result.stdout.split()}
    # macOS and Debian bring a configuration module of their own.
    assert {name for name in roots - sys.stdlib_module_names if not name.startswith("_")} == set()


def test_fresh_clone_is_not_up_to_date(bootstrap: ModuleType) -> None:
    assert not bootstrap.up_to_date(bootstrap.fingerprints(with_tools=False))
    assert not bootstrap.usable()


def test_tools_are_installed_only_when_they_are_needed(bootstrap: ModuleType) -> None:
    pretend_installed(bootstrap, with_tools=False)
    assert bootstrap.up_to_date(bootstrap.fingerprints(with_tools=False))
    assert not bootstrap.up_to_date(bootstrap.fingerprints(with_tools=True))
    pretend_installed(bootstrap, with_tools=True)
    assert bootstrap.up_to_date(bootstrap.fingerprints(with_tools=True))


def test_changed_requirements_are_installed_again(bootstrap: ModuleType) -> None:
    pretend_installed(bootstrap, with_tools=True)
    (bootstrap.CLONE / "requirements-dev.txt").write_text("# newer\n")
    assert bootstrap.up_to_date(bootstrap.fingerprints(with_tools=False))
    assert not bootstrap.up_to_date(bootstrap.fingerprints(with_tools=True))


def test_environment_that_was_moved_here_is_not_trusted(bootstrap: ModuleType, tmp_path: Path) -> None:
    pretend_installed(bootstrap, with_tools=True, directory=tmp_path / "elsewhere" / ".venv")
    assert not bootstrap.up_to_date(bootstrap.fingerprints(with_tools=False))
    (bootstrap.ENVIRONMENT / "bin" / "pip").write_text(f"#!{tmp_path}/elsewhere/.venv/bin/python\n")
    assert not bootstrap.usable()


def test_up_to_date_environment_is_left_alone(bootstrap: ModuleType) -> None:
    pretend_installed(bootstrap, with_tools=True)
    before = sorted(bootstrap.CLONE.rglob("*"))
    bootstrap.prepare(with_tools=True)
    assert sorted(bootstrap.CLONE.rglob("*")) == before


def test_environment_is_made_once_when_two_ask_at_once(bootstrap: ModuleType) -> None:
    code = f"import runpy; runpy.run_path({bootstrap.__file__!r})['prepare'](with_tools=False)"
    command = [sys.executable, "-I", "-c", code]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) for _ in range(2)]
    outputs = [process.communicate(timeout=60)[0] for process in both]
    assert [process.returncode for process in both] == [0, 0], outputs
    assert "".join(outputs).count("python     .venv") == 1
    assert bootstrap.usable()
    assert bootstrap.up_to_date(bootstrap.fingerprints(with_tools=False))


def test_failed_installation_shows_why_and_says_what_to_do(bootstrap: ModuleType) -> None:
    bootstrap.LOCAL.mkdir()
    with pytest.raises(bootstrap.Refusal) as refused:
        bootstrap.run([sys.executable, "-c", "print('no space left'); exit(1)"], cure="Make room.")
    assert str(refused.value) == "no space left\n→ Make room. The whole log is in .local/install.log."


def test_unknown_platform_is_told_which_addresses_to_set(
    bootstrap: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bootstrap.platform, "system", lambda: "Plan9")
    with pytest.raises(bootstrap.Refusal, match="Set DATABASE_OWNER_URL, REDIS_URL to servers of yours"):
        bootstrap.check_platform({"DATABASE_URL": "postgresql://somewhere"})
    bootstrap.check_platform(dict.fromkeys(bootstrap.SERVERS, "given"))


def test_python_without_ensurepip_falls_back_to_virtualenv(
    bootstrap: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bootstrap.importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(bootstrap.shutil, "which", lambda name: "/usr/bin/virtualenv")
    ((program, *_options),) = bootstrap.environment_makers()
    assert program == "/usr/bin/virtualenv"
    monkeypatch.setattr(bootstrap.shutil, "which", lambda name: None)
    with pytest.raises(bootstrap.Refusal, match=r"apt install python3\.\d+-venv"):
        bootstrap.environment_makers()


def test_python_without_ensurepip_and_virtualenv_fetches_a_pip_with_its_own(
    bootstrap: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bootstrap.importlib.util, "find_spec", lambda name: name in {"pip", "venv"} or None)
    monkeypatch.setattr(bootstrap.shutil, "which", lambda name: None)
    bootstrap.LOCAL.mkdir()
    bootstrap.make_environment()
    assert bootstrap.usable()


def test_killed_installation_is_begun_anew_and_leaves_nothing_running(bootstrap: ModuleType) -> None:
    bootstrap.LOCAL.mkdir()
    bootstrap.make_environment()
    # Stands for pip: it says who it is, and would go on for ever.
    pid_file = bootstrap.LOCAL / "pid"
    writing = f"import os, time, pathlib; pathlib.Path({str(pid_file)!r}).write_text(str(os.getpid())); time.sleep(600)"
    code = (
        f"import runpy, sys; bootstrap = runpy.run_path({bootstrap.__file__!r});"
        f" bootstrap['UNFINISHED'].touch(); bootstrap['run']([sys.executable, '-c', {writing!r}], cure='')"
    )
    process = subprocess.Popen([sys.executable, "-I", "-c", code])
    assert wait_until(lambda: pid_file.exists() and pid_file.read_text() != "", seconds=30)
    pid = int(pid_file.read_text())
    process.kill()
    process.wait()
    assert wait_until(lambda: not psutil.pid_exists(pid), seconds=30)
    assert not bootstrap.usable()
    bootstrap.prepare(with_tools=False)
    assert bootstrap.usable()
    assert bootstrap.up_to_date(bootstrap.fingerprints(with_tools=False))


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel of Linux alone passes it on")
def test_what_make_started_ends_when_make_is_killed(bootstrap: ModuleType, tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"
    code = (
        f"import runpy, os, time, pathlib; runpy.run_path({bootstrap.__file__!r})['end_with_make']();"
        f" pathlib.Path({str(pid_file)!r}).write_text(str(os.getpid())); time.sleep(600)"
    )
    (tmp_path / "Makefile").write_text(f"all:\n\t@exec '{sys.executable}' -I -c \"{code}\"\n")
    make = subprocess.Popen([shutil.which("make"), "-C", str(tmp_path)], stdout=subprocess.DEVNULL)
    assert wait_until(lambda: pid_file.exists() and pid_file.read_text() != "", seconds=30)
    pid = int(pid_file.read_text())
    make.kill()
    make.wait()
    assert wait_until(lambda: not psutil.pid_exists(pid), seconds=30)


@pytest.mark.parametrize("goal", ["run", "test", "lint", "reset"])
def test_make_without_a_python_that_is_new_enough_says_so(goal: str, tmp_path: Path) -> None:
    for name in ("python3", "python3.11", "python3.12", "python3.13"):
        (tmp_path / name).write_text("#!/bin/sh\nexit 1\n")
        (tmp_path / name).chmod(0o755)
    make, path = shutil.which("make"), {"PATH": str(tmp_path)}
    result = subprocess.run([make, goal], cwd=places.CLONE, env=path, capture_output=True, text=True, check=False)
    assert result.returncode == 2
    assert "Superapp needs Python 3.11 or newer." in result.stderr


def test_make_alone_explains_itself() -> None:
    make, path = shutil.which("make"), {"PATH": os.environ["PATH"]}
    result = subprocess.run([make], cwd=places.CLONE, env=path, capture_output=True, text=True, check=True)
    assert [line.split()[1] for line in result.stdout.splitlines() if line.startswith("make")] == [
        "run", "test", "lint", "bench", "soak", "backup", "restore", "reset", "messages", "asyncapi", "requirements",
    ]  # fmt: skip
