"""Asking, accepting, declining, naming and ending: who is whose friend."""

import pytest
from django.utils import timezone

from messaging import services
from messaging.errors import RequestAnswered
from messaging.models import DirectPair, FriendRequest, Friendship, Message
from superapp.core.ids import new_id
from superapp.realtime.models import KeptEvent
from tests.messaging.api import Api, untouched
from tests.messaging.conftest import Wire
from tests.realtime.people import Device, befriend, friends, person

pytestmark = pytest.mark.django_db


def ask(sender: Device, recipient: Device, greeting: str = "") -> dict:
    body = {"handle": recipient.handle, "greeting": greeting}
    return dict(Api(sender).ok("POST", "friend-requests/", body))


def incoming(of: Device) -> list[dict]:
    return Api(of).all("friend-requests/?direction=incoming")


def outgoing(of: Device) -> list[dict]:
    return Api(of).all("friend-requests/?direction=outgoing")


def profile(of: Device) -> dict:
    return dict(Api(of).get(f"people/{of.id}/"))


def test_request_and_acceptance_make_friends_with_the_greeting_as_first_row() -> None:
    ada, bo = person("Ada"), person("Bo")
    request = ask(ada, bo, "Hi, it is Ada")
    assert request == {
        "id": request["id"],
        "sender": profile(ada),
        "recipient": profile(bo),
        "source": "handle",
        "greeting": "Hi, it is Ada",
        "state": "pending",
        "created_at": request["created_at"],
    }
    assert incoming(bo) == outgoing(ada) == [request]
    assert (incoming(ada), outgoing(bo)) == ([], [])

    friend = Api(bo).ok("POST", f"friend-requests/{request['id']}/accept/")
    conversation_id = friend["conversation_id"]
    assert friend == {
        "user": profile(ada),
        "remark": "",
        "tag_ids": [],
        "source": "handle",
        "conversation_id": conversation_id,
        "created_at": friend["created_at"],
    }
    assert Api(bo).all("friends/") == [friend]
    (mine,) = Api(ada).all("friends/")
    assert (mine["user"], mine["conversation_id"]) == (profile(bo), conversation_id)
    assert incoming(bo)[0]["state"] == outgoing(ada)[0]["state"] == "accepted"

    (row,) = Api(ada).history(conversation_id)
    assert (row["seq"], row["kind"], row["sender_id"]) == (1, "friends_now", ada.id)
    assert row["body"] == {"greeting": "Hi, it is Ada"}
    assert Api(bo).history(conversation_id) == [row]
    assert Api(bo).conversation(conversation_id)["mine"] == untouched(unread=1, peer=profile(ada))
    assert Api(ada).conversation(conversation_id)["mine"]["unread"] == 0


def test_both_are_told_by_push_and_by_sync(wire: Wire) -> None:
    ada, bo = person("Ada"), person("Bo")
    request = ask(ada, bo)
    ((topics, frame),) = wire.pushes()
    assert (topics, frame["type"]) == ([f"user:{bo.id}"], "friend.requested")
    event_id = frame["payload"].pop("event_id")
    assert frame["payload"] == request == incoming(bo)[0]
    (kept,) = KeptEvent.objects.filter(user_id=bo.user_id)
    assert (str(kept.id), kept.type, kept.payload) == (event_id, "friend.requested", request | {"event_id": event_id})

    friend = Api(bo).ok("POST", f"friend-requests/{request['id']}/accept/")
    pushed = [(topics, frame) for topics, frame in wire.pushes() if frame["type"] == "friend.added"]
    told = {topics[0]: {k: v for k, v in frame["payload"].items() if k != "event_id"} for topics, frame in pushed}
    assert told == {
        f"user:{ada.id}": {"user_id": bo.id, "conversation_id": friend["conversation_id"]},
        f"user:{bo.id}": {"user_id": ada.id, "conversation_id": friend["conversation_id"]},
    }


