"""Links and QR codes: whoever holds one gets in, as often and as long as it says; everything else is only named."""

import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import segno
from django.db import IntegrityError, transaction
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from superapp.core import links, tasks
from superapp.core.errors import NotFound, TooManyRequests
from superapp.core.links import LinkEnded, ScanResult
from superapp.core.models import Link
from tests.accounts.people import Person, new_handle, person

pytestmark = pytest.mark.django_db
ME = 5
#: What the links of these tests lead to, and whose turn it was.
things = {"a": "The thing", "b": "Another"}
opened: list[tuple[int, str]] = []


def resolve(user_id: int, reference: str) -> ScanResult:
    if reference not in things:
        raise NotFound
    opened.append((user_id, reference))
    return ScanResult(title=things[reference], data={"id": reference})


@pytest.fixture(autouse=True)
def _kind() -> Iterator[None]:
    links.register("test.thing", resolve, label="Something to test")
    yield
    opened.clear()
    del links._kinds["test.thing"]


def issue(reference: str = "a", *, expires_in: timedelta | None = None, uses: int | None = None) -> str:
    return links.issue(kind="test.thing", reference=reference, expires_in=expires_in, uses=uses)


def scan(content: str) -> Any:
    return links.scan(actor_id=ME, content=content)


def token_of(url: str) -> str:
    return url.rpartition("/")[2]


def expire(url: str) -> None:
    Link.objects.filter(digest=links._digest(token_of(url))).update(expires_at=timezone.now() - timedelta(seconds=1))


# --- Our own ----------------------------------------------------------------------------------------------------------


def test_link_opens_what_it_was_issued_for() -> None:
    scanned = scan(issue())
    assert (scanned.kind, scanned.title, scanned.data) == ("test.thing", "The thing", {"id": "a"})
    assert opened == [(ME, "a")]


def test_link_is_known_to_its_holder_only() -> None:
    urls = [issue() for _ in range(50)]
    assert all(re.fullmatch(r"http://localhost:8000/l/[\w-]{24}", url) for url in urls)
    assert len(set(urls)) == 50
    stored = str(list(Link.objects.values()))
    assert not any(token_of(url) in stored for url in urls)


@pytest.mark.parametrize("spelling", ["{}", " {}\n", "{}/", "HTTP://LocalHost:8000/l/{token}", "superapp://l/{token}"])
def test_link_is_recognised_however_it_was_read(spelling: str) -> None:
    url = issue()
    assert scan(spelling.format(url, token=token_of(url))).title == "The thing"


def test_link_ends_in_time() -> None:
    url = issue(expires_in=timedelta(hours=1))
    assert scan(url).title == "The thing"
    expire(url)
    with pytest.raises(LinkEnded):
        scan(url)


def test_link_is_good_for_as_many_scans_as_it_says() -> None:
    url = issue(uses=2)
    assert [scan(url).title for _ in range(2)] == ["The thing"] * 2
    for _ in range(2):
        with pytest.raises(LinkEnded):
            scan(url)
    assert len(opened) == 2


def test_scan_that_finds_nothing_uses_nothing_up() -> None:
    url = issue("b", uses=1)
    gone = things.pop("b")
    try:
        with pytest.raises(NotFound):
            scan(url)
    finally:
        things["b"] = gone
    assert scan(url).title == "Another"


def test_revoked_links_end_and_those_to_other_things_do_not() -> None:
    first, second, other = issue("a"), issue("a", expires_in=timedelta(days=1), uses=3), issue("b")
    expired = issue("a", expires_in=timedelta(days=1))
    expire(expired)
    assert links.revoke(kind="test.thing", reference="a") == 2
    for url in (first, second):
        with pytest.raises(LinkEnded):
            scan(url)
    assert scan(other).title == "Another"
    assert links.revoke(kind="test.thing", reference="a") == 0


@pytest.mark.parametrize("token", ["", "x", "a" * 24, "a" * 25, "%", "../../etc", "a" * 3000, "a" * 23 + "é"])
def test_link_that_was_never_given_out_is_not_found(token: str) -> None:
    with pytest.raises(NotFound):
        scan(f"http://localhost:8000/l/{token}")


def test_link_of_a_kind_that_nobody_knows_any_more_is_not_found() -> None:
    url = issue()
    Link.objects.update(kind="test.forgotten")
    with pytest.raises(NotFound):
        scan(url)


def test_kind_has_to_be_registered_to_be_issued() -> None:
    with pytest.raises(AssertionError, match="registered"):
        links.issue(kind="test.unknown", reference="a", expires_in=None)


def test_uses_below_zero_are_refused_by_the_database() -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        issue(uses=-1)


# --- The one that stands ----------------------------------------------------------------------------------------------


def test_standing_link_stays_the_same_until_it_is_revoked() -> None:
    url = links.standing(kind="test.thing", reference="a")
    assert links.standing(kind="test.thing", reference="a") == url
    assert links.standing(kind="test.thing", reference="b") != url
    assert token_of(url) not in str(list(Link.objects.values()))
    links.revoke(kind="test.thing", reference="a")
    fresh = links.standing(kind="test.thing", reference="a")
    assert fresh != url
    assert scan(fresh).title == "The thing"
    with pytest.raises(LinkEnded):
        scan(url)


