"""Who sees what, and how long a link works."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
import time_machine
from django.conf import settings as django_settings
from django.db import transaction
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from superapp.media import services
from superapp.media.models import Asset
from tests.media import images
from tests.media.conftest import PURPOSE, Person, asked, rights, stored

LIFETIME_SECONDS = django_settings.MEDIA_URL_LIFETIME.total_seconds()


def attach(asset: Asset, reference: str = "1:1") -> None:
    with transaction.atomic():
        services.attach(asset_ids=[asset.id], owner_id=asset.owner_id, purpose=asset.purpose, reference=reference)


def link(viewer: Person, asset: Asset, name: str = "original") -> str:
    return str(viewer.asset(asset.id).json()["variants"][name]["url"])


def fetch(url: str, **changes: str) -> Any:
    """As an image loader does, without a sign-in; ``changes`` replace parts of the query. The bytes are in ``file``."""
    parts = urlsplit(url)
    query = {name: values[0] for name, values in parse_qs(parts.query).items()} | changes
    response: Any = Client().get(f"{parts.path}?{urlencode(query)}")
    response.file = b"".join(response)
    return response


def refused(response: Any) -> tuple[int, str]:
    return response.status_code, response.json()["error"]["code"]


NOT_FOUND = (404, "not_found")


@pytest.fixture
def asset(person: Person) -> Asset:
    return stored(person, images.jpeg(300, 200))


# --- Who sees what ----------------------------------------------------------------------------------------------------


def test_an_upload_is_its_owners_alone(asset: Asset, person: Person, other: Person) -> None:
    rights.add((other.id, "1:1"))
    assert person.asset(asset.id).status_code == 200
    assert refused(other.asset(asset.id)) == NOT_FOUND
    assert refused(other.asset(asset.id + 1)) == NOT_FOUND
    assert asked == []


def test_what_it_hangs_on_decides_who_else_sees_it(asset: Asset, person: Person, other: Person) -> None:
    attach(asset)
    assert refused(other.asset(asset.id)) == NOT_FOUND
    rights.add((other.id, "1:1"))
    assert other.asset(asset.id).json()["id"] == str(asset.id)
    rights.clear()
    assert refused(other.asset(asset.id)) == NOT_FOUND
    assert person.asset(asset.id).status_code == 200


def test_a_list_shows_what_one_may_see_in_the_order_asked(person: Person, other: Person) -> None:
    mine, shown, hidden = stored(other), stored(person), stored(person)
    attach(shown, "1:1")
    attach(hidden, "2:2")
    rights.add((other.id, "1:1"))
    ids = f"{shown.id},{hidden.id},12345,{mine.id},{shown.id}"
    response = other.client.get(f"/api/v1/media/?ids={ids}")
    assert [entry["id"] for entry in response.json()["results"]] == [str(shown.id), str(mine.id)]
    assert asked == [(other.id, {"1:1", "2:2"})]


@pytest.mark.parametrize("ids", ["", "abc", "1,,2", "1;2", "-1", "9" * 20, ",".join(["1"] * 101)])
def test_lists_that_make_no_sense(ids: str, person: Person) -> None:
    response = person.client.get("/api/v1/media/", {"ids": ids})
    assert (response.status_code, list(response.json()["error"]["details"]["fields"])) == (400, ["ids"])


def test_a_list_costs_the_same_for_a_hundred(
    person: Person, other: Person, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    assets = [stored(person) for _ in range(100)]
    for number, asset in enumerate(assets):
        attach(asset, f"1:{number}")
        rights.add((other.id, f"1:{number}"))
    for some in (assets[:1], assets):
        # Who is it, which assets, which variants.
        with django_assert_num_queries(3):
            response = other.client.get("/api/v1/media/", {"ids": ",".join(str(asset.id) for asset in some)})
        assert len(response.json()["results"]) == len(some)
    assert [len(references) for _, references in asked] == [1, 100]


# --- Links ------------------------------------------------------------------------------------------------------------


def test_a_link_delivers_the_file_and_nothing_that_runs(asset: Asset, person: Person) -> None:
    response = fetch(link(person, asset))
    assert response.status_code == 200
    assert images.decoded(response.file).size == (300, 200)
    assert response["Content-Type"] == "image/jpeg"
    assert int(response["Content-Length"]) == asset.size_bytes
    assert response["Content-Disposition"] == "inline"
    assert response["X-Content-Type-Options"] == "nosniff"
    assert response["Content-Security-Policy"] == "sandbox; default-src 'none'"
    private, _, age = response["Cache-Control"].partition(", max-age=")
    assert private == "private"
    assert 0 < int(age) <= LIFETIME_SECONDS


def test_every_size_has_its_link(asset: Asset, person: Person) -> None:
    services.make_variants(asset_id=asset.id)
    shown = person.asset(asset.id).json()
    assert shown["state"] == "ready"
    assert list(shown["variants"]) == ["original", "large", "thumb"]
    for name, size in {"original": (300, 200), "large": (128, 85), "thumb": (32, 21)}.items():
        entry = shown["variants"][name]
        assert (entry["width"], entry["height"]) == size
        assert images.decoded(fetch(entry["url"]).file).size == size


def test_the_secret_of_a_link_stands_in_its_query(asset: Asset, person: Person) -> None:
    url = urlsplit(link(person, asset))
    assert f"{url.scheme}://{url.netloc}" == django_settings.PUBLIC_ORIGIN
    assert url.path == f"/media/{asset.id}/original"
    assert set(parse_qs(url.query)) == {"viewer", "device", "expires", "signature"}


def test_a_link_is_for_its_viewer(asset: Asset, person: Person, other: Person) -> None:
    attach(asset)
    rights.add((other.id, "1:1"))
    url = link(other, asset)
    assert fetch(url).status_code == 200
    rights.clear()
    assert refused(fetch(url)) == NOT_FOUND
    assert fetch(link(person, asset)).status_code == 200


def test_detaching_kills_every_link_at_once(asset: Asset, person: Person, other: Person) -> None:
    """Even the owner's own, and for good: attaching it again brings none of them back."""
    services.make_variants(asset_id=asset.id)
    attach(asset)
    rights.add((other.id, "1:1"))
    urls = [link(viewer, asset, name) for viewer in (person, other) for name in ("original", "thumb")]
    assert [fetch(url).status_code for url in urls] == [200] * 4
    services.detach(purpose=PURPOSE, reference="1:1")
    assert [refused(fetch(url)) for url in urls] == [NOT_FOUND] * 4
    attach(asset)
    assert [refused(fetch(url)) for url in urls] == [NOT_FOUND] * 4
    assert fetch(link(person, asset)).status_code == 200


