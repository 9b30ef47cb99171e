"""Cards and the conversations of products under real concurrency: threads, and commits."""

import random
import threading
import time
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from django.db import connections, transaction

from messaging import cards, log, services
from messaging.models import CardCopy, Conversation, Membership, Message, NewestCard, Notice, OpenedConversation
from tests.messaging.products import opened, parcel, post, tell, update
from tests.messaging.threads import at_once
from tests.realtime.people import befriend, friends, group, people, person
from tests.sizes import sizes

pytestmark = pytest.mark.usefixtures("committed_db")


def bodies(reference: str) -> list[dict[str, Any]]:
    copies = CardCopy.objects.filter(reference=reference)
    found = [Message.objects.get(conversation_id=copy.conversation_id, seq=copy.seq) for copy in copies]
    assert [row.body["version"] for row in found] == [copy.version for copy in copies]
    return [row.body for row in found]


def seqs(conversation_id: int) -> list[int]:
    rows = Message.objects.filter(conversation_id=conversation_id).order_by("seq")
    return list(rows.values_list("seq", flat=True))


def test_updates_at_once_in_any_order_end_at_the_newest() -> None:
    ada, bo = people(2)
    places = [group(ada, bo) for _ in range(4)]
    reference = str(uuid4())
    for found in places:
        post(ada, found, parcel(reference))
    numbers = random.sample(range(2, 14), 12)
    done = at_once([lambda n=n: update(f"state {n}", n, reference) for n in numbers])  # type: ignore[misc]
    assert done == [None] * 12
    assert [(body["version"], body["data"]) for body in bodies(reference)] == [(13, {"state": "state 13"})] * 4
    for found in places:
        # Each change is a row, none is written twice, and there is no hole.
        rows = list(Message.objects.filter(conversation_id=found, kind="card_updated").order_by("seq"))
        told = [row.body["version"] for row in rows]
        assert told == sorted(set(told))
        assert told[-1] == 13
        assert seqs(found) == list(range(1, len(rows) + 3))


def test_the_same_post_many_times_at_once_is_one_card() -> None:
    ada, _bo, conversation_id = friends("Ada", "Bo")
    key, reference = uuid4(), str(uuid4())
    found = at_once([lambda: post(ada, conversation_id, parcel(reference), client_id=key)] * 12)
    assert found == [2] * 12
    assert seqs(conversation_id) == [1, 2]
    assert CardCopy.objects.filter(reference=reference).count() == 1
    assert Conversation.objects.get(id=conversation_id).last_message_no == 2


def test_a_post_that_was_rolled_back_is_posted_by_its_retry() -> None:
    ada, _bo, conversation_id = friends("Ada", "Bo")
    key, reference = uuid4(), str(uuid4())

    def fails() -> None:
        with transaction.atomic():
            post(ada, conversation_id, parcel(reference), client_id=key)
            raise RuntimeError("no money")

    def works() -> int:
        with transaction.atomic():
            return post(ada, conversation_id, parcel(reference), client_id=key)

    found = at_once([fails, works] * 6)
    assert sum(isinstance(answer, RuntimeError) for answer in found) == 6
    assert {answer for answer in found if isinstance(answer, int)} == {2}
    assert seqs(conversation_id) == [1, 2]
    assert len(bodies(reference)) == 1


def test_cards_posted_while_they_change_say_the_newest_in_the_end() -> None:
    """A copy is either found by the update or made of what it brought, whichever comes first."""
    ada = person("Ada")
    places = [befriend(ada, other) for other in people(8)]
    reference = str(uuid4())
    post(ada, places[0], parcel(reference))
    work: list[Any] = [lambda found=found: post(ada, found, parcel(reference)) for found in places[1:]]
    work += [lambda n=n: update(f"state {n}", n, reference) for n in range(2, 8)]
    random.shuffle(work)
    assert not [answer for answer in at_once(work) if isinstance(answer, Exception)]
    assert [(body["version"], body["data"]) for body in bodies(reference)] == [(7, {"state": "state 7"})] * 8


