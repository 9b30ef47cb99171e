"""Cards: posted by server code, changed in place, copied with what they say now, and forged by nobody."""

from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import transaction
from django.utils import timezone, translation

from messaging import cards, consumers, registry, services
from messaging.errors import Blocked, ConversationClosed, NotFriends
from messaging.models import CardCopy, Conversation, Message, NewestCard
from messaging.services import cards as module
from superapp.core.errors import IdempotencyConflict, InvalidInput, NotFound
from tests.messaging.api import Api
from tests.messaging.conftest import Wire
from tests.messaging.products import NOTE, PARCEL, asked, opened, parcel, post, update
from tests.messaging.test_statements import statements
from tests.realtime.people import friends, group, people, person, say

pytestmark = pytest.mark.django_db


def versions(conversation_id: int) -> list[int]:
    """What the cards of a conversation say, in the order of the log."""
    rows = Message.objects.filter(conversation_id=conversation_id, kind="card").order_by("seq")
    return [row.body["version"] for row in rows]


# --- posting ----------------------------------------------------------------------------------------------------------


def test_a_card_is_a_message_that_counts_and_says_itself_in_every_language(wire: Wire) -> None:
    ada, bo, conversation_id = friends("Ada", "Bo")
    wire.pushes()
    seq = post(ada, conversation_id)
    ((_topics, frame),) = wire.pushes()
    row = Api(bo).history(conversation_id)[-1]
    assert frame["payload"] == row
    assert (row["seq"], row["kind"], row["sender_id"], row["persona"]) == (seq, "card", ada.id, None)
    assert row["body"] == {
        "kind": PARCEL,
        "reference": "p1",
        "version": 1,
        "data": {"state": "packed"},
        "fallback": {
            "en": "Conversations: packed",
            "fr": "Conversations: packed",
            "zh-hans": "会话: packed",
        },
    }
    conversation = Api(bo).conversation(conversation_id)
    assert (conversation["mine"]["unread"], conversation["last_message"]) == (2, row)
    # Who posts has read, as who writes.
    assert Api(ada).conversation(conversation_id)["mine"]["unread"] == 0


def test_the_language_of_whoever_posts_makes_no_difference() -> None:
    with translation.override("fr"):
        body = cards.body_of(parcel())
    assert body == cards.body_of(parcel())


def test_a_retry_posts_nothing_and_gets_the_first_seq(wire: Wire) -> None:
    ada, _bo, conversation_id = friends("Ada", "Bo")
    key = uuid4()
    seq = post(ada, conversation_id, client_id=key)
    wire.pushes()
    assert post(ada, conversation_id, client_id=key) == seq
    # The thing may have moved on between the attempts.
    assert post(ada, conversation_id, parcel(state="sent", version=2), client_id=key) == seq
    assert (wire.pushes(), versions(conversation_id)) == ([], [1])
    with pytest.raises(IdempotencyConflict):
        post(ada, conversation_id, parcel("another"), client_id=key)
    text = {"kind": "text", "text": "hello"}
    assert Api(ada).send_refused(conversation_id, text, key=str(key)) == (409, "idempotency_conflict")


def test_a_card_goes_with_the_callers_transaction(wire: Wire) -> None:
    ada, bo, conversation_id = friends("Ada", "Bo")
    wire.pushes()
    key = uuid4()

    @transaction.atomic
    def pay() -> None:
        post(ada, conversation_id, client_id=key)
        raise RuntimeError("the money was not there")

    with pytest.raises(RuntimeError):
        pay()
    assert wire.pushes() == []
    assert (versions(conversation_id), CardCopy.objects.count(), NewestCard.objects.count()) == ([], 0, 0)
    # The number was given back, and the key is free.
    assert post(ada, conversation_id, client_id=key) == 2
    assert [row["seq"] for row in Api(bo).history(conversation_id)] == [1, 2]


