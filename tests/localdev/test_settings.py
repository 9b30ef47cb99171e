"""Settings have no default for a secret: without it nothing starts, and the refusal names the variable."""

import subprocess
import sys

import pytest

from superapp.localdev import places

PRODUCTION = {
    "DJANGO_SETTINGS_MODULE": "superapp.settings.production",
    "SECRET_KEY": "k" * 50,
    "DATABASE_URL": "postgresql://app@host/name",
    "REDIS_URL": "redis://host/0",
    "ALLOWED_HOSTS": "superapp.example",
    "PUBLIC_ORIGIN": "https://superapp.example",
    "SIGN_IN_CODE_PROVIDER": "example.Provider",
    "MEDIA_ROOT": "/srv/media",
    "STATIC_ROOT": "/srv/static",
    "CLIENT_ADDRESS_HEADER": "X-Real-IP",
    "PAYMENT_PIN_PEPPER": "p" * 32,
}


def load(environment: dict[str, str]) -> "subprocess.CompletedProcess[str]":
    code = "from django.conf import settings; print(settings.DEBUG, settings.DEMO_DATA)"
    return subprocess.run(
        [sys.executable, "-c", code], env=environment, cwd=places.CLONE, capture_output=True, text=True, check=False
    )


def test_production_starts_when_everything_is_given() -> None:
    assert load(PRODUCTION).stdout == "False False\n"


@pytest.mark.parametrize("missing", [name for name in PRODUCTION if name != "DJANGO_SETTINGS_MODULE"])
def test_production_refuses_to_start_without(missing: str) -> None:
    result = load({name: value for name, value in PRODUCTION.items() if name != missing})
    assert result.returncode == 1
    assert f"ImproperlyConfigured: {missing} is not set." in result.stderr


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SECRET_KEY", "short"),
        ("PUBLIC_ORIGIN", "http://superapp.example"),
        ("SIGN_IN_CODE_PROVIDER", "superapp.accounts.code_providers.Terminal"),
        ("DATABASE_URL", "postgresql:/:/"),
    ],
)
def test_production_refuses_what_is_not_safe(name: str, value: str) -> None:
    result = load(PRODUCTION | {name: value})
    assert result.returncode == 1
    assert f"ImproperlyConfigured: {name}" in result.stderr