def test_attaching_keeps_links_alive(asset: Asset, person: Person) -> None:
    """The sender's screen shows the photo while the message is on its way."""
    url = link(person, asset)
    attach(asset)
    assert fetch(url).status_code == 200


@pytest.fixture
def clock() -> Iterator[time_machine.Traveller]:
    with time_machine.travel(datetime(2026, 11, 23, 12, 1, 7, tzinfo=UTC), tick=False) as traveller:
        yield traveller


def test_a_link_expires(clock: time_machine.Traveller, asset: Asset, person: Person) -> None:
    shown = person.asset(asset.id).json()
    url = shown["variants"]["original"]["url"]
    expires_at = datetime.fromisoformat(shown["expires_at"])
    left = (expires_at - datetime.now(UTC)).total_seconds()
    assert LIFETIME_SECONDS * 3 / 4 <= left <= LIFETIME_SECONDS
    clock.shift(left - 1)
    assert fetch(url)["Cache-Control"] == "private, max-age=1"
    clock.shift(1)
    assert refused(fetch(url)) == (410, "link_expired")
    assert refused(fetch(url, expires=str(int(expires_at.timestamp()) + 600))) == NOT_FOUND


def test_who_asks_again_gets_the_same_link(clock: time_machine.Traveller, asset: Asset, person: Person) -> None:
    """So that what a device has in its cache is found again."""
    first = link(person, asset)
    clock.shift(60)
    assert link(person, asset) == first


@pytest.mark.parametrize(
    "changes",
    [
        {"viewer": "1"},
        {"viewer": ""},
        {"viewer": "٣"},
        {"expires": "9999999999"},
        {"expires": ""},
        {"signature": ""},
        {"signature": "A" * 43},
        {"signature": "é:x\0"},
    ],
)
def test_changed_links_are_no_links(changes: dict[str, str], asset: Asset, person: Person) -> None:
    assert refused(fetch(link(person, asset), **changes)) == NOT_FOUND


def test_a_signature_is_good_for_one_file(asset: Asset, person: Person) -> None:
    services.make_variants(asset_id=asset.id)
    second = stored(person, images.png())
    url = link(person, asset)
    for path in (f"/media/{asset.id}/thumb", f"/media/{second.id}/original", f"/media/{asset.id}/nothing"):
        assert refused(fetch(url.replace(f"/media/{asset.id}/original", path))) == NOT_FOUND


@pytest.mark.parametrize("path", ["/media/", "/media/1/", "/media/99999999999999999999/original", "/media/x/original"])
def test_other_addresses_are_nothing(path: str, db: None) -> None:
    assert refused(Client().get(path)) == NOT_FOUND


def test_links_are_for_reading(asset: Asset, person: Person) -> None:
    url = link(person, asset)
    assert Client().post(url).status_code == 405
    head = Client().head(url)
    assert (head.status_code, int(head["Content-Length"]), b"".join(head)) == (200, asset.size_bytes, b"")


def test_a_fetch_takes_two_statements(
    asset: Asset, person: Person, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    services.make_variants(asset_id=asset.id)
    for name in ("original", "thumb"):
        url = link(person, asset, name)
        # Which file, and whether its viewer is still signed in.
        with django_assert_num_queries(2):
            fetch(url)