def test_who_may_not_speak_posts_no_card() -> None:
    ada, bo, conversation_id = friends("Ada", "Bo")
    with pytest.raises(NotFound):
        post(person("Eve"), conversation_id)
    with pytest.raises(NotFound):
        post(ada, 12345)
    services.block(actor_id=bo.user_id, user_id=ada.user_id)
    with pytest.raises(Blocked):
        post(ada, conversation_id)
    services.remove_friend(actor_id=bo.user_id, friend_id=ada.user_id)
    services.unblock(actor_id=bo.user_id, user_id=ada.user_id)
    with pytest.raises(NotFriends):
        post(ada, conversation_id)
    ride, name = opened(ada, bo)
    services.close_conversation(**name)
    with pytest.raises(ConversationClosed):
        post(ada, ride)
    with pytest.raises(ConversationClosed):
        post(None, ride, persona="courier:1")
    assert CardCopy.objects.count() == 0


def test_posting_costs_the_same_whatever_the_groups_size() -> None:
    ada, bo, cy = people(3)
    small, large = group(ada, bo), group(ada, bo, cy, *people(5))
    post(ada, small)
    assert len({statements(lambda: post(ada, found)) for found in (small, large)}) == 1  # noqa: B023


@pytest.mark.parametrize(
    "wrong",
    [
        {"kind": "test.unknown"},
        {"reference": ""},
        {"reference": "x" * 101},
        {"version": 0},
        {"data": {"text": "x" * 9000}},
    ],
    ids=lambda wrong: next(iter(wrong)),
)
def test_a_card_that_no_app_stands_for_is_a_mistake(wrong: Any) -> None:
    with pytest.raises(AssertionError):
        services.Card(**{"kind": PARCEL, "reference": "p1", "data": {}, **wrong})


# --- forging ----------------------------------------------------------------------------------------------------------

FORGED = {"kind": PARCEL, "reference": "p1", "version": 9, "data": {"state": "mine"}, "fallback": {"en": "pay me"}}


@pytest.mark.parametrize(
    "body",
    [
        {"kind": "card", **{name: value for name, value in FORGED.items() if name != "kind"}},
        {"kind": "card", "text": "pay me"},
        {"kind": "card", "body": FORGED},
        {"kind": "card_updated", "text": "x"},
        {"kind": "conversation_closed", "text": "x"},
        {"kind": "members_changed", "text": "x"},
        {"kind": "text", "text": "x", "body": FORGED},
        {"kind": "text", "text": "x", "card": FORGED},
        {"kind": "text", "text": "x", "persona": "courier:1"},
        {"kind": "text", "text": "x", "ref_seq": 1},
    ],
    ids=str,
)
def test_a_client_forges_no_card(body: Any) -> None:
    ada, _bo, conversation_id = friends("Ada", "Bo")
    assert Api(ada).send_refused(conversation_id, body) == (400, "invalid_input")
    with pytest.raises(InvalidInput):
        consumers.parse_send({"conversation_id": str(conversation_id), "client_id": str(uuid4()), **body})
    assert Message.objects.filter(conversation_id=conversation_id).count() == 1


def test_a_text_that_looks_like_a_card_is_a_text() -> None:
    ada, _bo, conversation_id = friends("Ada", "Bo")
    Api(ada).send(conversation_id, str(FORGED))
    update("sent", 5)
    assert Message.objects.get(conversation_id=conversation_id, seq=2).body == {"text": str(FORGED)}


# --- updating ---------------------------------------------------------------------------------------------------------