def test_asking_back_accepts() -> None:
    ada, bo = person("Ada"), person("Bo")
    ask(ada, bo, "first")
    assert ask(bo, ada, "second")["state"] == "accepted"
    (friend,) = Api(bo).all("friends/")
    assert friend["user"] == profile(ada)
    # The greeting is that of the request which was open.
    assert [row["body"] for row in Api(ada).history(friend["conversation_id"])] == [{"greeting": "first"}]
    assert [request["state"] for request in incoming(ada) + incoming(bo)] == ["accepted", "accepted"]


def test_accepting_twice_is_accepting_once(wire: Wire) -> None:
    ada, bo = person("Ada"), person("Bo")
    path = f"friend-requests/{ask(ada, bo)['id']}/accept/"
    first = Api(bo).ok("POST", path)
    wire.pushes()
    assert Api(bo).ok("POST", path) == first
    assert wire.types() == []
    assert len(Api(ada).history(first["conversation_id"])) == 1


def test_asking_again_is_the_same_request_and_tells_nobody_twice(wire: Wire) -> None:
    ada, bo = person("Ada"), person("Bo")
    first = ask(ada, bo, "hi")
    wire.pushes()
    assert ask(ada, bo, "hi") == first
    assert wire.types() == []
    assert KeptEvent.objects.filter(user_id=bo.user_id).count() == 1
    # Other words are news, and the request is still the one that Bo may be about to answer.
    changed = ask(ada, bo, "it is me, Ada")
    assert changed == {**first, "greeting": "it is me, Ada"}
    assert wire.types() == ["friend.requested"]
    assert incoming(bo) == [changed]
    Api(bo).ok("POST", f"friend-requests/{first['id']}/accept/")


def test_asking_again_after_a_refusal_is_a_new_request() -> None:
    ada, bo = person("Ada"), person("Bo")
    first = ask(ada, bo, "hi")
    Api(bo).ok("POST", f"friend-requests/{first['id']}/decline/", status=204)
    second = ask(ada, bo, "hi")
    assert second["id"] != first["id"]
    assert incoming(bo) == [second]
    assert Api(bo).refused("POST", f"friend-requests/{first['id']}/accept/") == (404, "not_found")
    Api(bo).ok("POST", f"friend-requests/{second['id']}/accept/")


def test_whom_one_has_blocked_one_cannot_ask() -> None:
    ada, bo = person("Ada"), person("Bo")
    Api(ada).ok("PUT", f"blocks/{bo.id}/", status=204)
    body = {"user_id": bo.id, "greeting": "hi"}
    assert Api(ada).refused("POST", "friend-requests/", body) == (422, "you_blocked_them")
    assert incoming(bo) == []


def test_no_request_of_either_direction_outlives_becoming_friends() -> None:
    """Asked, blocked by the one who was asked, unblocked, asked back: two requests were on their way."""
    ada, bo = person("Ada"), person("Bo")
    old = ask(bo, ada, "first")
    FriendRequest.objects.create(
        recipient_id=bo.user_id, sender_id=ada.user_id, id=new_id(), source="handle", created_at=timezone.now()
    )
    assert Api(ada).ok("POST", f"friend-requests/{old['id']}/accept/")["user"]["id"] == bo.id
    assert [request["state"] for request in incoming(ada) + incoming(bo)] == ["accepted", "accepted"]
    (friend,) = Api(bo).all("friends/")
    assert len(Api(ada).history(friend["conversation_id"])) == 1


