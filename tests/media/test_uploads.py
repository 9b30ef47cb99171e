"""Uploading: what is kept, what is refused, and what happens when a phone sends the same thing twice."""

import io
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.core.files.storage import FileSystemStorage
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import DataError
from pytest_django import Settings

from superapp.core.errors import TooManyRequests
from superapp.core.models import OutboxEvent
from superapp.media import services
from superapp.media.errors import FileTooLarge
from superapp.media.models import Asset
from tests.media import images
from tests.media.conftest import PURPOSE, Person, files_in, stored

UPLOADS = "/api/v1/media/"


def nothing_kept(media_root: Path) -> bool:
    return not Asset.objects.exists() and not OutboxEvent.objects.exists() and not files_in(media_root)


def code(response: Any) -> str:
    return str(response.json()["error"]["code"])


def test_an_uploaded_photo_is_shown_at_once(person: Person, media_root: Path) -> None:
    response = person.upload(images.photo_of_a_phone(6), name="IMG 2041.HEIC")
    assert response.status_code == 201
    shown = response.json()
    asset = Asset.objects.get()
    (file,) = files_in(media_root)
    assert shown == {
        "id": str(asset.id),
        "kind": "photo",
        "purpose": PURPOSE,
        "content_type": "image/jpeg",
        "name": "",
        "width": 48,
        "height": 64,
        "duration_ms": None,
        "waveform": None,
        "size_bytes": file.stat().st_size,
        "state": "processing",
        "refusal": "",
        "created_at": f"{asset.created_at:%Y-%m-%dT%H:%M:%S.%f}Z",
        "variants": {
            "original": {
                "url": shown["variants"]["original"]["url"],
                "width": 48,
                "height": 64,
                "content_type": "image/jpeg",
            }
        },
        "expires_at": shown["expires_at"],
    }
    assert person.asset(asset.id).json()["id"] == str(asset.id)
    # Nothing of the person's own name for it is left, not even an extension.
    assert "IMG" not in str(file)
    assert file.suffix == ""


def test_a_stored_photo_waits_for_its_worker(person: Person) -> None:
    asset = stored(person)
    event = OutboxEvent.objects.get()
    assert event.handler == "superapp.media.handlers.queue_variants"
    assert event.event == {"asset_id": asset.id, "owner_id": person.id}


# --- Refusals ---------------------------------------------------------------------------------------------------------


@pytest.mark.filterwarnings("error::PIL.Image.DecompressionBombWarning")
@pytest.mark.parametrize("name", images.REFUSED)
def test_refused_and_nothing_kept(name: str, person: Person, media_root: Path) -> None:
    file_name, content, expected = images.REFUSED[name]
    response = person.upload(content, name=file_name)
    status = {"image_too_large": 422, "file_damaged": 422, "unsupported_media": 415}[expected]
    assert (response.status_code, code(response)) == (status, expected)
    assert nothing_kept(media_root)


class Unread(io.BytesIO):
    """A body that nobody may look at."""

    def read(self, *_: Any) -> bytes:
        raise AssertionError("the body was read")

    readline = read


@pytest.mark.parametrize(
    ("query", "megabytes", "expected"),
    [
        ("", 101, "body_too_large"),
        (f"?purpose={PURPOSE}", 50, "file_too_large"),
        ("?purpose=message&kind=photo", 21, "file_too_large"),
        ("?purpose=message&kind=voice", 21, "file_too_large"),
    ],
)
def test_what_is_announced_as_too_large_is_refused_unread(
    query: str, megabytes: int, expected: str, person: Person, media_root: Path
) -> None:
    environ: dict[str, Any] = {"CONTENT_LENGTH": str(megabytes * 1024 * 1024), "wsgi.input": Unread()}
    response = person.client.generic(
        "POST",
        UPLOADS + query,
        data=b"x",
        content_type="multipart/form-data; boundary=x",
        headers={"Idempotency-Key": str(uuid4())},
        **environ,
    )
    assert (response.status_code, code(response)) == (413, expected)
    assert nothing_kept(media_root)


def test_fifty_megabytes_sent_are_refused(person: Person, media_root: Path) -> None:
    response = person.upload(bytes(50 * 1024 * 1024))
    assert (response.status_code, code(response)) == (413, "file_too_large")
    assert response.json()["error"]["details"] == {"max_bytes": 1024 * 1024}
    assert nothing_kept(media_root)


def test_fifty_megabytes_behind_a_small_announcement_are_not_read(person: Person, media_root: Path) -> None:
    content = images.jpeg() + bytes(50 * 1024 * 1024)
    body = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.jpg"\r\n\r\n' + content + b"\r\n--x--\r\n"
    response = person.client.generic(
        "POST",
        UPLOADS,
        data=body,
        content_type="multipart/form-data; boundary=x",
        headers={"Idempotency-Key": str(uuid4())},
        CONTENT_LENGTH="2000",
    )
    assert response.status_code == 400
    assert nothing_kept(media_root)


def test_a_purpose_may_take_less_than_the_door(person: Person, media_root: Path) -> None:
    response = person.upload(images.jpeg() + bytes(1024 * 1024))
    assert (response.status_code, code(response)) == (413, "file_too_large")
    assert response.json()["error"]["details"] == {"max_bytes": 1024 * 1024}
    assert nothing_kept(media_root)


