"""The same thing done twice at the same time, in threads that really commit."""

import random
import threading
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import connections, transaction

from messaging import selectors, services
from messaging.errors import RequestAnswered
from messaging.models import Conversation, DirectPair, FriendRequest, Friendship, GroupCreation, Membership, Message
from superapp.core.errors import IdempotencyConflict
from tests.messaging.threads import at_once
from tests.realtime.people import Device, befriend, friends, group, person, say
from tests.sizes import sizes

pytestmark = pytest.mark.usefixtures("committed_db")


@pytest.fixture(autouse=True)
def _no_limits(settings: Any) -> None:
    settings.LIMITS_OVERRIDES = {
        "messaging.send.user": (1_000_000, 1),
        "messaging.send.conversation": (1_000_000, 1),
    }


def send(who: Device, conversation_id: int, text: str, client_id: UUID) -> Message:
    return services.send_message(
        sender_id=who.user_id, conversation_id=conversation_id, client_id=client_id, kind="text", text=text
    )


def seqs(conversation_id: int) -> list[int]:
    rows = Message.objects.filter(conversation_id=conversation_id)
    return list(rows.order_by("seq").values_list("seq", flat=True))


def test_two_open_their_conversation_at_once_and_have_one() -> None:
    ada, bo = person("Ada"), person("Bo")
    pairs = [(ada.user_id, bo.user_id), (bo.user_id, ada.user_id)] * 6
    found = at_once([lambda pair=pair: services.direct_conversation(user_ids=pair) for pair in pairs])  # type: ignore[misc]
    assert len(set(found)) == 1
    lo, hi = sorted(pairs[0])
    assert DirectPair.objects.get(lo=lo, hi=hi).conversation_id == found[0]
    assert Membership.objects.filter(conversation_id=found[0]).count() == 2
    assert Membership.objects.filter(user_id=ada.user_id).count() == 1
    assert Conversation.objects.filter(id=found[0]).count() == 1


def test_two_ask_each_other_at_once_and_are_friends_once() -> None:
    for _ in range(5):
        ada, bo = person("Ada"), person("Bo")
        answers = at_once(
            [
                lambda a=a, b=b: services.request_friend(sender_id=a.user_id, recipient_id=b.user_id, source="qr")  # type: ignore[misc]
                for a, b in ((ada, bo), (bo, ada))
            ]
        )
        assert sorted(answer.state for answer in answers) == ["accepted", "pending"]
        assert set(
            Friendship.objects.filter(user_id__in=[ada.user_id, bo.user_id]).values_list("user_id", "friend_id")
        ) == {(ada.user_id, bo.user_id), (bo.user_id, ada.user_id)}
        states = FriendRequest.objects.filter(sender_id__in=[ada.user_id, bo.user_id]).values_list("state", flat=True)
        assert set(states) == {"accepted"}
        conversation_id = Friendship.objects.get(user_id=ada.user_id).conversation_id
        assert seqs(conversation_id) == [1]


def test_a_request_accepted_many_times_at_once_makes_friends_once() -> None:
    ada, bo = person("Ada"), person("Bo")
    request = services.request_friend(sender_id=ada.user_id, recipient_id=bo.user_id, source="qr")
    found = at_once([lambda: services.accept_friend_request(actor_id=bo.user_id, request_id=request.id)] * 8)
    assert {friendship.conversation_id for friendship in found} == {found[0].conversation_id}
    assert seqs(found[0].conversation_id) == [1]


def test_accepting_and_declining_at_once_ends_one_way() -> None:
    for _ in range(8):
        ada, bo = person("Ada"), person("Bo")
        request = services.request_friend(sender_id=ada.user_id, recipient_id=bo.user_id, source="qr")
        accepted, declined = at_once(
            [
                lambda: services.accept_friend_request(actor_id=bo.user_id, request_id=request.id),  # noqa: B023
                lambda: services.decline_friend_request(actor_id=bo.user_id, request_id=request.id),  # noqa: B023
            ]
        )
        refused = [answer for answer in (accepted, declined) if isinstance(answer, RequestAnswered)]
        assert len(refused) == 1, (accepted, declined)
        state = FriendRequest.objects.get(recipient_id=bo.user_id).state
        are_friends = Friendship.objects.filter(user_id=ada.user_id).exists()
        assert (state, are_friends) in {("accepted", True), ("declined", False)}
        assert are_friends is (declined is refused[0])


def test_ending_a_friendship_while_it_is_made_leaves_both_sides_or_none() -> None:
    for _ in range(6):
        ada, bo, _conversation = friends("Ada", "Bo")
        at_once(
            [
                lambda: services.remove_friend(actor_id=ada.user_id, friend_id=bo.user_id),  # noqa: B023
                lambda: services.remove_friend(actor_id=bo.user_id, friend_id=ada.user_id),  # noqa: B023
                lambda: befriend(bo, ada),  # noqa: B023
            ]
        )
        assert Friendship.objects.filter(user_id__in=[ada.user_id, bo.user_id]).count() in {0, 2}


def test_one_key_makes_one_group_however_often_it_is_used_at_once() -> None:
    ada, bo, _conversation = friends("Ada", "Bo")
    key = uuid4()

    def create(title: str) -> GroupCreation:
        return services.create_group(creator_id=ada.user_id, title=title, member_ids=[bo.user_id], client_id=key)

    found = at_once([lambda: create("Tea")] * 10)
    assert len({creation.conversation_id for creation in found}) == 1
    assert sum(not getattr(creation, "is_replay", False) for creation in found) == 1
    assert seqs(found[0].conversation_id) == [1]
    assert Conversation.objects.filter(id__in=[creation.conversation_id for creation in found]).count() == 1
    assert isinstance(at_once([lambda: create("Coffee")])[0], IdempotencyConflict)