def test_new_secret_key_gives_a_new_standing_link_and_leaves_the_printed_ones(settings: Settings) -> None:
    url = links.standing(kind="test.thing", reference="a")
    settings.SECRET_KEY = "another" * 10
    fresh = links.standing(kind="test.thing", reference="a")
    assert fresh != url
    assert links.standing(kind="test.thing", reference="a") == fresh
    assert scan(url).title == scan(fresh).title == "The thing"


# --- What is not ours -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "host"),
    [
        ("https://example.org/a?b=c#d", "example.org"),
        ("HTTP://Example.ORG:8080", "example.org"),
        ("http://localhost:8000/api/docs/", "localhost"),
        ("http://localhost:8001/l/" + "a" * 24, "localhost"),
        ("http://localhost:8000@evil.example/l/" + "a" * 24, "evil.example"),
        ("https://localhost:8000.evil.example/l/" + "a" * 24, None),
        ("http://169.254.169.254/latest/meta-data/", "169.254.169.254"),
        ("https://[::1]/", "::1"),
    ],
)
def test_address_of_somebody_else_is_named_and_not_opened(content: str, host: str | None) -> None:
    scanned = scan(content)
    if host is None:
        assert scanned.kind == "text"
    else:
        assert (scanned.kind, scanned.title, scanned.data) == ("url", host, {"url": content, "host": host})


@pytest.mark.parametrize(
    "content",
    [
        "hello", "javascript:alert(1)", "data:text/html,<script>", "https://", "https:///x", "https://a b/", "ftp://x/",
        "https://evil.example\\@localhost:8000/l/x", "https://x:99999/", "https://[::1", "http://a\u200b.b/",
        "WIFI:S:net;;", "mailto:a@example.org", "北京", "http:x", "superapp://pay/1",
    ],
)  # fmt: skip
def test_anything_else_is_text(content: str) -> None:
    scanned = scan(content)
    assert (scanned.kind, scanned.title, scanned.data) == ("text", "", {"text": content})


# --- Over REST --------------------------------------------------------------------------------------------------------


def ask(someone: Person, content: Any) -> Any:
    return someone.api.call("POST", "/api/v1/scan/", {"content": content})


def test_scan_answers_with_what_the_link_opens() -> None:
    ada = person()
    assert ask(ada, issue()).json() == {"kind": "test.thing", "title": "The thing", "data": {"id": "a"}}
    assert ask(ada, "hello").json() == {"kind": "text", "title": "", "data": {"text": "hello"}}
    used = issue(uses=1)
    assert ask(ada, used).status_code == 200
    assert (ask(ada, used).status_code, ask(ada, used).json()["error"]["code"]) == (410, "link_ended")
    unknown = ask(ada, "http://localhost:8000/l/" + "a" * 24)
    assert (unknown.status_code, unknown.json()["error"]["details"]) == (404, {})


@pytest.mark.parametrize("content", ["", "  ", None, 7, "x" * 4297, "a\0b"])
def test_scan_of_what_no_code_can_hold_is_refused(content: Any) -> None:
    assert ask(person(), content).status_code == 400


def test_who_tries_many_is_stopped(settings: Settings) -> None:
    settings.LIMITS_OVERRIDES = {"links.scan.user": (3, 3600.0)}
    ada, bo = person(), person()
    assert [ask(ada, f"http://localhost:8000/l/{n:024}").status_code for n in range(5)] == [404] * 3 + [429] * 2
    assert ask(bo, "hello").status_code == 200
    with pytest.raises(TooManyRequests):
        links.scan(actor_id=ada.id, content=issue())


def test_own_card_shows_who_one_is_until_it_is_reset() -> None:
    ada, bo = person(handle=new_handle(), display_name="Ada Lovelace"), person()
    card = ada.api.get("/api/v1/me/qr/").json()
    assert set(card) == {"url", "svg"}
    assert ada.api.get("/api/v1/me/qr/").json() == card
    profile = bo.api.get(f"/api/v1/people/{ada.id}/").json()
    shown = ask(bo, card["url"]).json()
    assert (shown["kind"], shown["title"]) == ("person", "Ada Lovelace")
    assert shown["data"].items() <= profile.items()
    assert set(shown["data"]) == {"id", "handle", "display_name", "avatar_id"}
    fresh = ada.api.call("POST", "/api/v1/me/qr/").json()
    assert fresh["url"] != card["url"]
    assert ada.api.get("/api/v1/me/qr/").json() == fresh
    assert ask(bo, card["url"]).status_code == 410
    assert ask(bo, fresh["url"]).status_code == 200


def test_card_of_somebody_who_left_shows_nobody() -> None:
    ada, bo = person(), person()
    url = ada.api.get("/api/v1/me/qr/").json()["url"]
    type(ada.session.user).objects.filter(id=ada.id).update(is_active=False)
    assert ask(bo, url).status_code == 404


