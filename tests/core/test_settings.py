"""Settings: nothing that must be chosen is guessed, and a refusal says which variable to set."""

import importlib
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest
from django.core.exceptions import ImproperlyConfigured

from superapp.settings import environment as env

SETTINGS = Path(env.__file__).parent
COMPLETE = {
    "SECRET_KEY": "0123456789" * 5,
    "DATABASE_URL": "postgresql://app:secret@db.example/superapp?sslmode=require",
    "REDIS_URL": "redis://redis.example:6379/0",
    "ALLOWED_HOSTS": "superapp.example, api.superapp.example",
    "PUBLIC_ORIGIN": "https://superapp.example/",
    "SIGN_IN_CODE_PROVIDER": "somewhere.TextMessages",
    "MEDIA_ROOT": "/srv/media",
    "STATIC_ROOT": "/srv/static",
    "CLIENT_ADDRESS_HEADER": "X-Real-IP",
    "PAYMENT_PIN_PEPPER": "p" * 32,
}


def load(name: str, environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The settings module as a process with this environment alone would see it."""
    for variable in ["DATABASE_OWNER_URL", "SECURE_SSL_REDIRECT", "SECURE_HSTS_SECONDS", "CELERY_BROKER_URL"]:
        monkeypatch.delenv(variable, raising=False)
    for variable in COMPLETE:
        monkeypatch.delenv(variable, raising=False)
    for variable, value in environment.items():
        monkeypatch.setenv(variable, value)
    for module in ("base", name):
        monkeypatch.delitem(sys.modules, f"superapp.settings.{module}", raising=False)
    return importlib.import_module(f"superapp.settings.{name}")


# --- Production -------------------------------------------------------------------------------------------------------


def test_production_starts_with_everything_it_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    production = load("production", COMPLETE, monkeypatch)
    assert production.DEBUG is False
    assert production.DEMO_DATA is False
    assert production.API_STRICT_DECLARATIONS is False
    assert production.SECURE_SSL_REDIRECT is True
    assert production.SECURE_HSTS_SECONDS == 31_536_000
    assert production.ALLOWED_HOSTS == ["superapp.example", "api.superapp.example"]
    assert production.PUBLIC_ORIGIN == "https://superapp.example"
    assert production.REALTIME_ORIGINS == ["https://superapp.example"]
    assert production.LOG_FORMAT == "json"
    assert "owner" not in production.DATABASES


@pytest.mark.parametrize("missing", COMPLETE)
@pytest.mark.parametrize("how", ["absent", "empty"])
def test_production_refuses_to_start_without(missing: str, how: str, monkeypatch: pytest.MonkeyPatch) -> None:
    environment = {name: value for name, value in COMPLETE.items() if name != missing}
    if how == "empty":
        environment[missing] = ""
    with pytest.raises(ImproperlyConfigured, match=rf"^{missing} is not set\."):
        load("production", environment, monkeypatch)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SECRET_KEY", "x" * 49),
        ("PAYMENT_PIN_PEPPER", "x" * 31),
        ("PUBLIC_ORIGIN", "http://superapp.example"),
        ("PUBLIC_ORIGIN", "superapp.example"),
        ("SIGN_IN_CODE_PROVIDER", "superapp.accounts.code_providers.Terminal"),
        ("SECURE_SSL_REDIRECT", "perhaps"),
        ("SECURE_HSTS_SECONDS", "a year"),
        ("DATABASE_URL", "mysql://app@db.example/superapp"),
        ("DATABASE_OWNER_URL", "db.example"),
    ],
)
def test_production_refuses_values_that_are_unsafe_or_make_no_sense(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ImproperlyConfigured, match=rf"^{name} "):
        load("production", {**COMPLETE, name: value}, monkeypatch)


def test_refusal_reaches_whoever_starts_a_process(tmp_path: Path) -> None:
    environment = {name: value for name, value in COMPLETE.items() if name != "SECRET_KEY"}
    result = subprocess.run(
        [sys.executable, "manage.py", "check"],
        cwd=SETTINGS.parents[1],
        env=environment | {"DJANGO_SETTINGS_MODULE": "superapp.settings.production"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode != 0
    assert "SECRET_KEY is not set." in result.stderr


# --- Local ------------------------------------------------------------------------------------------------------------


def test_local_settings_read_the_addresses_that_the_running_instance_left(tmp_path: Path) -> None:
    """In a clone of its own: this one may be running."""
    shutil.copytree(SETTINGS, tmp_path / "superapp" / "settings", ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "superapp" / "__init__.py").touch()
    run = tmp_path / ".local" / "run"
    run.mkdir(parents=True)
    left = {name: COMPLETE[name] for name in ("SECRET_KEY", "DATABASE_URL", "REDIS_URL")}
    left["DATABASE_URL"] = "postgresql://app:se%23cret@/superapp?host=%2Ftmp%2Fsome%20where"
    (run / "env").write_text("".join(f'{name}="{value}"\n' for name, value in left.items()))
    show = "from superapp.settings import local as s; print(s.DATABASES['default']['HOST'], s.REDIS_URL, s.DEMO_DATA)"

    def shown(**environment: str) -> str:
        command = [sys.executable, "-c", show]
        return subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True).stdout.strip()

    assert shown() == "/tmp/some where redis://redis.example:6379/0 True"
    # What the environment says goes before what the file says.
    assert shown(REDIS_URL="redis://mine") == "/tmp/some where redis://mine True"


# --- Readers of the environment ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        (
            "postgresql://ada:p%40ss@db.example:6432/superapp?sslmode=require",
            {"NAME": "superapp", "USER": "ada", "PASSWORD": "p@ss", "HOST": "db.example", "PORT": "6432"},
        ),
        ("postgres:///superapp?host=/run/pg", {"NAME": "superapp", "USER": "", "HOST": "/run/pg", "PORT": ""}),
        ("host=a,b dbname=superapp user=ada", {"NAME": "superapp", "USER": "ada", "HOST": "a,b", "PORT": ""}),
    ],
)
def test_database_is_named_in_every_form_that_psql_takes(url: str, expected: dict[str, str]) -> None:
    described = env.database(url, name="DATABASE_URL")
    assert expected.items() <= described.items()
    # Behind a pooler in transaction mode nothing may live in the session.
    assert described["DISABLE_SERVER_SIDE_CURSORS"] is True
    assert described["OPTIONS"] == env.PATIENCE | ({"sslmode": "require"} if "sslmode" in url else {})


def test_a_database_that_does_not_answer_is_given_up_unless_its_url_says_otherwise() -> None:
    assert env.database("postgresql://db.example/superapp", name="X")["OPTIONS"]["connect_timeout"] == "5"
    patient = env.database("postgresql://db.example/superapp?connect_timeout=60", name="X")
    assert patient["OPTIONS"] == env.PATIENCE | {"connect_timeout": "60"}


@pytest.mark.parametrize(("text", "value"), [("1", True), ("TRUE", True), (" on ", True), ("no", False), ("", False)])
def test_booleans_have_their_usual_words(text: str, value: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_SWITCH", text)
    assert env.boolean("SOME_SWITCH") is value
    assert env.boolean("SOME_OTHER_SWITCH", default=True) is True


def test_lists_are_separated_by_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_LIST", " a, b ,,c,")
    assert env.words("SOME_LIST") == ["a", "b", "c"]
    assert env.words("SOME_OTHER_LIST", default="x,y") == ["x", "y"]
