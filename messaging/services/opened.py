"""Conversations that a product opens: with those whom it serves, or of people who need not know each other."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Literal

from django.db import transaction
from django.db.models.functions import Now

from messaging import log, registry
from messaging.errors import GroupTooLarge
from messaging.events import ConversationOpened, MemberLeft, MembersJoined
from messaging.models import GROUP_LIMIT, Conversation, Membership, Message, OpenedConversation
from superapp.core import loops
from superapp.core.errors import NotFound
from superapp.core.events import publish
from superapp.core.ids import new_id
from superapp.core.leases import Lease

#: How many that are over are closed in one round.
BATCH = 100


def open_conversation(
    *,
    kind: Literal["service", "temporary"],
    purpose: str,
    reference: str,
    member_ids: Sequence[int],
    closes_at: datetime | None = None,
    title: str = "",
    personas: Mapping[int, str] | None = None,
) -> int:
    """Open the one conversation for ``reference``, the product's own id of a thing, and return its id.

    ``purpose`` names the product's use (``taxi.ride``). Both are shown to the members, so neither may say what one of
    them is not to know. Nobody needs to be anybody's friend, and blocks do not count here: they refuse direct chats.

    ``personas``: as whom members appear to the others, by their ids (``{driver_id: "driver:8Kd2"}``): whatever they
    write, and in the list of members. Whoever joins a ``service`` conversation later reads what was said before; in a
    ``temporary`` one they do not. From ``closes_at`` on nobody writes.

    Repeating it returns the first one as it is now, open or closed. Raises ``GroupTooLarge`` above 500 members.
    """
    opened = OpenedConversation.objects.filter(reference=reference, purpose=purpose).first()
    if opened is not None:
        return opened.conversation_id
    members = _checked(member_ids, personas)
    return _open(kind, purpose, reference, members, closes_at, title)


@transaction.atomic
def _open(
    kind: str, purpose: str, reference: str, members: dict[int, str], closes_at: datetime | None, title: str
) -> int:
    candidate = new_id()
    ours = OpenedConversation(reference=reference, purpose=purpose, conversation_id=candidate)
    OpenedConversation.objects.bulk_create([ours], ignore_conflicts=True)
    # Whoever came second waited on the key for the first one's commit, and reads its id here.
    conversation_id = OpenedConversation.objects.get(reference=reference, purpose=purpose).conversation_id
    if conversation_id != candidate:
        return conversation_id
    Conversation.objects.create(
        id=candidate,
        kind=kind,
        title=title,
        purpose=purpose,
        reference=reference,
        member_count=len(members),
        closes_at=closes_at,
        newcomers_see_history=kind == Conversation.Kind.SERVICE,
    )
    Membership.objects.bulk_create(
        Membership(conversation_id=candidate, user_id=user_id, persona=persona) for user_id, persona in members.items()
    )
    publish(ConversationOpened(conversation_id=candidate, member_ids=tuple(members)))
    log.add(
        conversation_id=candidate,
        actor_id=None,
        kind=Message.Kind.CONVERSATION_OPENED,
        body={"purpose": purpose, "reference": reference},
    )
    return candidate


@transaction.atomic
def set_members(
    *, purpose: str, reference: str, member_ids: Sequence[int], personas: Mapping[int, str] | None = None
) -> None:
    """Let exactly these people belong to it. Who comes and who goes is a row of its log; who stays keeps their
    place, and the persona they had unless ``personas`` names another.

    Repeatable. Raises ``NotFound`` when it was never opened, ``GroupTooLarge``.
    """
    wanted = _checked(member_ids, personas)
    conversation = _lock(purpose, reference)
    places = {place.user_id: place for place in Membership.objects.filter(conversation_id=conversation.id)}
    here = {user_id for user_id, place in places.items() if place.left_seq is None}
    for user_id, persona in wanted.items():
        if (place := places.get(user_id)) is None:
            continue
        if persona and place.persona != persona:
            Membership.objects.filter(conversation_id=conversation.id, user_id=user_id).update(persona=persona)
        # Whoever was known as somebody else is so again.
        wanted[user_id] = persona or place.persona
    coming = {user_id: persona for user_id, persona in wanted.items() if user_id not in here}
    going = {user_id: places[user_id].persona for user_id in sorted(here - wanted.keys())}
    if not coming and not going:
        return
    row = log.add(
        conversation_id=conversation.id,
        actor_id=None,
        kind=Message.Kind.MEMBERS_CHANGED,
        body={"joined": _named(coming), "left": _named(going)},
    )
    _let_in(conversation, coming, row, known=coming.keys() & places.keys())
    _let_go(conversation, list(going), row)
    Conversation.objects.filter(id=conversation.id).update(member_count=len(wanted))


def _named(people: Mapping[int, str]) -> dict[str, list[str]]:
    """As the others know them."""
    return {
        "member_ids": [str(user_id) for user_id, persona in people.items() if not persona],
        "personas": [persona for persona in people.values() if persona],
    }


def _let_in(conversation: Conversation, coming: Mapping[int, str], row: Message, *, known: Collection[int]) -> None:
    place = {
        "joined_seq": 1 if conversation.newcomers_see_history else row.seq,
        "read_seq": row.seq,
        "read_message_no": row.message_no,
    }
    Membership.objects.bulk_create(
        Membership(conversation_id=conversation.id, user_id=user_id, persona=persona, **place)
        for user_id, persona in coming.items()
        if user_id not in known
    )
    again = Membership.objects.filter(conversation_id=conversation.id, user_id__in=known)
    again.update(left_seq=None, left_message_no=None, left_title="", joined_at=Now(), changed_at=Now(), **place)
    publish(MembersJoined(conversation_id=conversation.id, member_ids=tuple(coming), joined_seq=row.seq))


def _let_go(conversation: Conversation, going: Sequence[int], row: Message) -> None:
    Membership.objects.filter(conversation_id=conversation.id, user_id__in=going).update(
        left_seq=row.seq, left_message_no=row.message_no, left_title=conversation.title, changed_at=Now()
    )
    for user_id in going:
        publish(MemberLeft(conversation_id=conversation.id, user_id=user_id, left_seq=row.seq))


@transaction.atomic
def close_conversation(*, purpose: str, reference: str) -> None:
    """End it: the members still read it, nobody writes any more. Repeatable. Raises ``NotFound``."""
    _close(_lock(purpose, reference))


def _close(conversation: Conversation) -> bool:
    """Under its lock. Whether it was open."""
    if conversation.closed_at is not None:
        return False
    log.add(conversation_id=conversation.id, actor_id=None, kind=Message.Kind.CONVERSATION_CLOSED, body={})
    Conversation.objects.filter(id=conversation.id).update(closed_at=Now())
    return True


def close_those_that_are_over(lease: Lease) -> int:
    """A round of the loop that writes the last row where ``closes_at`` has passed; nobody could write there before."""
    due = Conversation.objects.filter(closed_at=None, closes_at__lte=Now()).order_by("closes_at")
    found = list(due.values_list("id", flat=True)[:BATCH])
    for conversation_id in found:
        with transaction.atomic():
            lease.guard()
            log.lock(conversation_id)
            _close(Conversation.objects.get(id=conversation_id))
    return len(found)


def register_loop() -> None:
    loops.register("messaging.closing", every=timedelta(seconds=2), step=close_those_that_are_over)


def _lock(purpose: str, reference: str) -> Conversation:
    opened = OpenedConversation.objects.filter(reference=reference, purpose=purpose).first()
    if opened is None:
        raise NotFound
    log.lock(opened.conversation_id)
    return Conversation.objects.get(id=opened.conversation_id)


def _checked(member_ids: Sequence[int], personas: Mapping[int, str] | None) -> dict[int, str]:
    """Each member once, with their persona or nothing."""
    personas = personas or {}
    if len(set(member_ids)) > GROUP_LIMIT:
        raise GroupTooLarge(most=GROUP_LIMIT)
    assert personas.keys() <= set(member_ids), "a persona for somebody who is no member"
    unknown = sorted(key for key in personas.values() if not registry.personas.knows(key))
    assert not unknown, f"no app registered these personas: {unknown}"
    return {user_id: personas.get(user_id, "") for user_id in sorted(set(member_ids))}
