"""What the log gives to everything that writes into it: numbers, what a row is about, and who may read how far."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from messaging import log
from messaging.models import Conversation, Membership, Message
from superapp.core.errors import NotFound
from tests.messaging.api import Api
from tests.messaging.conftest import Wire
from tests.realtime.people import Device, friends, group, people, person, say

pytestmark = pytest.mark.django_db


def place_of(who: Device, conversation_id: int) -> Any:
    return Membership.objects.filter(conversation_id=conversation_id, user_id=who.user_id)


def leave(who: Device, conversation_id: int) -> int:
    """As the row says so: what came up to it stays theirs to read."""
    with transaction.atomic():
        row = log.add(conversation_id=conversation_id, actor_id=who.user_id, kind="text", body={"text": "bye"})
        place_of(who, conversation_id).update(left_seq=row.seq, left_message_no=row.message_no)
    return row.seq


def react(who: Device, conversation_id: int, seq: int) -> Message:
    with transaction.atomic():
        log.lock(conversation_id)
        Message.objects.filter(conversation_id=conversation_id, seq=seq).update(reactions={"👍": 1})
        return log.add(
            conversation_id=conversation_id, actor_id=who.user_id, kind="text", body={"emoji": "👍"}, about=seq
        )


def test_a_change_is_a_row_that_counts_for_nobody_and_shows_what_it_changed(wire: Wire) -> None:
    ada, bo, conversation_id = friends("Ada", "Bo")
    said = say(ada, conversation_id)
    before = Api(bo).conversation(conversation_id)
    wire.pushes()
    react(bo, conversation_id, said)
    ((_topics, frame),) = wire.pushes()
    row = Api(bo).history(conversation_id)[-1]
    assert frame["payload"] == row
    assert (row["seq"], row["ref_seq"], row["target"]["seq"]) == (3, said, said)
    assert row["target"]["reactions"] == [{"emoji": "👍", "count": 1}]
    # Neither the number of unread messages nor the place in the list nor what it shows there has changed.
    after = Api(bo).conversation(conversation_id)
    assert after["mine"]["unread"] == before["mine"]["unread"]
    assert (after["last_at"], after["last_seq"]) == (before["last_at"], 3)
    assert after["last_message"] == row["target"] | {"target": None}
    # A device that was away hears of it all the same.
    assert Api(ada).get("sync/")["conversations"][0]["last_seq"] == 3


def test_a_change_shows_nobody_what_was_said_before_they_came(wire: Wire) -> None:
    ada, bo = people(2)
    conversation_id = group(ada, bo)
    said = say(ada, conversation_id, "before Cy came")
    cy = person("Cy")
    Membership.objects.create(conversation_id=conversation_id, user_id=cy.user_id, joined_seq=said + 1)
    wire.pushes()
    react(bo, conversation_id, said)
    ((_topics, frame),) = wire.pushes()
    assert frame["payload"]["target"] is None
    assert Api(cy).history(conversation_id)[-1] == frame["payload"]
    assert Api(ada).history(conversation_id)[-1]["target"]["body"] == {"text": "before Cy came"}


def test_whoever_left_reads_up_to_there_and_learns_nothing_more() -> None:
    ada, bo = people(2)
    conversation_id = group(ada, bo)
    say(ada, conversation_id, "one")
    left_seq = leave(bo, conversation_id)
    then = Api(bo).conversation(conversation_id)
    say(ada, conversation_id, "two")
    react(ada, conversation_id, 2)
    now = Api(bo).conversation(conversation_id)
    assert now == then
    assert (now["last_seq"], now["mine"]["left_seq"], now["mine"]["unread"]) == (left_seq, left_seq, 1)
    assert [row["seq"] for row in Api(bo).history(conversation_id)] == [1, 2, 3]
    assert Api(bo).history(conversation_id)[1]["reactions"] == [{"emoji": "👍", "count": 1}]
    # Their mark goes to the last row of theirs, and nobody counts them in.
    mark = Api(bo).ok("POST", f"conversations/{conversation_id}/read/", {"seq": 99})
    assert (mark["read_seq"], mark["unread"]) == (left_seq, 0)
    assert Api(bo).send_refused(conversation_id) == (404, "not_found")
    assert Api(bo).refused("POST", f"conversations/{conversation_id}/typing/") == (404, "not_found")
    assert Api(bo).refused("GET", f"conversations/{conversation_id}/members/") == (404, "not_found")
    assert [member["user"]["id"] for member in Api(ada).all(f"conversations/{conversation_id}/members/")] == [ada.id]


def test_what_was_cleared_is_gone_for_who_cleared_it_and_for_nobody_else() -> None:
    ada, bo, conversation_id = friends("Ada", "Bo")
    for text in ("one", "two"):
        say(ada, conversation_id, text)
    place_of(bo, conversation_id).update(cleared_seq=2)
    assert [row["seq"] for row in Api(bo).history(conversation_id)] == [3]
    assert Api(bo).conversation(conversation_id)["mine"]["first_seq"] == 3
    place_of(bo, conversation_id).update(cleared_seq=3)
    assert Api(bo).conversation(conversation_id)["last_message"] is None
    assert len(Api(ada).history(conversation_id)) == 3


def test_nobody_writes_where_it_has_ended() -> None:
    ada, bo = people(2)
    conversation_id = group(ada, bo)
    ended = Conversation.objects.filter(id=conversation_id)
    for closed in ({"closed_at": timezone.now()}, {"closed_at": None, "closes_at": timezone.now()}):
        ended.update(**closed)
        assert Api(ada).send_refused(conversation_id) == (409, "conversation_closed")
    ended.update(closes_at=timezone.now() + timedelta(hours=1))
    assert Api(ada).send(conversation_id)["seq"] == 2


def test_in_a_silenced_group_its_owner_and_administrators_speak() -> None:
    ada, bo, cy = people(3)
    conversation_id = group(ada, bo, cy)
    place_of(cy, conversation_id).update(role="admin")
    Conversation.objects.filter(id=conversation_id).update(is_silenced=True)
    assert Api(bo).send_refused(conversation_id) == (403, "silenced")
    Api(cy).send(conversation_id)
    Conversation.objects.filter(id=conversation_id).update(is_silenced=False)
    place_of(bo, conversation_id).update(silenced_until=timezone.now() + timedelta(minutes=5))
    assert Api(bo).send_refused(conversation_id) == (403, "silenced")
    place_of(bo, conversation_id).update(silenced_until=timezone.now())
    assert Api(bo).send(conversation_id)["seq"] == 3


def test_the_house_writes_where_nobody_acts_and_strangers_cannot() -> None:
    ada, bo = people(2)
    conversation_id = group(ada, bo)
    with transaction.atomic():
        row = log.add(conversation_id=conversation_id, actor_id=None, kind="text", body={"text": "It is noon."})
    assert (Api(bo).history(conversation_id)[-1]["sender_id"], row.message_no) == (None, 0)
    with pytest.raises(NotFound), transaction.atomic():
        log.add(conversation_id=conversation_id, actor_id=person().user_id, kind="text", body={})
    assert Conversation.objects.get(id=conversation_id).last_seq == 2


@pytest.mark.parametrize(
    "change",
    ["ref_seq = seq", "quote_seq = seq", "recalled_at = now()", "ref_seq = seq + 1"],
)
def test_the_database_refuses_rows_that_make_no_sense(change: str) -> None:
    ada, _bo, conversation_id = friends("Ada", "Bo")
    say(ada, conversation_id)
    with pytest.raises(IntegrityError), connection.cursor() as cursor:
        cursor.execute(f"UPDATE messaging_message SET {change} WHERE conversation_id = %s", [conversation_id])