def test_one_key_with_two_wishes_at_once_grants_one() -> None:
    ada, bo, _conversation = friends("Ada", "Bo")
    key = uuid4()
    found = at_once(
        [
            lambda title=title: services.create_group(  # type: ignore[misc]
                creator_id=ada.user_id, title=title, member_ids=[bo.user_id], client_id=key
            )
            for title in ("Tea", "Coffee") * 4
        ]
    )
    assert sum(isinstance(answer, IdempotencyConflict) for answer in found) == 4
    assert len({answer.conversation_id for answer in found if not isinstance(answer, Exception)}) == 1


def test_attempts_of_many_messages_mixed_up_number_each_once() -> None:
    """Every thread sends all the messages, in an order of its own: each is one row, and nobody sees two answers."""
    ada, _bo, conversation_id = friends("Ada", "Bo")
    ids = [uuid4() for _ in range(sizes.messages_per_writer)]

    def attempt() -> dict[UUID, int]:
        return {one: send(ada, conversation_id, str(one), one).seq for one in random.sample(ids, len(ids))}

    answers = at_once([attempt] * 8)
    assert answers == [answers[0]] * 8
    assert seqs(conversation_id) == list(range(1, len(ids) + 2))
    conversation = Conversation.objects.get(id=conversation_id)
    assert (conversation.last_seq, conversation.last_message_no) == (len(ids) + 1, len(ids) + 1)


def test_who_sees_a_row_sees_all_before_it() -> None:
    people = [person(f"p{number}") for number in range(8)]
    conversation_id = group(*people)
    done = threading.Event()
    looked: list[int] = []

    def write(who: Device) -> None:
        for number in range(sizes.messages_per_writer):
            send(who, conversation_id, str(number), uuid4())

    def watch() -> None:
        while not done.is_set():
            found = seqs(conversation_id)
            assert found == list(range(1, len(found) + 1))
            looked.append(len(found))

    failures: list[BaseException] = []

    def watch_safely() -> None:
        try:
            watch()
        except BaseException as error:
            failures.append(error)
        finally:
            connections.close_all()

    watcher = threading.Thread(target=watch_safely)
    watcher.start()
    try:
        assert at_once([lambda who=who: write(who) for who in people]) == [None] * 8  # type: ignore[misc]
    finally:
        done.set()
        watcher.join()
    assert failures == []
    assert len(set(looked)) > 1, "the watcher saw nothing happen"
    assert seqs(conversation_id) == list(range(1, 8 * sizes.messages_per_writer + 2))
    times = list(
        Message.objects.filter(conversation_id=conversation_id).order_by("seq").values_list("created_at", flat=True)
    )
    assert times == sorted(times)


def test_marks_set_at_once_end_at_the_furthest() -> None:
    ada, bo, conversation_id = friends("Ada", "Bo")
    for _ in range(20):
        say(ada, conversation_id)
    marks = random.sample(range(1, 22), 16)
    answers = at_once(
        [
            lambda seq=seq: services.mark_read(actor_id=bo.user_id, conversation_id=conversation_id, seq=seq)  # type: ignore[misc]
            for seq in marks
        ]
    )
    assert all(answer.read_seq >= seq for answer, seq in zip(answers, marks, strict=True))
    mine = selectors.conversation_frame(actor_id=bo.user_id, conversation_id=conversation_id)["mine"]
    assert (mine["read_seq"], mine["unread"]) == (max(marks), 21 - max(marks))


def test_reading_while_others_write_never_shows_more_unread_than_there_is() -> None:
    ada, bo, conversation_id = friends("Ada", "Bo")

    def write() -> None:
        for _ in range(30):
            say(ada, conversation_id)

    def read() -> list[int]:
        return [
            services.mark_read(actor_id=bo.user_id, conversation_id=conversation_id, seq=2**40).unread
            for _ in range(30)
        ]

    _written, unread = at_once([write, read])
    assert min(unread) >= 0
    assert services.mark_read(actor_id=bo.user_id, conversation_id=conversation_id, seq=2**40).unread == 0


@pytest.mark.parametrize("change", ["message", "event"])
def test_what_commits_after_the_cursor_was_taken_is_in_the_next_round(change: str) -> None:
    """Its rows carry an earlier time than the cursor, and could not be seen when it was taken."""
    ada, bo, conversation_id = friends("Ada", "Bo")
    cy = person("Cy")
    written, may_commit = threading.Event(), threading.Event()

    def slow() -> None:
        with transaction.atomic():
            if change == "message":
                say(ada, conversation_id, "in flight")
            else:
                services.request_friend(sender_id=cy.user_id, recipient_id=bo.user_id, source="qr")
            written.set()
            assert may_commit.wait(timeout=30)
        connections.close_all()

    thread = threading.Thread(target=slow)
    thread.start()
    try:
        assert written.wait(timeout=30)
        page = selectors.sync(user_id=bo.user_id, cursor="")
        assert page["conversations"][0]["last_seq"] == 1
    finally:
        may_commit.set()
        thread.join()
    late = selectors.sync(user_id=bo.user_id, cursor=page["cursor"])
    if change == "message":
        assert late["conversations"][0]["last_message"]["body"] == {"text": "in flight"}
    else:
        assert "friend.requested" in [event["type"] for event in late["events"]]
