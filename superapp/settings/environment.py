"""The only place that reads the environment. Every reader names its variable, so a refusal can say what to set."""

import os
from collections.abc import Mapping
from ipaddress import ip_network

from django.core.exceptions import ImproperlyConfigured
from psycopg2 import ProgrammingError
from psycopg2.extensions import parse_dsn

# A server that is unreachable is given up after some seconds, as is one that went away without a word (milliseconds).
PATIENCE = {
    "connect_timeout": "5",
    "keepalives_idle": "30",
    "keepalives_interval": "10",
    "keepalives_count": "3",
    "tcp_user_timeout": "15000",
}


def required(name: str) -> str:
    value = os.environ.get(name, "")
    if not value:
        raise ImproperlyConfigured(
            f"{name} is not set. `make run` sets up everything by itself; elsewhere see docs/first-change.md."
        )
    return value


def optional(name: str, default: str = "") -> str:
    return os.environ.get(name) or default


def boolean(name: str, *, default: bool = False) -> bool:
    value = os.environ.get(name, "").strip().lower()
    if value in {"", "1", "true", "yes", "on", "0", "false", "no", "off"}:
        return default if not value else value in {"1", "true", "yes", "on"}
    raise ImproperlyConfigured(f"{name} must be true or false, not {value!r}.")


def integer(name: str, *, default: int) -> int:
    value = os.environ.get(name, "")
    try:
        return int(value) if value else default
    except ValueError:
        raise ImproperlyConfigured(f"{name} must be a whole number, not {value!r}.") from None


def words(name: str, *, default: str = "") -> list[str]:
    """A comma-separated list; blanks around the commas do not count."""
    return [word.strip() for word in optional(name, default).split(",") if word.strip()]


def path(name: str, *, default: str = "") -> str:
    """As Django's routes want it: without a slash in front, with one at the end; empty when there is none."""
    value = optional(name, default).strip("/")
    return f"{value}/" if value else ""


def networks(name: str) -> list[str]:
    """Addresses and networks (CIDR), separated by commas."""
    values = words(name)
    for value in values:
        try:
            ip_network(value)
        except ValueError:
            raise ImproperlyConfigured(
                f"{name} has {value!r} in it, which is no network such as 192.0.2.0/24."
            ) from None
    return values


def counts(name: str) -> dict[str, int]:
    """``+33:5000,*:200`` as a dictionary."""
    pairs = [word.rpartition(":")[::2] for word in words(name)]
    if not all(key and number.isdecimal() for key, number in pairs):
        raise ImproperlyConfigured(f"{name} is a list of what and how many, such as +33:5000,*:200.")
    return {key: int(number) for key, number in pairs}


def database(url: str, *, name: str) -> dict[str, object]:
    """Django's description of a Postgres URL, read by libpq's own parser, so every form that psql takes works here.

    Parameters that Django has no key for (``sslmode``, ``application_name`` …) go to the driver as they are.
    """
    try:
        parts: Mapping[str, str] = parse_dsn(url)
    except ProgrammingError:
        # Without the driver's words: they repeat the URL with its password.
        raise ImproperlyConfigured(
            f"{name} is not a Postgres URL, such as postgresql://role:password@host:5432/name."
        ) from None
    known = {"dbname", "user", "password", "host", "port"}
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": parts.get("dbname", ""),
        "USER": parts.get("user", ""),
        "PASSWORD": parts.get("password", ""),
        "HOST": parts.get("host", ""),
        "PORT": parts.get("port", ""),
        "OPTIONS": PATIENCE | {key: value for key, value in parts.items() if key not in known},
        # Threads keep their connection between requests; one that died is noticed before it is used.
        "CONN_MAX_AGE": 60,
        "CONN_HEALTH_CHECKS": True,
        # Nothing may rely on session state: pgbouncer in transaction mode hands each transaction another session.
        "DISABLE_SERVER_SIDE_CURSORS": True,
    }
