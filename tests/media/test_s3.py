"""Files in a bucket, of a real S3 server in a process of its own: written, handed out for a moment, and deleted."""

import http.client
import socket
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import boto3
import httpx
import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from superapp.localdev import processes
from superapp.media import services
from superapp.media.models import Asset
from superapp.media.s3 import MOMENT_SECONDS
from tests.media import films, images
from tests.media.conftest import EVERYTHING, PURPOSE, Person, stored
from tests.media.test_links import NOT_FOUND, attach, link, refused
from tests.media.test_sound_and_film import deliver_outbox, upload

BUCKET = "private"
KEYS = {"access_key": "AKIATEST", "secret_key": "secret"}


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    log = tmp_path_factory.mktemp("s3") / "log"
    with log.open("ab") as output:
        child = processes.spawn(
            [Path(sys.executable).with_name("moto_server"), "-H", "127.0.0.1", "-p", str(port)], output=output
        )
    try:
        assert processes.wait_until(lambda: answers(port) or not child.alive(), seconds=30), log.read_text()
        assert child.alive(), log.read_text()
        yield f"http://127.0.0.1:{port}"
    finally:
        child.stop()


def answers(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
    try:
        connection.request("GET", "/moto-api/data.json")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


@pytest.fixture(autouse=True)
def bucket(endpoint: str, settings: Settings) -> Any:
    """The files are there from now on; empty at first, and strangers read nothing."""
    store = boto3.resource(
        "s3",
        endpoint_url=endpoint,
        region_name="us-east-1",
        aws_access_key_id=KEYS["access_key"],
        aws_secret_access_key=KEYS["secret_key"],
    ).create_bucket(Bucket=BUCKET)
    store.objects.all().delete()
    options = {"bucket_name": BUCKET, "endpoint_url": endpoint, "region_name": "us-east-1", **KEYS}
    settings.STORAGES = {
        **settings.STORAGES,
        "default": {
            "BACKEND": "superapp.media.s3.PrivateBucket",
            "OPTIONS": {**options, "location": "uploads", "addressing": "path"},
        },
    }
    return store


def keys(bucket: Any) -> set[str]:
    return {entry.key for entry in bucket.objects.all()}


def fetch(url: str, **headers: str) -> httpx.Response:
    """Our answer is a redirect to the store, which is followed over the network."""
    parts = urlsplit(url)
    moved = Client().get(f"{parts.path}?{parts.query}")
    assert (moved.status_code, moved["Cache-Control"]) == (302, "no-store")
    return httpx.get(moved["Location"], headers=headers, trust_env=False)


def test_a_photo_lives_in_the_bucket_under_a_random_key(bucket: Any, person: Person) -> None:
    asset = stored(person, images.jpeg(300, 200))
    services.make_variants(asset_id=asset.id)
    assert keys(bucket) == {
        f"uploads/{key}" for key in (asset.storage_key, *asset.variants.values_list("storage_key", flat=True))
    }
    response = fetch(link(person, asset, "thumb"))
    assert response.status_code == 200
    assert images.decoded(response.content).size == (32, 21)
    assert response.headers["Content-Type"] == "image/jpeg"
    assert response.headers["Content-Disposition"] == "inline"


def test_the_stores_own_address_works_for_a_moment(person: Person) -> None:
    parts = urlsplit(link(person, stored(person)))
    moved = urlsplit(Client().get(f"{parts.path}?{parts.query}")["Location"])
    query = parse_qs(moved.query)
    assert query["X-Amz-Expires"] == [str(MOMENT_SECONDS)]
    assert MOMENT_SECONDS <= 60
    assert query["X-Amz-Algorithm"] == ["AWS4-HMAC-SHA256"]
    assert KEYS["secret_key"] not in moved.query


def test_detaching_ends_what_leads_to_the_store(person: Person) -> None:
    asset = stored(person)
    attach(asset)
    url = link(person, asset)
    assert fetch(url).status_code == 200
    services.detach(purpose=PURPOSE, reference="1:1")
    assert refused(Client().get(url)) == NOT_FOUND


def test_sound_and_film_are_made_from_the_bucket_and_into_it(bucket: Any, person: Person) -> None:
    for kind, content in (("voice", films.recorded("whatsapp opus")), ("video", films.film())):
        asset = upload(person, kind, content)
        raw = asset.storage_key
        services.make_variants(asset_id=asset.id)
        assert f"uploads/{raw}" in keys(bucket)
        deliver_outbox()
        assert f"uploads/{raw}" not in keys(bucket)
        url = person.asset(asset.id).json()["variants"]["original"]["url"]
        whole = fetch(url).content
        assert films.length(whole) > 0.5
        part = fetch(url, Range="bytes=10-19")
        assert (part.status_code, part.content) == (206, whole[10:20])


def test_a_file_is_saved_and_never_run(person: Person) -> None:
    response = person.upload(films.HTML, purpose=EVERYTHING, kind="file", name="page é.html")
    answer = fetch(response.json()["variants"]["original"]["url"])
    assert answer.content == films.HTML
    assert answer.headers["Content-Type"] == "application/octet-stream"
    assert answer.headers["Content-Disposition"].startswith("attachment; ")


def test_large_files_are_sent_in_parts_and_arrive_whole(person: Person) -> None:
    content = bytes(range(256)) * (12 * 4096)
    response = person.upload(content, purpose=EVERYTHING, kind="file", name="large.bin")
    assert fetch(response.json()["variants"]["original"]["url"]).content == content


def test_what_nobody_uses_leaves_the_bucket(bucket: Any, person: Person) -> None:
    asset = stored(person)
    services.make_variants(asset_id=asset.id)
    Asset.objects.update(unused_since=timezone.now() - timedelta(days=2))
    assert services.delete_orphans(older_than=timedelta(days=1), batch=10) == 1
    assert keys(bucket) == set()


def test_a_store_that_refuses_or_is_away_is_said_so(bucket: Any, person: Person, settings: Settings) -> None:
    refusing = {**settings.STORAGES["default"]["OPTIONS"], "bucket_name": "nobodys"}
    away = {**refusing, "endpoint_url": "http://127.0.0.1:9"}
    for options in (refusing, away):
        settings.STORAGES = {**settings.STORAGES, "default": {**settings.STORAGES["default"], "OPTIONS": options}}
        response = person.upload(images.jpeg())
        assert (response.status_code, response.json()["error"]["code"]) == (503, "unavailable")
    assert not Asset.objects.exists()
