"""Looking for people: by handle, its beginning, or number; and who is not found by whom."""

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from superapp.accounts import services as accounts
from superapp.accounts.models import HandleDirectory, User
from superapp.core import limits
from tests.messaging.api import Api
from tests.realtime.people import Device, befriend, person, sign_in

pytestmark = pytest.mark.django_db
NUMBER = "+33612345678"


def named(handle: str, *, phone: str | None = None) -> Device:
    user = accounts.create_user(phone=phone, display_name=handle.title(), handle=handle)
    return sign_in(user.id, handle)


def found(who: Device, prefix: str) -> list[str]:
    return [profile["handle"] for profile in Api(who).get(f"people/search/?prefix={prefix}")["results"]]


def choose(who: Device, **choice: Any) -> None:
    Api(who).ok("PATCH", "messaging-settings/", choice)


def test_handles_are_found_by_how_they_begin() -> None:
    ada = person("Ada")
    for handle in ("zanna_b", "zannab", "zanna", "zann", "xzanna", "zanoa"):
        named(handle)
    assert found(ada, "zanna") == ["zanna", "zanna_b", "zannab"]
    assert found(ada, "ZANN") == ["zann", "zanna", "zanna_b", "zannab"]
    # It is text, not a pattern.
    assert found(ada, "zan%25") == found(ada, "zan_") == found(ada, "zanna{") == []
    (profile,) = Api(ada).get("people/search/?prefix=zannab")["results"]
    assert profile.keys() == {"id", "handle", "display_name", "avatar_id"}


def test_less_than_three_characters_are_not_looked_for() -> None:
    ada = person("Ada")
    for query in ("", "?prefix=", "?prefix=za", "?prefix=%20za%20", "?prefix=" + "z" * 21, "?prefix=zan&limit=100"):
        assert Api(ada).refused("GET", f"people/search/{query}") == (400, "invalid_input")


def test_ten_are_shown_and_there_is_no_next_page() -> None:
    ada = person("Ada")
    for number in range(14):
        named(f"zillow{number:02}")
    page = Api(ada).get("people/search/?prefix=zillow")
    assert page.keys() == {"results"}
    assert [profile["handle"] for profile in page["results"]] == [f"zillow{number:02}" for number in range(10)]


def test_walking_through_prefixes_ends_soon(settings: Any) -> None:
    assert limits.LIMITS["messaging.search_people.user"] == limits.Limit(300, 86_400, fails_open=False)
    assert limits.LIMITS["messaging.find_by_phone.user"] == limits.Limit(50, 86_400, fails_open=False)
    settings.LIMITS_OVERRIDES = {
        "messaging.search_people.user": (3, 86_400),
        "messaging.find_by_phone.user": (2, 86_400),
    }
    ada = person("Ada")
    walk = [Api(ada).call("GET", f"people/search/?prefix=za{letter}").status_code for letter in "abcdef"]
    assert walk == [200, 200, 200, 429, 429, 429]
    sweep = [
        Api(ada).call("POST", "people/by-phone/", {"phone": f"+3361234567{digit}"}).status_code for digit in "1234"
    ]
    assert sweep == [404, 404, 429, 429]
    # Asking to be friends by number is the same look-up.
    assert Api(ada).refused("POST", "friend-requests/", {"phone": NUMBER}) == (429, "too_many_requests")


def test_who_does_not_want_to_be_found_by_handle_is_not() -> None:
    ada, bo = person("Ada"), named("zephyr_bo")
    friend = person("Friend")
    befriend(friend, bo)
    choose(bo, is_found_by_handle=False)
    assert found(ada, "zephyr") == []
    for path in ("people/?handle=zephyr_bo", "people/?handle=zephyr_nobody"):
        response = Api(ada).call("GET", path)
        assert (response.status_code, response.json()["error"]["code"]) == (404, "not_found")
    # Friends know each other already.
    assert found(friend, "zephyr") == found(bo, "zephyr") == ["zephyr_bo"]
    assert Api(friend).get("people/?handle=zephyr_bo")["id"] == bo.id
    choose(bo, is_found_by_handle=True)
    assert found(ada, "zephyr") == ["zephyr_bo"]


def test_a_block_hides_by_every_way() -> None:
    ada, bo = person("Ada"), named("zephyr_bo", phone=NUMBER)
    choose(bo, is_found_by_phone=True)
    Api(bo).ok("PUT", f"blocks/{ada.id}/", status=204)
    assert found(ada, "zephyr") == []
    assert Api(ada).refused("GET", "people/?handle=zephyr_bo") == (404, "not_found")
    assert Api(ada).refused("POST", "people/by-phone/", {"phone": NUMBER}) == (404, "not_found")
    # The other way round nothing is hidden: who blocks may lift it.
    assert found(bo, ada.handle) == [ada.handle]


def test_former_handles_and_people_who_left_are_not_found() -> None:
    ada, bo, gone = person("Ada"), named("zorro"), named("zorra")
    Api(bo).ok("PATCH", "me/", {"handle": "zorro_new"})
    User.objects.filter(id=gone.user_id).update(is_active=False)
    assert HandleDirectory.objects.filter(handle="zorro").exists()
    assert found(ada, "zorr") == ["zorro_new"]


def test_numbers_find_who_allows_it_and_only_in_full() -> None:
    ada, bo = person("Ada"), named("zephyr_bo", phone=NUMBER)

    def ask(phone: str) -> Any:
        return Api(ada).call("POST", "people/by-phone/", {"phone": phone})

    refused, unknown = ask(NUMBER), ask("+33612345679")
    assert (refused.status_code, refused.content) == (unknown.status_code, unknown.content)
    assert (refused.status_code, set(refused.headers)) == (404, set(unknown.headers))
    choose(bo, is_found_by_phone=True)
    response = ask("+33 6 12 34 56 78")
    assert (response.status_code, response.json()["id"]) == (200, bo.id)
    assert NUMBER.encode() not in response.content
    assert ask("+3361234567").status_code in {404, 422}
    assert ask("0612345678").json()["error"]["code"] == "phone_invalid"


def test_unknown_and_unwilling_cost_the_same() -> None:
    ada, _bo = person("Ada"), named("zephyr_bo", phone=NUMBER)
    costs = set()
    for phone in (NUMBER, "+33612345679"):
        with CaptureQueriesContext(connection) as captured:
            Api(ada).call("POST", "people/by-phone/", {"phone": phone})
        costs.add(len(captured))
    assert len(costs) == 1


def test_a_search_costs_the_same_whoever_is_there() -> None:
    ada = person("Ada")
    costs = set()
    for count in (1, 30):
        for number in range(count):
            named(f"zebra{count}_{number}")
        with CaptureQueriesContext(connection) as captured:
            Api(ada).get("people/search/?prefix=zebra")
        costs.add(len(captured))
    # Who asks, the directory, the people, and which of them are shown.
    assert costs == {4}
