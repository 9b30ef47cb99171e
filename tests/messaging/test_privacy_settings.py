"""What people allow others: to find them, to ask them, to know that they are there."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from messaging import services
from messaging.errors import TakesNoRequests
from messaging.models import FriendRequest, Friendship, Membership, Message
from superapp.accounts import services as accounts
from superapp.realtime import presence
from superapp.realtime.models import KeptEvent
from tests.messaging.api import Api
from tests.messaging.conftest import Wire
from tests.realtime.people import Device, befriend, friends, group, person, say, sign_in

pytestmark = pytest.mark.django_db
ASK = "friend-requests/"
UNTOUCHED = {
    "shares_read_marks": False,
    "is_found_by_handle": True,
    "is_found_by_phone": False,
    "addable_by": "everybody",
    "presence_for": "friends",
}


def choose(who: Device, **choice: Any) -> dict:
    return dict(Api(who).ok("PATCH", "messaging-settings/", choice))


def with_phone(name: str, phone: str) -> Device:
    user = accounts.create_user(phone=phone, display_name=name)
    return sign_in(user.id, "")


def shown_card(to: Device, of: Device) -> tuple[int, int]:
    """A friend of ``to`` shows them the contact card of ``of``: the conversation and the row."""
    shower = person("Di")
    conversation_id = befriend(shower, to)
    seq = say(shower, conversation_id)
    Message.objects.filter(conversation_id=conversation_id, seq=seq).update(kind="contact", body={"user_id": of.id})
    return conversation_id, seq


def test_settings_are_what_one_chose(wire: Wire) -> None:
    ada = person("Ada")
    assert Api(ada).get("messaging-settings/") == UNTOUCHED
    wire.pushes()
    chosen = choose(ada, addable_by="card", presence_for="nobody")
    assert chosen == UNTOUCHED | {"addable_by": "card", "presence_for": "nobody"}
    assert choose(ada, is_found_by_phone=True) == chosen | {"is_found_by_phone": True}
    first, _second = wire.pushes()
    assert (first[0], first[1]["type"]) == ([f"user:{ada.id}"], "messaging_settings.changed")
    event_id = first[1]["payload"].pop("event_id")
    assert first[1]["payload"] == chosen
    assert KeptEvent.objects.filter(user_id=ada.user_id, id=event_id).exists()


def test_settings_take_only_what_there_is_to_choose() -> None:
    ada = person("Ada")
    for body in ({"addable_by": "friends"}, {"addable_by": None}, {"presence_for": "everybody"}, {"presence_for": 1}):
        assert Api(ada).refused("PATCH", "messaging-settings/", body) == (400, "invalid_input")
    assert Api(ada).get("messaging-settings/") == UNTOUCHED


def test_each_way_to_ask_is_written_down() -> None:
    ada, bo = person("Ada"), with_phone("Bo", "+33612345678")
    choose(bo, is_found_by_phone=True)
    group_id = group(ada, bo)
    Friendship.objects.filter(user_id__in=[ada.user_id, bo.user_id]).delete()
    card_in, seq = shown_card(ada, bo)
    ways: list[tuple[dict, str]] = [
        ({"phone": "+33 6 12 34 56 78"}, "phone"),
        ({"link": accounts.qr_card(actor_id=bo.user_id)}, "qr"),
        ({"user_id": bo.id, "conversation_id": str(group_id)}, "group"),
        ({"user_id": bo.id, "conversation_id": str(card_in), "seq": seq}, "card"),
        ({"user_id": bo.id}, "handle"),
    ]
    for body, source in ways:
        assert Api(ada).ok("POST", ASK, body)["source"] == source, body
    assert FriendRequest.objects.get(sender_id=ada.user_id, recipient_id=bo.user_id).source == "handle"


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"user_id": "1", "handle": "x"},
        {"phone": "+33612345678", "link": "x"},
        {"handle": "ada", "conversation_id": "1"},
        {"user_id": "1", "seq": 1},
        {"user_id": "1", "conversation_id": "1", "seq": 0},
        {"user_id": "1", "source": "qr"},
        {"handle": "ada", "source": "card"},
    ],
)
def test_nobody_says_themselves_how_they_came(body: dict) -> None:
    assert Api(person("Ada")).refused("POST", ASK, body) == (400, "invalid_input")


def test_who_is_not_found_can_still_be_asked_by_card_and_in_a_group() -> None:
    ada, bo = person("Ada"), person("Bo")
    choose(bo, is_found_by_handle=False)
    for body in ({"handle": bo.handle}, {"user_id": bo.id}):
        assert Api(ada).refused("POST", ASK, body) == (404, "not_found")
    assert Api(ada).ok("POST", ASK, {"link": accounts.qr_card(actor_id=bo.user_id)})["source"] == "qr"


def test_only_by_card_is_only_by_card() -> None:
    ada, bo = person("Ada"), with_phone("Bo", "+33612345678")
    group_id = group(ada, bo)
    Friendship.objects.filter(user_id__in=[ada.user_id, bo.user_id]).delete()
    choose(bo, addable_by="card", is_found_by_phone=True)
    for body in (
        {"user_id": bo.id},
        {"phone": "+33612345678"},
        {"user_id": bo.id, "conversation_id": str(group_id)},
    ):
        assert Api(ada).refused("POST", ASK, body) == (403, "takes_no_requests")
    assert FriendRequest.objects.filter(recipient_id=bo.user_id, sender_id=ada.user_id).count() == 0
    conversation_id, seq = shown_card(ada, bo)
    by_card = {"user_id": bo.id, "conversation_id": str(conversation_id), "seq": seq}
    assert Api(ada).ok("POST", ASK, by_card)["source"] == "card"


def test_evidence_cannot_be_made_up() -> None:
    ada, bo, eve = person("Ada"), person("Bo"), person("Eve")
    choose(bo, addable_by="card")
    conversation_id, seq = shown_card(ada, bo)
    forged: list[dict] = [
        # Somebody else's conversation, another row of one's own, and a card of another person.
        {"user_id": bo.id, "conversation_id": str(conversation_id), "seq": seq + 1},
        {"user_id": bo.id, "conversation_id": str(conversation_id), "seq": seq - 1},
        {"user_id": eve.id, "conversation_id": str(conversation_id), "seq": seq},
        {"user_id": bo.id, "conversation_id": "1", "seq": 1},
        {"user_id": bo.id, "conversation_id": str(conversation_id)},
        {"user_id": bo.id, "conversation_id": "1"},
    ]
    for body in forged:
        assert Api(ada).refused("POST", ASK, body) == (404, "not_found"), body
    card = {"user_id": bo.id, "conversation_id": str(conversation_id), "seq": seq}
    assert Api(eve).refused("POST", ASK, card) == (404, "not_found")
    # One that was taken back, and one that they would have sent themselves, show nothing.
    rows = Message.objects.filter(conversation_id=conversation_id, seq=seq)
    rows.update(recalled_at=timezone.now(), body={})
    assert Api(ada).refused("POST", ASK, card) == (404, "not_found")
    rows.update(recalled_at=None, body={"user_id": bo.id}, sender_id=ada.user_id)
    assert Api(ada).refused("POST", ASK, card) == (404, "not_found")


def test_a_link_must_be_the_persons_own_and_valid() -> None:
    ada, bo = person("Ada"), person("Bo")
    choose(bo, addable_by="card")
    old = accounts.qr_card(actor_id=bo.user_id)
    new = accounts.reset_qr_card(actor_id=bo.user_id)
    assert Api(ada).refused("POST", ASK, {"link": old}) == (410, "link_ended")
    for link in ("https://elsewhere.example/l/x", "hello", new[:-1] + "_", bo.id):
        assert Api(ada).refused("POST", ASK, {"link": link}) == (404, "not_found"), link
    assert Api(bo).refused("POST", ASK, {"link": new}) == (422, "that_is_you")
    assert Api(ada).ok("POST", ASK, {"link": new})["source"] == "qr"


def test_a_group_counts_only_while_both_are_in_it() -> None:
    ada, bo, cy = person("Ada"), person("Bo"), person("Cy")
    group_id = group(cy, ada, bo)
    choose(bo, is_found_by_handle=False)
    body = {"user_id": bo.id, "conversation_id": str(group_id)}
    gone = Membership.objects.filter(conversation_id=group_id, user_id=bo.user_id)
    gone.update(left_seq=1, left_message_no=0)
    assert Api(ada).refused("POST", ASK, body) == (404, "not_found")
    gone.update(left_seq=None, left_message_no=None)
    assert Api(ada).ok("POST", ASK, body)["source"] == "group"


def test_nobody_is_asked_who_wants_to_ask_themselves() -> None:
    ada, bo = person("Ada"), person("Bo")
    choose(bo, addable_by="nobody")
    link = accounts.qr_card(actor_id=bo.user_id)
    for body in ({"handle": bo.handle}, {"link": link}):
        response = Api(ada).call("POST", ASK, body)
        assert (response.status_code, response.json()["error"]["code"]) == (403, "takes_no_requests")
        assert response.json()["error"]["details"] == {"addable_by": "nobody"}
    # They asked, so asking back is an answer.
    Api(bo).ok("POST", ASK, {"handle": ada.handle})
    assert Api(ada).ok("POST", ASK, {"handle": bo.handle})["state"] == "accepted"


def test_requests_end_after_ten_days(wire: Wire) -> None:
    ada, bo = person("Ada"), person("Bo")
    first = Api(ada).ok("POST", ASK, {"handle": bo.handle, "greeting": "Hi"})
    _age(ada, bo, timedelta(days=9, hours=23))
    assert Api(bo).all(ASK)[0]["state"] == "pending"
    _age(ada, bo, timedelta(days=10))
    assert Api(bo).all(ASK)[0]["state"] == "expired"
    assert Api(ada).all(f"{ASK}?direction=outgoing")[0]["state"] == "expired"
    assert Api(bo).refused("POST", f"{ASK}{first['id']}/accept/") == (410, "request_expired")
    assert Friendship.objects.filter(user_id=ada.user_id).count() == 0
    # It does not answer theirs, and it may be made again: a new one, of which they are told.
    assert Api(bo).ok("POST", ASK, {"handle": ada.handle})["state"] == "pending"
    FriendRequest.objects.filter(sender_id=bo.user_id).delete()
    wire.pushes()
    again = Api(ada).ok("POST", ASK, {"handle": bo.handle, "greeting": "Hi"})
    assert (again["state"], again["id"] != first["id"]) == ("pending", True)
    assert wire.types() == ["friend.requested"]
    Api(bo).ok("POST", f"{ASK}{again['id']}/accept/")


def test_a_refused_request_looks_like_one_that_nobody_answered() -> None:
    ada, bo = person("Ada"), person("Bo")
    request = Api(ada).ok("POST", ASK, {"handle": bo.handle})
    Api(bo).ok("POST", f"{ASK}{request['id']}/decline/", status=204)
    (shown,) = Api(ada).all(f"{ASK}?direction=outgoing")
    assert shown["state"] == "pending"
    _age(ada, bo, timedelta(days=11))
    (shown,) = Api(ada).all(f"{ASK}?direction=outgoing")
    assert shown["state"] == "expired"
    assert Api(bo).all(ASK)[0]["state"] == "declined"


def test_the_hundred_and_first_waiting_request_is_refused(settings: Any) -> None:
    settings.LIMITS_OVERRIDES = {"messaging.friend_request.user": (1000, 1)}
    ada, bo = person("Ada"), person("Bo")
    _waiting(ada, 98)
    for _ in range(2):
        Api(ada).ok("POST", ASK, {"handle": person("Cy").handle})
    response = Api(ada).call("POST", ASK, {"handle": bo.handle})
    assert (response.status_code, response.json()["error"]["code"]) == (429, "too_many_requests")
    assert int(response["Retry-After"]) > 8 * 86_400
    assert FriendRequest.objects.filter(recipient_id=bo.user_id).count() == 0
    # Changing one that waits is not one more, and answering somebody's makes friends.
    Api(ada).ok("POST", ASK, {"handle": _first_asked(ada), "greeting": "again"})
    Api(bo).ok("POST", ASK, {"handle": ada.handle})
    assert Api(ada).ok("POST", ASK, {"handle": bo.handle})["state"] == "accepted"
    # Ones that have ended make room.
    FriendRequest.objects.filter(sender_id=ada.user_id).update(created_at=timezone.now() - timedelta(days=11))
    Api(ada).ok("POST", ASK, {"handle": person("Di").handle})


def test_lifting_a_block_does_not_ask_again_what_it_refused() -> None:
    ada, bo = person("Ada"), person("Bo")
    request = Api(ada).ok("POST", ASK, {"handle": bo.handle})
    Api(bo).ok("PUT", f"blocks/{ada.id}/", status=204)
    assert Api(bo).all(ASK)[0]["state"] == "declined"
    Api(bo).ok("DELETE", f"blocks/{ada.id}/", status=204)
    assert Api(bo).refused("POST", f"{ASK}{request['id']}/accept/") == (409, "request_answered")
    assert Friendship.objects.filter(user_id=bo.user_id).count() == 0


def test_presence_is_shown_to_friends_who_may_see_it() -> None:
    ada = person("Ada")
    shown, away, hiding, blocking, blocked = (person(name) for name in ("Bo", "Cy", "Di", "Ed", "Flo"))
    for other in (shown, away, hiding, blocking, blocked):
        befriend(other, ada)
    stranger = person("Gus")
    choose(hiding, presence_for="nobody")
    Api(blocking).ok("PUT", f"blocks/{ada.id}/", status=204)
    Api(ada).ok("PUT", f"blocks/{blocked.id}/", status=204)
    here = (ada, shown, hiding, blocking, blocked, stranger)
    presence.note(presence.Presence(who.user_id, who.device_id, 1, 60) for who in here)
    assert Api(ada).get("friends/online/") == {"results": [{"user_id": shown.id}]}
    # Hiding it is no blindness, and what is hidden from one is hidden from all.
    assert Api(hiding).get("friends/online/") == {"results": [{"user_id": ada.id}]}
    assert Api(blocking).get("friends/online/") == Api(blocked).get("friends/online/") == {"results": []}
    assert Api(stranger).get("friends/online/") == {"results": []}
    presence.forget([presence.Presence(shown.user_id, shown.device_id, 1, 60)])
    assert Api(ada).get("friends/online/") == {"results": []}


def test_former_friends_are_not_shown() -> None:
    ada, bo, _conversation_id = friends("Ada", "Bo")
    presence.note([presence.Presence(bo.user_id, bo.device_id, 1, 60)])
    assert Api(ada).get("friends/online/")["results"] == [{"user_id": bo.id}]
    Api(bo).ok("DELETE", f"friends/{ada.id}/", status=204)
    assert Api(ada).get("friends/online/")["results"] == []


def _age(sender: Device, recipient: Device, age: timedelta) -> None:
    FriendRequest.objects.filter(sender_id=sender.user_id, recipient_id=recipient.user_id).update(
        created_at=timezone.now() - age
    )


def _waiting(sender: Device, count: int) -> None:
    FriendRequest.objects.bulk_create(
        FriendRequest(
            recipient_id=10**15 + number,
            sender_id=sender.user_id,
            id=10**15 + number,
            source="handle",
            created_at=timezone.now() - timedelta(days=1),
        )
        for number in range(count)
    )


def _first_asked(sender: Device) -> str:
    rows = FriendRequest.objects.filter(sender_id=sender.user_id, recipient_id__gt=10**16)
    recipient_id = rows.values_list("recipient_id", flat=True)[0]
    return str(Api(person("Zoe")).get(f"people/{recipient_id}/")["handle"])


def test_services_refuse_as_the_api_does() -> None:
    ada, bo = person("Ada"), person("Bo")
    choose(bo, addable_by="nobody")
    with pytest.raises(TakesNoRequests):
        services.request_friend(sender_id=ada.user_id, recipient_id=bo.user_id, source="qr")