def test_every_copy_changes_in_place_and_says_so(wire: Wire) -> None:
    ada, bo, direct_id = friends("Ada", "Bo")
    cy = person("Cy")
    group_id = group(ada, bo, cy)
    for found in (direct_id, group_id):
        post(ada, found)
    say(bo, group_id, "thanks")
    before = {found: Api(bo).conversation(found) for found in (direct_id, group_id)}
    wire.pushes()
    update("sent", 2)
    pushed = {frame["payload"]["conversation_id"]: frame["payload"] for _topics, frame in wire.pushes()}
    for found in (direct_id, group_id):
        card, *_others, row = Api(bo).history(found)[1:]
        assert (row["kind"], row["ref_seq"], row["sender_id"], row["body"]) == ("card_updated", 2, None, {"version": 2})
        assert pushed[str(found)] == row
        assert row["target"] == {name: value for name, value in card.items() if name != "target"}
        assert (card["body"]["data"], card["body"]["version"]) == ({"state": "sent"}, 2)
        assert card["body"]["fallback"]["en"] == "Conversations: sent"
        # It is no news: nothing more is unread, and the list stays in its order.
        after = Api(bo).conversation(found)
        assert after["mine"]["unread"] == before[found]["mine"]["unread"]
        assert after["last_at"] == before[found]["last_at"]
    # The list shows what the card says now.
    assert Api(bo).conversation(direct_id)["last_message"]["body"]["data"] == {"state": "sent"}


def test_the_newest_version_wins_whatever_the_order() -> None:
    ada, _bo, conversation_id = friends("Ada", "Bo")
    post(ada, conversation_id)
    update("arrived", 3)
    rows = Message.objects.filter(conversation_id=conversation_id).count()
    update("sent", 2)
    update("arrived", 3)
    assert Message.objects.get(conversation_id=conversation_id, seq=2).body["data"] == {"state": "arrived"}
    # What changes nothing writes nothing.
    assert Message.objects.filter(conversation_id=conversation_id).count() == rows


def test_an_update_that_comes_before_the_card_is_in_it() -> None:
    ada, _bo, conversation_id = friends("Ada", "Bo")
    update("arrived", 4)
    post(ada, conversation_id)
    assert Api(ada).history(conversation_id)[-1]["body"]["data"] == {"state": "arrived"}
    assert versions(conversation_id) == [4]


def test_an_update_that_was_stopped_half_way_goes_on_where_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    ada, bo = people(2)
    groups = sorted(group(ada, bo) for _ in range(5))
    for found in groups:
        post(ada, found)
    rewrite, done = module._rewrite, []

    def dies(copy: CardCopy, body: Any) -> None:
        if len(done) == 2:
            raise RuntimeError("the worker was killed")
        done.append(copy.conversation_id)
        rewrite(copy, body)

    monkeypatch.setattr(module, "_rewrite", dies)
    with pytest.raises(RuntimeError):
        update("sent", 2)
    assert [versions(found) for found in groups] == [[2], [2], [1], [1], [1]]
    monkeypatch.setattr(module, "_rewrite", rewrite)
    # The next attempt is that of whatever version comes next, or of the same.
    update("sent", 2)
    assert [versions(found) for found in groups] == [[2]] * 5
    assert [Conversation.objects.get(id=found).last_seq for found in groups] == [3] * 5


def test_updates_refuse_to_be_part_of_a_transaction() -> None:
    with pytest.raises(RuntimeError), transaction.atomic():
        update("sent", 2)


def test_a_recalled_card_stays_silent() -> None:
    ada, _bo, conversation_id = friends("Ada", "Bo")
    seq = post(ada, conversation_id)
    Message.objects.filter(conversation_id=conversation_id, seq=seq).update(recalled_at=timezone.now(), body={})
    update("sent", 2)
    assert Message.objects.get(conversation_id=conversation_id, seq=seq).body == {}
    assert Conversation.objects.get(id=conversation_id).last_seq == seq
    assert Api(ada).rows(conversation_id)[-1]["mine"] == {"reactions": [], "live": None}


# --- what depends on the reader ---------------------------------------------------------------------------------------