def test_who_was_declined_is_not_told(wire: Wire) -> None:
    ada, bo = person("Ada"), person("Bo")
    request = ask(ada, bo)
    wire.pushes()
    Api(bo).ok("POST", f"friend-requests/{request['id']}/decline/", status=204)
    Api(bo).ok("POST", f"friend-requests/{request['id']}/decline/", status=204)
    assert wire.types() == []
    assert incoming(bo)[0]["state"] == "declined"
    assert outgoing(ada) == [request]
    assert KeptEvent.objects.filter(user_id=ada.user_id).count() == 0
    assert Api(bo).refused("POST", f"friend-requests/{request['id']}/accept/") == (409, "request_answered")
    assert Friendship.objects.filter(user_id=ada.user_id).count() == 0
    # Asking again after that looks like asking for the first time.
    assert ask(ada, bo)["state"] == "pending"
    assert incoming(bo)[0]["state"] == "pending"


def test_what_was_accepted_cannot_be_declined() -> None:
    ada, bo = person("Ada"), person("Bo")
    request = ask(ada, bo)
    Api(bo).ok("POST", f"friend-requests/{request['id']}/accept/")
    assert Api(bo).refused("POST", f"friend-requests/{request['id']}/decline/") == (409, "request_answered")
    assert len(Api(bo).all("friends/")) == 1


def test_only_the_recipient_can_answer() -> None:
    ada, bo, eve = person("Ada"), person("Bo"), person("Eve")
    request = ask(ada, bo)
    for stranger in (ada, eve):
        for answer in ("accept", "decline"):
            assert Api(stranger).refused("POST", f"friend-requests/{request['id']}/{answer}/") == (404, "not_found")
    assert FriendRequest.objects.get(recipient_id=bo.user_id).state == "pending"


def test_requests_that_make_no_sense_are_refused_and_leave_nothing(wire: Wire) -> None:
    ada, bo, _conversation = friends("Ada", "Bo")
    wire.pushes()
    before = FriendRequest.objects.count()
    api = Api(ada)
    assert api.refused("POST", "friend-requests/", {"handle": ada.handle}) == (422, "that_is_you")
    assert api.refused("POST", "friend-requests/", {"handle": bo.handle}) == (409, "already_friends")
    assert api.refused("POST", "friend-requests/", {"user_id": "1"}) == (404, "not_found")
    assert api.refused("POST", "friend-requests/", {"handle": "nobody"}) == (404, "not_found")
    for body in (
        {},
        {"handle": bo.handle, "user_id": bo.id},
        {"user_id": 7},
        {"user_id": "9223372036854775808"},
        {"user_id": "-1"},
        {"handle": bo.handle, "source": "radio"},
        {"handle": bo.handle, "greeting": "x" * 101},
        {"handle": bo.handle, "greeting": "a\0b"},
        {"handle": bo.handle, "mood": "good"},
    ):
        assert api.refused("POST", "friend-requests/", body) == (400, "invalid_input"), body
    assert (FriendRequest.objects.count(), wire.types()) == (before, [])


def test_friendship_ends_on_both_sides_and_the_history_stays() -> None:
    ada, bo, conversation_id = friends("Ada", "Bo")
    Api(ada).send(conversation_id, "before")
    Api(ada).ok("DELETE", f"friends/{bo.id}/", status=204)
    assert Api(ada).all("friends/") == Api(bo).all("friends/") == []
    assert Api(ada).refused("GET", f"friends/{bo.id}/") == (404, "not_found")
    assert Api(bo).refused("DELETE", f"friends/{ada.id}/") == (404, "not_found")
    for side in (ada, bo):
        assert Api(side).send_refused(conversation_id) == (403, "not_friends")
        assert [row["body"] for row in Api(side).history(conversation_id)][1:] == [{"text": "before"}]


def test_friends_again_talk_on_in_the_same_conversation() -> None:
    ada, bo, conversation_id = friends("Ada", "Bo")
    Api(bo).ok("DELETE", f"friends/{ada.id}/", status=204)
    assert befriend(bo, ada, greeting="sorry") == conversation_id
    Api(ada).send(conversation_id, "never mind")
    assert [row["seq"] for row in Api(ada).history(conversation_id)] == [1, 2, 3]
    assert DirectPair.objects.filter(conversation_id=conversation_id).count() == 1


