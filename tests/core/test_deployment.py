"""Django's own deployment checks, and ours, over the settings of production."""

import os
import subprocess
import sys

import pytest

from superapp.localdev import places
from tests.core.test_settings import COMPLETE


def check(**environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "manage.py", "check", "--deploy", "--fail-level", "WARNING"],
        cwd=places.CLONE,
        env={"PATH": os.environ["PATH"], "DJANGO_SETTINGS_MODULE": "superapp.settings.production"}
        | COMPLETE
        | {"SIGN_IN_CODE_PROVIDER": "somewhere.TextMessages", "STATIC_ROOT": str(places.LOCAL)}
        | environment,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )


def test_production_has_nothing_that_a_check_warns_of() -> None:
    checked = check()
    assert checked.returncode == 0, checked.stdout
    assert "System check identified no issues" in checked.stdout


@pytest.mark.parametrize(
    ("variable", "value", "warning"),
    [("SECURE_SSL_REDIRECT", "false", "security.W008"), ("SECURE_HSTS_SECONDS", "0", "security.W004")],
)
def test_what_weakens_production_is_warned_of(variable: str, value: str, warning: str) -> None:
    checked = check(**{variable: value})
    assert checked.returncode == 1
    assert warning in checked.stdout