def test_live_data_is_asked_once_for_a_page_and_shown_to_its_reader_alone(wire: Wire) -> None:
    ada, bo, conversation_id = friends("Ada", "Bo")
    for reference in (f"p{ada.user_id}", f"p{bo.user_id}", "nothing", "p1", "p1"):
        post(ada, conversation_id, parcel(reference))
    post(ada, conversation_id, services.Card(kind=NOTE, reference="n", data={"text": "no live data"}))
    update("sent", 2)
    for _topics, frame in wire.pushes():
        assert "mine" not in frame["payload"]
    asked.clear()
    shown = [row["mine"]["live"] for row in Api(bo).rows(conversation_id)]
    no, yes = {"is_mine": False}, {"is_mine": True}
    # The changes of the last two are about cards, and show theirs.
    assert shown == [None, no, yes, None, no, no, None, no, no]
    assert asked == [(tuple(sorted({f"p{ada.user_id}", f"p{bo.user_id}", "nothing", "p1"})), bo.user_id)]


def test_a_product_that_is_broken_keeps_nobody_from_reading() -> None:
    ada, bo, conversation_id = friends("Ada", "Bo")
    post(ada, conversation_id, parcel("broken"))
    assert Api(bo).rows(conversation_id)[-1]["mine"] == {"reactions": [], "live": None}


def test_a_card_whose_app_is_gone_still_says_its_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    ada, bo, conversation_id = friends("Ada", "Bo")
    post(ada, conversation_id)
    monkeypatch.delitem(registry.cards._kinds, PARCEL)
    row = Api(bo).rows(conversation_id)[-1]
    assert (row["body"]["fallback"]["en"], row["mine"]) == ("Conversations: packed", {"reactions": [], "live": None})
    assert not cards.may_forward(Message.objects.get(conversation_id=conversation_id, kind="card"))


# --- copies -----------------------------------------------------------------------------------------------------------


def test_only_kinds_that_say_so_may_be_forwarded() -> None:
    ada, _bo, conversation_id = friends("Ada", "Bo")
    post(ada, conversation_id)
    post(ada, conversation_id, services.Card(kind=NOTE, reference="n", data={"text": "mine"}))
    rows = Message.objects.filter(conversation_id=conversation_id, kind="card").order_by("seq")
    assert [cards.may_forward(row) for row in rows] == [True, False]


def test_a_copy_says_what_the_card_says_now() -> None:
    ada, _bo, conversation_id = friends("Ada", "Bo")
    seq = post(ada, conversation_id)
    stale = Message.objects.get(conversation_id=conversation_id, seq=seq)
    update("sent", 2)
    with transaction.atomic():
        assert cards.copy_of(stale) == parcel(state="sent", version=2)


# --- what was made in the same transaction ----------------------------------------------------------------------------


def test_a_card_of_what_is_new_is_posted_in_four_statements(wire: Wire) -> None:
    ada, bo, conversation_id = friends("Ada", "Bo")
    wire.pushes()

    @transaction.atomic
    def make(reference: str, key: UUID) -> int:
        return services.post_card(
            conversation_id=conversation_id,
            sender_id=ada.user_id,
            card=parcel(reference),
            client_id=key,
            is_new=True,
        )

    assert statements(lambda: make("n1", uuid4())) == 4
    ((_topics, frame),) = wire.pushes()
    assert frame["payload"] == Api(bo).history(conversation_id)[-1]
    # Read by who made it, found by its updates, and forwarded as any other.
    assert Api(ada).conversation(conversation_id)["mine"]["unread"] == 0
    assert Api(bo).conversation(conversation_id)["mine"]["unread"] == 2
    update("sent", 2, "n1")
    assert versions(conversation_id) == [2]


def test_a_key_that_stands_for_something_else_takes_no_card() -> None:
    ada, _bo, conversation_id = friends("Ada", "Bo")
    key = uuid4()
    Api(ada).send(conversation_id, key=str(key))
    with pytest.raises(IdempotencyConflict), transaction.atomic():
        services.post_card(
            conversation_id=conversation_id,
            sender_id=ada.user_id,
            card=parcel("n2"),
            client_id=key,
            is_new=True,
        )
    assert (Conversation.objects.get(id=conversation_id).last_seq, NewestCard.objects.count()) == (2, 0)
