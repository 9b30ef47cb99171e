"""Any file: kept as it is, handed out to be saved and never to be run; and how much anybody may leave lying about."""

from pathlib import Path
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import pytest
from django.test import Client
from pytest_django import Settings

from superapp.accounts import services as accounts
from superapp.accounts.models import User
from superapp.core.models import OutboxEvent
from superapp.media import sniff
from superapp.media.models import Asset
from tests.media import films, images
from tests.media.conftest import EVERYTHING, Person, files_in
from tests.media.test_links import NOT_FOUND, attach, fetch, link, refused


def upload(person: Person, content: bytes = b"%PDF-1.7 report", name: str = "report.pdf", **form: Any) -> Any:
    return person.upload(content, purpose=EVERYTHING, kind="file", name=name, **form)


def test_a_file_is_kept_as_it_is_and_ready_at_once(person: Person, media_root: Path) -> None:
    content = images.photo_of_a_phone(1)
    shown = upload(person, content, "IMG_1.jpg").json()
    assert (shown["kind"], shown["state"], shown["name"]) == ("file", "ready", "IMG_1.jpg")
    assert (shown["width"], shown["height"], shown["duration_ms"]) == (None, None, None)
    assert fetch(shown["variants"]["original"]["url"]).file == content
    assert not OutboxEvent.objects.exists()
    (kept,) = files_in(media_root)
    assert "IMG" not in str(kept)
    attach(Asset.objects.get())


@pytest.mark.parametrize(
    ("name", "content", "content_type"),
    [
        ("page.html", films.HTML, "application/octet-stream"),
        ("picture.svg", films.SVG, "application/octet-stream"),
        ("report.pdf", b"%PDF-1.7", "application/pdf"),
        ("page.pdf", films.HTML, "application/octet-stream"),
        ("letter.docx", b"PK\x03\x04", "application/zip"),
        ("script.js", b"alert(1)", "application/octet-stream"),
        ("photo.html", images.jpeg(), "image/jpeg"),
    ],
)
def test_a_file_is_saved_and_never_run(name: str, content: bytes, content_type: str, person: Person) -> None:
    response = fetch(upload(person, content, name).json()["variants"]["original"]["url"])
    assert response["Content-Type"] == content_type
    assert response["Content-Disposition"] == f'attachment; filename="{name}"'
    assert response["X-Content-Type-Options"] == "nosniff"
    assert response["Content-Security-Policy"] == "sandbox; default-src 'none'"


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("report.pdf", "report.pdf"),
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\ada\\plan.txt", "plan.txt"),
        (".bashrc", "bashrc"),
        ("a\r\nSet-Cookie: x=1.txt", "aSet-Cookie: x=1.txt"),
        ("invoice\u202efdp.exe", "invoicefdp.exe"),
        ("  two   spaces .txt ", "two spaces .txt"),
        ("预算 été.xlsx", "预算 été.xlsx"),
        ("x" * 300 + ".docx", "x" * 115 + ".docx"),
        ("x" * 300, "x" * 120),
        ("...", "file"),
        ("\0", "file"),
        ("", "file"),
    ],
)
def test_names_are_made_harmless(given: str, kept: str) -> None:
    assert sniff.clean_name(given) == kept
    assert sniff.clean_name(kept) == kept


def test_a_name_in_any_script_arrives(person: Person) -> None:
    response = fetch(upload(person, name="预算.pdf").json()["variants"]["original"]["url"])
    assert response["Content-Disposition"] == f"attachment; filename*=utf-8''{quote('预算.pdf')}"


# --- Parts of files ---------------------------------------------------------------------------------------------------


@pytest.fixture
def url(person: Person) -> str:
    return str(upload(person, bytes(range(256)) * 10).json()["variants"]["original"]["url"])


def part(url: str, value: str, **headers: str) -> Any:
    response: Any = Client().get(url, headers={"Range": value, **headers})
    response.file = b"".join(response)
    return response