def test_a_copy_under_way_holds_the_update_up_and_gets_it() -> None:
    ada, bo, conversation_id = friends("Ada", "Bo")
    elsewhere = group(ada, bo)
    reference = str(uuid4())
    seq = post(ada, conversation_id, parcel(reference))
    stale = Message.objects.get(conversation_id=conversation_id, seq=seq)
    copied, may_commit = threading.Event(), threading.Event()

    def forward() -> None:
        with transaction.atomic():
            card = cards.copy_of(stale)
            place = log.take_place(conversation_id=elsewhere, member_id=ada.user_id)
            assert place is not None
            message = log.fill(
                place,
                sender_id=ada.user_id,
                client_id=uuid4(),
                request_hash=b"",
                kind="card",
                body=cards.body_of(card),
            )
            assert message is not None
            cards.note_copy(message)
            copied.set()
            assert may_commit.wait(timeout=30)
        connections.close_all()

    thread = threading.Thread(target=forward)
    thread.start()
    try:
        assert copied.wait(timeout=30)
        with transaction.atomic():
            # The card is held: an update would wait.
            held = NewestCard.objects.select_for_update(no_key=True, skip_locked=True).filter(reference=reference)
            assert list(held) == []
        updating = threading.Thread(target=lambda: (update("sent", 2, reference), connections.close_all()))
        updating.start()
    finally:
        may_commit.set()
        thread.join()
    updating.join()
    assert [body["version"] for body in bodies(reference)] == [2, 2]


def test_a_conversation_opened_by_many_at_once_is_one() -> None:
    ada, bo = people(2)
    reference = str(uuid4())
    found = at_once([lambda: opened(ada, bo, reference=reference)[0]] * 10)
    assert len(set(found)) == 1
    assert seqs(found[0]) == [1]
    assert OpenedConversation.objects.filter(reference=reference).count() == 1
    assert Membership.objects.filter(conversation_id=found[0]).count() == 2


def test_members_set_at_once_are_those_of_one_call() -> None:
    ada, *others = people(5)
    conversation_id, name = opened(ada)

    def setting(*wanted: Any) -> Any:
        return lambda: services.set_members(member_ids=[ada.user_id, *(one.user_id for one in wanted)], **name)

    wishes = [setting(others[0], others[1]), setting(others[2], others[3]), setting(*others), setting()]
    assert at_once(wishes * 2) == [None] * 8
    here = set(
        Membership.objects.filter(conversation_id=conversation_id, left_seq=None).values_list("user_id", flat=True)
    )
    ids = [one.user_id for one in others]
    assert here - {ada.user_id} in ({*ids[:2]}, {*ids[2:]}, {*ids}, set())
    assert Conversation.objects.get(id=conversation_id).member_count == len(here)
    assert seqs(conversation_id) == list(range(1, len(seqs(conversation_id)) + 1))


def test_closing_and_speaking_have_one_order() -> None:
    for _ in range(5):
        ada, bo = people(2)
        conversation_id, name = opened(ada, bo)
        work = [lambda: post(ada, conversation_id)] * 4 + [lambda: services.close_conversation(**name)] * 2  # noqa: B023
        at_once(work)
        rows = list(Message.objects.filter(conversation_id=conversation_id).order_by("seq"))
        assert [row.kind for row in rows].count("conversation_closed") == 1
        assert rows[-1].kind == "conversation_closed"


def test_a_notice_told_many_times_at_once_is_one() -> None:
    ada = person("Ada")
    key = str(uuid4())
    assert len(set(at_once([lambda: tell(ada, key=key)] * 8))) == 1
    assert Notice.objects.filter(user_id=ada.user_id).count() == 1


def test_a_card_in_many_chats_changes_in_small_steps(soak_figure: Callable[[str, float], None]) -> None:
    """Whoever writes in one of them meanwhile waits for that one's change at most."""
    ada, bo = people(2)
    places = [opened(ada, bo)[0] for _ in range(sizes.card_copies)]
    reference = str(uuid4())
    for found in places:
        post(ada, found, parcel(reference))
    done = threading.Event()
    longest = 0.0

    def write() -> None:
        nonlocal longest
        while not done.is_set():
            began = time.monotonic()
            post(bo, random.choice(places), parcel(reference))
            longest = max(longest, time.monotonic() - began)

    def change() -> float:
        began = time.monotonic()
        try:
            update("sent", 2, reference)
        finally:
            done.set()
        return time.monotonic() - began

    seconds, _written = at_once([change, write])
    assert {body["version"] for body in bodies(reference)} == {2}
    soak_figure("card_copies_per_s", sizes.card_copies / seconds)
    soak_figure("post_while_card_changes_ms", longest * 1000)
