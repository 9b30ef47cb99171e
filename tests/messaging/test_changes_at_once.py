"""What is done to one message at the same time, in threads that really commit: one order, and sums that are right."""

from typing import Any
from uuid import uuid4

import pytest

from messaging import services
from messaging.errors import Recalled
from messaging.models import Conversation, HiddenMessage, Message, MessageVersion, Reaction
from tests.messaging.threads import at_once
from tests.realtime.people import Device, friends, group, people, say

pytestmark = pytest.mark.usefixtures("committed_db")


@pytest.fixture(autouse=True)
def _no_limits(settings: Any) -> None:
    names = ("messaging.change.user", "messaging.send.user", "messaging.send.conversation")
    settings.LIMITS_OVERRIDES = dict.fromkeys(names, (1_000_000, 1))


def react(who: Device, conversation_id: int, seq: int, emoji: str = "👍", *, is_added: bool = True) -> Message:
    return services.react(
        actor_id=who.user_id, conversation_id=conversation_id, seq=seq, emoji=emoji, is_added=is_added
    )


def whole(conversation_id: int) -> list[Message]:
    """The log, which has no holes whatever happened."""
    rows = list(Message.objects.filter(conversation_id=conversation_id).order_by("seq"))
    assert [row.seq for row in rows] == list(range(1, len(rows) + 1))
    assert Conversation.objects.get(id=conversation_id).last_seq == len(rows)
    return rows


def test_the_same_reaction_from_two_devices_is_one() -> None:
    ada, bo, conversation_id = friends("Ada", "Bo")
    said = say(ada, conversation_id)
    results = at_once([lambda: react(bo, conversation_id, said)] * 8)
    assert {result.reactions["👍"] for result in results} == {1}
    assert [row.kind for row in whole(conversation_id)].count("reacted") == 1


def test_everybody_reacts_and_takes_back_at_once_and_the_sum_is_theirs() -> None:
    everybody = people(6)
    conversation_id = group(*everybody)
    said = say(everybody[0], conversation_id)
    for who in everybody[:3]:
        react(who, conversation_id, said)
    work = [
        lambda who=who, index=index: react(who, conversation_id, said, is_added=index >= 3)  # type: ignore[misc]
        for index, who in enumerate(everybody)
    ]
    at_once(work + work)
    assert set(Reaction.objects.filter(conversation_id=conversation_id).values_list("user_id", flat=True)) == {
        who.user_id for who in everybody[3:]
    }
    rows = whole(conversation_id)
    assert rows[said - 1].reactions == {"👍": 3}
    assert [row.kind for row in rows].count("reacted") == 9


def test_a_message_that_is_recalled_while_it_is_edited_says_nothing() -> None:
    for _ in range(4):
        ada, bo, conversation_id = friends("Ada", "Bo")
        said = say(ada, conversation_id, "secret")
        which = {"conversation_id": conversation_id, "seq": said}
        results = at_once(
            [
                lambda: services.edit_message(actor_id=ada.user_id, text="secret too", **which),  # noqa: B023
                lambda: services.recall_message(actor_id=ada.user_id, **which),  # noqa: B023
                lambda: react(bo, conversation_id, said),  # noqa: B023
            ]
        )
        assert {type(result) for result in results} <= {Message, Recalled}
        assert isinstance(results[1], Message)
        rows = whole(conversation_id)
        message = rows[said - 1]
        assert (message.body, message.reactions, message.recalled_at is None) == ({}, {}, False)
        assert not MessageVersion.objects.filter(**which).exists()
        assert not Reaction.objects.filter(**which).exists()
        # Whoever came after the recall was refused, so that nothing comes after it in the log.
        assert rows[-1].kind == "recalled"


def test_two_recalls_at_once_are_one() -> None:
    ada, bo = people(2)
    conversation_id = group(ada, bo)
    said = say(bo, conversation_id)
    which = {"conversation_id": conversation_id, "seq": said}
    results = at_once(
        [lambda who=who: services.recall_message(actor_id=who.user_id, **which) for who in (ada, bo) * 3]  # type: ignore[misc]
    )
    assert len({result.recalled_at for result in results}) == 1
    assert [row.kind for row in whole(conversation_id)].count("recalled") == 1


def test_two_edits_at_once_are_two_versions_in_some_order() -> None:
    ada, _bo, conversation_id = friends("Ada", "Bo")
    said = say(ada, conversation_id, "0")
    which = {"conversation_id": conversation_id, "seq": said}
    at_once(
        [lambda n=n: services.edit_message(actor_id=ada.user_id, text=str(n), **which) for n in range(1, 6)]  # type: ignore[misc]
    )
    versions = list(MessageVersion.objects.filter(**which).order_by("version"))
    assert [version.version for version in versions] == [1, 2, 3, 4, 5]
    said_in_turn = [version.body["text"] for version in versions] + [whole(conversation_id)[said - 1].body["text"]]
    assert (said_in_turn[0], sorted(said_in_turn)) == ("0", ["0", "1", "2", "3", "4", "5"])


def test_a_quote_of_what_is_recalled_meanwhile_is_refused_or_blanked() -> None:
    for _ in range(4):
        ada, bo, conversation_id = friends("Ada", "Bo")
        said = say(ada, conversation_id, "secret")
        where: dict[str, Any] = {"conversation_id": conversation_id}
        answer = {**where, "sender_id": bo.user_id, "kind": "text", "text": "what?", "quote_seq": said}
        recall = {**where, "actor_id": ada.user_id, "seq": said}
        at_once(
            [
                lambda answer=answer: services.send_message(client_id=uuid4(), **answer),  # type: ignore[misc]
                lambda recall=recall: services.recall_message(**recall),  # type: ignore[misc]
            ]
        )
        assert "secret" not in str([row.body for row in whole(conversation_id)])


def test_what_is_recalled_while_it_is_sent_on_arrives_whole_or_not_at_all() -> None:
    for _ in range(4):
        ada, bo, conversation_id = friends("Ada", "Bo")
        tea = group(bo, ada)
        said = say(ada, conversation_id, "news")
        which = {"conversation_id": conversation_id, "seq": said}
        sent, _recalled = at_once(
            [
                lambda which=which, tea=tea: services.forward_message(  # type: ignore[misc]
                    actor_id=bo.user_id,  # noqa: B023
                    to=[tea],
                    client_id=uuid4(),
                    **which,
                ),
                lambda which=which: services.recall_message(actor_id=ada.user_id, **which),  # type: ignore[misc]  # noqa: B023
            ]
        )
        arrived = [row.body for row in whole(tea)[1:]]
        if isinstance(sent, Recalled) or sent[0].refusal is not None:
            assert arrived == []
        else:
            # It was sent on before: a copy is nobody's to recall but its sender's.
            assert arrived == [{"text": "news"}]
        assert whole(conversation_id)[said - 1].body == {}


def test_deleting_for_oneself_from_two_devices_is_one() -> None:
    ada, bo, conversation_id = friends("Ada", "Bo")
    said = say(ada, conversation_id)
    work = [
        lambda: services.delete_message(actor_id=bo.user_id, conversation_id=conversation_id, seq=said),
        lambda: services.clear_history(actor_id=bo.user_id, conversation_id=conversation_id, seq=said - 1),
    ]
    assert [result for result in at_once(work * 3) if isinstance(result, Exception)] == []
    assert HiddenMessage.objects.filter(conversation_id=conversation_id).count() == 1