@pytest.mark.parametrize(
    ("asked", "first", "last"),
    [
        ("bytes=0-0", 0, 0),
        ("bytes=0-1", 0, 1),
        ("bytes=100-299", 100, 299),
        ("bytes=2500-", 2500, 2559),
        ("bytes=2500-999999", 2500, 2559),
        ("bytes=-10", 2550, 2559),
        ("bytes=-999999", 0, 2559),
    ],
)
def test_players_get_the_part_that_they_ask_for(asked: str, first: int, last: int, url: str) -> None:
    response = part(url, asked)
    assert response.status_code == 206
    assert response.file == (bytes(range(256)) * 10)[first : last + 1]
    assert response["Content-Range"] == f"bytes {first}-{last}/2560"
    assert response["Content-Length"] == str(last - first + 1)
    assert response["Accept-Ranges"] == "bytes"
    assert response["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize("asked", ["bytes=2560-", "bytes=9999-99999", "bytes=-0"])
def test_parts_that_there_are_not(asked: str, url: str) -> None:
    response = part(url, asked)
    assert (response.status_code, response["Content-Range"]) == (416, "bytes */2560")


@pytest.mark.parametrize(
    "asked", ["bytes=0-1,5-6", "bytes=5-1", "bytes=-", "lines=1-2", "bytes=a-b", "bytes=٣-", "0-5"]
)
def test_what_is_no_single_part_gets_the_whole(asked: str, url: str) -> None:
    response = part(url, asked)
    assert (response.status_code, len(response.file)) == (200, 2560)


def test_a_part_of_another_file_is_the_whole_of_this_one(url: str) -> None:
    tag = Client().get(url)["ETag"]
    assert part(url, "bytes=0-9", **{"If-Range": tag}).status_code == 206
    assert part(url, "bytes=0-9", **{"If-Range": '"another"'}).status_code == 200


# --- Links end with the sign-in ---------------------------------------------------------------------------------------


def test_links_end_when_their_device_signs_out(person: Person) -> None:
    asset = Asset.objects.get(id=int(upload(person).json()["id"]))
    second = accounts.start_session(user_id=person.id, device_name="second", platform="ios")
    elsewhere = Person(person.id, Client(headers={"Authorization": f"Bearer {second.access.text}"}))
    here, there = link(person, asset), link(elsewhere, asset)
    assert [fetch(url).status_code for url in (here, there)] == [200, 200]
    assert person.client.post("/api/v1/auth/sign-out/").status_code in {200, 204}
    assert refused(fetch(here)) == NOT_FOUND
    assert fetch(there).status_code == 200
    assert refused(fetch(there, device=here.partition("device=")[2].partition("&")[0])) == NOT_FOUND


def test_links_end_when_their_person_is_deactivated(person: Person) -> None:
    asset = Asset.objects.get(id=int(upload(person).json()["id"]))
    url = link(person, asset)
    User.objects.filter(id=person.id).update(is_active=False)
    assert refused(fetch(url)) == NOT_FOUND


# --- How much ---------------------------------------------------------------------------------------------------------


def test_what_is_not_used_is_limited_and_using_it_makes_room(
    person: Person, other: Person, settings: Settings, media_root: Path
) -> None:
    settings.MEDIA_MAX_UNUSED_BYTES = 250
    first = upload(person, bytes(100))
    assert upload(person, bytes(100)).status_code == 201
    response = upload(person, bytes(100))
    assert (response.status_code, response.json()["error"]["code"]) == (413, "quota_exceeded")
    assert response.json()["error"]["details"] == {"used_bytes": 200, "max_bytes": 250}
    assert len(files_in(media_root)) == 2
    assert upload(other, bytes(100)).status_code == 201
    attach(Asset.objects.get(id=int(first.json()["id"])))
    assert upload(person, bytes(100)).status_code == 201


def test_a_days_bytes_are_limited(person: Person, settings: Settings) -> None:
    settings.LIMITS_OVERRIDES = {"media.upload_kib.user": (100, 86_400)}
    assert upload(person, bytes(70 * 1024)).status_code == 201
    response = upload(person, bytes(70 * 1024))
    assert (response.status_code, response.json()["error"]["code"]) == (429, "too_many_requests")
    assert int(response.headers["Retry-After"]) > 0


def test_a_retry_needs_no_room(person: Person, settings: Settings) -> None:
    settings.MEDIA_MAX_UNUSED_BYTES = 150
    key = uuid4()
    assert upload(person, bytes(100), key=key).status_code == 201
    assert upload(person, bytes(100), key=key).headers["Idempotent-Replayed"] == "true"
