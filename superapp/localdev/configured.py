"""Where Django was configured to keep things, in the words of the programs that copy them."""

from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.files.storage import FileSystemStorage, storages

from superapp.localdev import database
from superapp.localdev.progress import Problem


def configured_url(alias: str) -> str:
    """What Django was configured with, as the driver takes it. Raises ``Problem`` where there is no owner."""
    if alias not in settings.DATABASES:
        raise Problem(
            "DATABASE_OWNER_URL is not set.",
            cure="Set it to the database of DATABASE_URL, as the role that owns it and may create roles and databases.",
        )
    configured: dict[str, Any] = settings.DATABASES[alias]
    keys = {"NAME": "dbname", "USER": "user", "PASSWORD": "password", "HOST": "host", "PORT": "port"}
    parts = {name: configured[key] for key, name in keys.items() if configured[key]}
    return database.as_url(parts | configured["OPTIONS"])


def media_root() -> Path | None:
    """The directory of media; null where another storage has them."""
    storage = storages["default"]
    return Path(storage.location) if isinstance(storage, FileSystemStorage) else None


def media_storage() -> str:
    """The other storage's name, for people."""
    storage = storages["default"]
    bucket = getattr(storage, "bucket_name", None)
    return f"the bucket {bucket}" if bucket else type(storage).__name__