def test_the_service_checks_size_for_callers_without_a_door(person: Person, media_root: Path) -> None:
    file = SimpleUploadedFile("a.jpg", bytes(50 * 1024 * 1024))
    with pytest.raises(FileTooLarge):
        services.store(owner_id=person.id, file=file, purpose=PURPOSE, client_id=uuid4())
    assert nothing_kept(media_root)


@pytest.mark.parametrize(
    ("form", "status", "expected"),
    [
        ({"purpose": "nobody.knows"}, 422, "purpose_unknown"),
        ({"purpose": "test.sound"}, 415, "unsupported_media"),
        ({"purpose": ""}, 400, "invalid_input"),
        ({"purpose": "x\0y"}, 400, "invalid_input"),
        ({"file": "only text"}, 400, "invalid_input"),
        ({"extra": "field"}, 400, "invalid_input"),
    ],
)
def test_wrong_forms(form: dict[str, str], status: int, expected: str, person: Person, media_root: Path) -> None:
    response = person.upload(images.jpeg(), **form)
    assert (response.status_code, code(response)) == (status, expected)
    assert nothing_kept(media_root)


def test_a_form_without_a_file(person: Person, media_root: Path) -> None:
    response = person.client.post(UPLOADS, {"purpose": PURPOSE}, headers={"Idempotency-Key": str(uuid4())})
    assert (response.status_code, code(response)) == (400, "invalid_input")
    assert list(response.json()["error"]["details"]["fields"]) == ["file"]
    assert nothing_kept(media_root)


@pytest.mark.parametrize("content_type", ["application/json", "image/jpeg", "multipart/form-data"])
def test_a_body_that_is_no_form(content_type: str, person: Person, media_root: Path) -> None:
    headers = {"Idempotency-Key": str(uuid4())}
    response = person.client.generic("POST", UPLOADS, images.jpeg(), content_type, headers=headers)
    assert response.status_code in {400, 415}
    assert nothing_kept(media_root)


def test_a_key_is_required(person: Person, media_root: Path) -> None:
    for headers in ({}, {"Idempotency-Key": "not a uuid"}):
        file = SimpleUploadedFile("a.jpg", images.jpeg())
        response = person.client.post(UPLOADS, {"purpose": PURPOSE, "file": file}, headers=headers)
        assert (response.status_code, code(response)) == (400, "invalid_input")
    assert nothing_kept(media_root)


def test_only_signed_in_people_upload(person: Person, media_root: Path) -> None:
    person.client.defaults.pop("HTTP_AUTHORIZATION")
    response = person.upload(images.jpeg())
    assert (response.status_code, code(response)) == (401, "unauthenticated")
    assert nothing_kept(media_root)


def test_uploads_are_limited(person: Person, settings: Settings) -> None:
    settings.LIMITS_OVERRIDES = {"media.upload.user": (2, 3600)}
    assert [person.upload(images.jpeg()).status_code for _ in range(3)] == [201, 201, TooManyRequests.status]
    assert Asset.objects.count() == 2


def test_a_storage_that_is_away_is_said_so(person: Person, media_root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(FileSystemStorage, "_save", full)
    response = person.upload(images.jpeg())
    assert (response.status_code, code(response)) == (503, "unavailable")
    assert nothing_kept(media_root)


def test_a_row_that_cannot_be_written_takes_its_file_along(person: Person, media_root: Path) -> None:
    file = SimpleUploadedFile("a.jpg", images.jpeg())
    with pytest.raises(DataError):
        services.store(owner_id=2**63, file=file, purpose=PURPOSE, client_id=uuid4())
    assert nothing_kept(media_root)


# --- Repetition -------------------------------------------------------------------------------------------------------


def test_a_repeated_upload_is_the_first_one(person: Person, media_root: Path) -> None:
    key = uuid4()
    first = person.upload(images.jpeg(), key=key)
    again = person.upload(images.jpeg(), key=key, name="renamed.png")
    assert (again.status_code, again.json()["id"]) == (201, first.json()["id"])
    assert "Idempotent-Replayed" not in first.headers
    assert again.headers["Idempotent-Replayed"] == "true"
    assert (Asset.objects.count(), OutboxEvent.objects.count(), len(files_in(media_root))) == (1, 1, 1)


@pytest.mark.parametrize(
    "changed", [{"purpose": "test.other"}, {"content": images.jpeg(65, 48)}], ids=["purpose", "content"]
)
def test_a_key_is_good_for_one_upload(changed: dict[str, Any], person: Person, media_root: Path) -> None:
    key = uuid4()
    person.upload(images.jpeg(), key=key)
    response = person.upload(**{"content": images.jpeg(), "key": key, **changed})
    assert (response.status_code, code(response)) == (409, "idempotency_conflict")
    assert (Asset.objects.count(), len(files_in(media_root))) == (1, 1)


def test_a_refused_upload_does_not_use_up_its_key(person: Person) -> None:
    key = uuid4()
    assert person.upload(images.SVG, key=key).status_code == 415
    assert person.upload(images.jpeg(), key=key).status_code == 201


def test_keys_of_two_people_do_not_meet(person: Person, other: Person) -> None:
    key = uuid4()
    first, second = person.upload(images.jpeg(), key=key), other.upload(images.png(), key=key)
    assert (first.status_code, second.status_code) == (201, 201)
    assert first.json()["id"] != second.json()["id"]
