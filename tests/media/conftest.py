"""A purpose of these tests' own, people, and a storage that is empty at first."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from pytest_django import Settings

from superapp.accounts import services as accounts
from superapp.media import registry, services
from superapp.media.models import Asset
from tests.media import images

PURPOSE, EVERYTHING = "test.photo", "test.everything"
#: (viewer id, reference): what the purpose lets people see besides their own.
rights: set[tuple[int, str]] = set()
#: What ``may_view`` was asked.
asked: list[tuple[int, set[str]]] = []


def may_view(viewer_id: int, references: set[str]) -> set[str]:
    asked.append((viewer_id, references))
    return {reference for reference in references if (viewer_id, reference) in rights}


registry.register_purpose(
    PURPOSE, kinds={"photo"}, max_bytes=1024 * 1024, variants={"thumb": 32, "large": 128}, may_view=may_view
)
registry.register_purpose(
    "test.other", kinds={"photo"}, max_bytes=1024 * 1024, variants={}, may_view=lambda viewer_id, references: references
)
registry.register_purpose(
    EVERYTHING,
    kinds={"photo", "voice", "video", "file"},
    max_bytes=100 * 1024 * 1024,
    variants={"thumb": 32},
    may_view=may_view,
)
registry.register_purpose(
    "test.sound", kinds=set(), max_bytes=1024, variants={}, may_view=lambda viewer_id, references: references
)


@dataclass
class Person:
    id: int
    client: Client

    def upload(self, content: bytes, *, name: str = "photo.jpg", key: Any = None, **form: Any) -> Any:
        """POST /api/v1/media/ with a fresh key unless one is given; returns the response."""
        fields = {"purpose": PURPOSE, "file": SimpleUploadedFile(name, content), **form}
        return self.client.post("/api/v1/media/", fields, headers={"Idempotency-Key": str(key or uuid4())})

    def asset(self, asset_id: object) -> Any:
        return self.client.get(f"/api/v1/media/{asset_id}/")


def make_person() -> Person:
    user = accounts.create_user(phone=None, display_name="Somebody")
    session = accounts.start_session(user_id=user.id, device_name="test", platform="terminal")
    return Person(user.id, Client(headers={"Authorization": f"Bearer {session.access.text}"}))


def stored(owner: Person, content: bytes | None = None, *, purpose: str = PURPOSE) -> Asset:
    file = SimpleUploadedFile("photo.jpg", content or images.jpeg())
    return services.store(owner_id=owner.id, file=file, purpose=purpose, client_id=uuid4())


@pytest.fixture
def person(db: None) -> Person:
    return make_person()


@pytest.fixture
def other(db: None) -> Person:
    return make_person()


@pytest.fixture(autouse=True)
def media_root(tmp_path: Path, settings: Settings) -> Path:
    settings.MEDIA_ROOT = str(tmp_path)
    return tmp_path


@pytest.fixture(autouse=True)
def _no_rights() -> Iterator[None]:
    yield
    rights.clear()
    asked.clear()


def files_in(root: Path) -> list[Path]:
    return sorted(path for path in root.rglob("*") if path.is_file())
