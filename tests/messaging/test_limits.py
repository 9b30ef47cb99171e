"""How much one person, and one conversation, may be sent at once."""

from uuid import uuid4

import pytest

from messaging.models import Message
from superapp.core.limits import limit_for
from tests.messaging.api import Api
from tests.realtime.people import group, person

pytestmark = pytest.mark.django_db


def answers(api: Api, conversation_id: int, count: int) -> list[tuple[int, dict]]:
    found = []
    for number in range(count):
        path = f"conversations/{conversation_id}/messages/"
        response = api.call("POST", path, {"kind": "text", "text": "x"}, key=f"00000000-0000-4000-8000-{number:012d}")
        found.append((response.status_code, response.json(), response.get("Retry-After")))
    return found


def test_the_eleventh_message_of_a_second_is_too_many(settings: object) -> None:
    # A second that is long enough for the slowest machine.
    settings.LIMITS_OVERRIDES = {"messaging.send.user": (10, 3600)}  # type: ignore[attr-defined]
    ada, bo = person("Ada"), person("Bo")
    conversation_id = group(ada, bo)
    *taken, (status, refusal, retry_after) = answers(Api(ada), conversation_id, 11)
    assert [status for status, _body, _after in taken] == [201] * 10
    assert (status, refusal["error"]["code"]) == (429, "too_many_requests")
    assert int(retry_after) == refusal["error"]["details"]["retry_after_seconds"] >= 1
    assert Message.objects.filter(conversation_id=conversation_id, kind="text").count() == 10
    # Whoever else is there is not affected.
    assert Api(bo).send(conversation_id)["seq"] == 12


def test_a_conversation_takes_forty_a_second_whoever_sends(settings: object) -> None:
    settings.LIMITS_OVERRIDES = {  # type: ignore[attr-defined]
        "messaging.send.user": (10, 3600),
        "messaging.send.conversation": (40, 14_400),
    }
    members = [person(f"p{number}") for number in range(5)]
    conversation_id, other_id = group(*members), group(*members)
    for member in members[:4]:
        assert {status for status, _body, _after in answers(Api(member), conversation_id, 10)} == {201}
    assert Api(members[4]).send_refused(conversation_id) == (429, "too_many_requests")
    assert Message.objects.filter(conversation_id=conversation_id, kind="text").count() == 40
    Api(members[4]).send(other_id)


def test_strangers_cannot_use_up_what_a_conversation_may_take(settings: object) -> None:
    settings.LIMITS_OVERRIDES = {"messaging.send.conversation": (5, 3600)}  # type: ignore[attr-defined]
    ada, eve = person("Ada"), person("Eve")
    conversation_id = group(ada, person("Bo"))
    for _ in range(8):
        assert Api(eve).send_refused(conversation_id) == (404, "not_found")
    assert Api(ada).send(conversation_id)["seq"] == 2


def test_nor_can_who_was_removed(settings: object) -> None:
    settings.LIMITS_OVERRIDES = {"messaging.send.conversation": (5, 3600)}  # type: ignore[attr-defined]
    ada, bo = person("Ada"), person("Bo")
    conversation_id, key = group(ada, bo), str(uuid4())
    sent = Api(bo).send(conversation_id, key=key)
    Api(ada).ok("DELETE", f"conversations/{conversation_id}/members/{bo.id}/", status=204)
    for _ in range(8):
        assert Api(bo).send_refused(conversation_id) == (404, "not_found")
    # They still make sure of what they sent before.
    assert Api(bo).send(conversation_id, key=key) == sent
    Api(ada).send(conversation_id)


def test_the_limits_are_those_of_the_architecture() -> None:
    for action, capacity in (("messaging.send.user", 10), ("messaging.send.conversation", 40)):
        limit = limit_for(action)
        assert (limit.capacity, limit.per_seconds, limit.fails_open) == (capacity, 1, True)