# --- Pictures and pages -----------------------------------------------------------------------------------------------


def test_picture_is_the_code_of_the_url_and_holds_nothing_that_runs() -> None:
    url = issue()
    picture = links.svg(url)
    root = ElementTree.fromstring(picture)
    assert root.tag.endswith("svg")
    modules = segno.make(url, error="m", micro=False).symbol_size(border=4)
    assert root.attrib["viewBox"] == f"0 0 {modules[0]} {modules[1]}"
    assert not re.search("script|style|href|class", picture)


def test_browser_sees_what_a_link_is_and_a_way_into_the_app() -> None:
    url = issue(uses=1)
    response = Client().get(f"/l/{token_of(url)}", HTTP_ACCEPT="text/html")
    page = response.content.decode()
    assert response.status_code == 200
    assert "<h1>Something to test</h1>" in page
    assert f'href="superapp://l/{token_of(url)}"' in page
    assert "<svg" in page
    assert "The thing" not in page
    # Nothing that the strict policy of every page would refuse.
    assert not re.search(r"<script|<style| style=| on\w+=", page)
    policy = response["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert (response["Cache-Control"], response["Referrer-Policy"]) == ("no-store", "no-referrer")
    # Looking at it did not use it up.
    assert scan(url).title == "The thing"


def test_page_of_a_link_speaks_the_readers_language() -> None:
    page = Client().get(f"/l/{token_of(issue())}", HTTP_ACCEPT_LANGUAGE="zh-CN").content.decode()
    assert '<html lang="zh-hans"' in page


@pytest.mark.parametrize(("token", "status"), [("a" * 24, 404), ("x", 404), ("ended", 410)])
def test_page_of_a_link_that_opens_nothing(token: str, status: int) -> None:
    if token == "ended":
        url = issue(expires_in=timedelta(days=1))
        expire(url)
        token = token_of(url)
    assert Client().get(f"/l/{token}", HTTP_ACCEPT="text/html").status_code == status


def test_strangers_who_try_links_are_stopped(settings: Settings) -> None:
    settings.LIMITS_OVERRIDES = {"links.open.address": (3, 3600.0)}
    answers = [Client().get(f"/l/{n:024}", HTTP_X_FORWARDED_FOR=f"10.0.0.{n}").status_code for n in range(5)]
    assert answers == [404] * 3 + [429] * 2
    assert Client().post(f"/l/{token_of(issue())}").status_code == 405


def test_token_does_not_stand_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    token = token_of(issue())
    with caplog.at_level("INFO"):
        Client().get(f"/l/{token}")
    assert "/l/…" in caplog.text
    assert token not in caplog.text


def test_ended_links_are_forgotten_after_a_while(settings: Settings) -> None:
    ended, long_ended, valid = issue(), issue(), issue()
    for url, days in ((ended, 29), (long_ended, 31)):
        Link.objects.filter(digest=links._digest(token_of(url))).update(
            expires_at=timezone.now() - timedelta(days=days)
        )
    tasks.forget_old()
    assert scan(valid).title == "The thing"
    with pytest.raises(LinkEnded):
        scan(ended)
    with pytest.raises(NotFound):
        scan(long_ended)


# --- For whoever answers to what was scanned --------------------------------------------------------------------------


def reference_of(content: str, *, kind: str = "test.thing") -> str:
    return links.reference_of(actor_id=ME, content=content, kind=kind)


def test_what_a_link_leads_to_is_told_without_using_it_up() -> None:
    link = issue("a", uses=1)
    assert [reference_of(content) for content in (link, f" {link}/ ")] == ["a", "a"]
    assert opened == []
    assert scan(link).data == {"id": "a"}
    with pytest.raises(LinkEnded):
        reference_of(link)


@pytest.mark.parametrize("content", ["", "x", "https://elsewhere.example/", "superapp://l/AAAAAAAAAAAAAAAAAAAAAAAA"])
def test_what_is_no_link_leads_nowhere(content: str) -> None:
    with pytest.raises(NotFound):
        reference_of(content)


def test_link_of_another_kind_leads_nowhere() -> None:
    with pytest.raises(NotFound):
        reference_of(links.standing(kind="person", reference="1"))


def test_asking_what_a_link_leads_to_counts_as_a_scan(settings: Settings) -> None:
    settings.LIMITS_OVERRIDES = {"links.scan.user": (1, 60)}
    link = issue()
    reference_of(link)
    with pytest.raises(TooManyRequests):
        reference_of(link)


def test_link_that_expires_is_shown_again_until_then() -> None:
    soon = timezone.now() + timedelta(minutes=1)
    first = links.standing(kind="test.thing", reference="a", expires_at=soon)
    assert links.standing(kind="test.thing", reference="a", expires_at=soon) == first
    assert Link.objects.get(kind="test.thing").expires_at == soon
    expire(first)
    assert links.standing(kind="test.thing", reference="a", expires_at=soon) != first
    with pytest.raises(LinkEnded):
        scan(first)