def test_remarks_are_ones_own() -> None:
    ada, bo, _conversation = friends("Ada", "Bo")
    assert Api(ada).ok("PATCH", f"friends/{bo.id}/", {"remark": "Bo from work"})["remark"] == "Bo from work"
    assert Api(ada).get(f"friends/{bo.id}/")["remark"] == "Bo from work"
    assert Api(bo).get(f"friends/{ada.id}/")["remark"] == ""
    assert Api(ada).ok("PATCH", f"friends/{bo.id}/", {"remark": ""})["remark"] == ""
    assert Api(ada).refused("PATCH", f"friends/{bo.id}/", {"remark": "x" * 41}) == (400, "invalid_input")
    assert Api(person("Eve")).refused("PATCH", f"friends/{bo.id}/", {"remark": "x"}) == (404, "not_found")


def test_friends_are_listed_newest_first_page_by_page_both_ways() -> None:
    ada = person("Ada")
    others = [person(name) for name in ("Bo", "Cy", "Di", "Em", "Flo")]
    for other in others:
        befriend(other, ada)
    expected = [other.id for other in reversed(others)]

    def ids(page: dict) -> list[str]:
        return [friend["user"]["id"] for friend in page["results"]]

    first = Api(ada).get("friends/?limit=2")
    second = Api(ada).get(first["next"])
    third = Api(ada).get(second["next"])
    assert ids(first) + ids(second) + ids(third) == expected
    assert (first["previous"], third["next"]) == (None, None)
    assert ids(Api(ada).get(third["previous"])) == ids(second)
    assert ids(Api(ada).get(second["previous"])) == ids(first)


def test_thirty_first_request_of_a_day_is_refused() -> None:
    ada = person("Ada")
    for number in range(30):
        ask(ada, person(f"p{number}"))
    late = person("Late")
    response = Api(ada).call("POST", "friend-requests/", {"handle": late.handle})
    assert (response.status_code, response.json()["error"]["code"]) == (429, "too_many_requests")
    assert int(response["Retry-After"]) == response.json()["error"]["details"]["retry_after_seconds"] > 0
    assert incoming(late) == []


def test_people_are_found_by_their_exact_handle() -> None:
    ada, bo = person("Ada"), person("Bo")
    assert Api(ada).get(f"people/?handle={bo.handle.upper()}") == profile(bo)
    assert Api(ada).refused("GET", f"people/?handle={bo.handle[:-1]}") == (404, "not_found")
    assert Api(ada).refused("GET", "people/?handle=%00") == (400, "invalid_input")
    assert Api(ada).refused("GET", "people/") == (400, "invalid_input")
    assert Api(ada).refused("GET", "people/1/") == (404, "not_found")
    assert set(profile(bo)) == {"id", "handle", "display_name", "avatar_id"}


def test_greeting_row_counts_as_unread_for_who_accepted_only() -> None:
    ada, bo, conversation_id = friends("Ada", "Bo")
    (row,) = Message.objects.filter(conversation_id=conversation_id)
    assert (row.seq, row.message_no) == (1, 1)
    assert [Api(side).conversation(conversation_id)["mine"]["unread"] for side in (ada, bo)] == [0, 1]


def test_request_from_or_to_somebody_who_is_blocked_by_then_makes_no_friends() -> None:
    for blocker_is_sender in (True, False):
        ada, bo = person(), person()
        request = services.request_friend(sender_id=ada.user_id, recipient_id=bo.user_id, source="handle")
        blocker, blocked = (ada, bo) if blocker_is_sender else (bo, ada)
        services.block(actor_id=blocker.user_id, user_id=blocked.user_id)
        with pytest.raises(RequestAnswered):
            services.accept_friend_request(actor_id=bo.user_id, request_id=request.id)
        assert not Friendship.objects.filter(user_id__in=[ada.user_id, bo.user_id]).exists()
