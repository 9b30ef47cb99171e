"""What happens to groups at the same time comes one after the other, in threads that really commit."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.utils import timezone

from messaging import services
from messaging.errors import AdminsOnly, GroupTooLarge, OwnerMustStay, OwnerOnly
from messaging.models import Conversation, GroupInvitation, GroupLink, Membership, Message
from superapp.core.errors import NotFound
from superapp.core.links import LinkEnded
from tests.messaging.groups import NO_LIMITS, fill, know_each_other
from tests.messaging.threads import at_once
from tests.realtime import sockets
from tests.realtime.people import Device, group, people, say

pytestmark = pytest.mark.usefixtures("committed_db")
ROUNDS = 5


@pytest.fixture(autouse=True)
def _no_limits(settings: Any) -> None:
    settings.LIMITS_OVERRIDES = NO_LIMITS | sockets.NO_LIMITS


def rows(conversation_id: int) -> list[Message]:
    return list(Message.objects.filter(conversation_id=conversation_id).order_by("seq"))


def here(conversation_id: int) -> dict[int, str]:
    found = Membership.objects.filter(conversation_id=conversation_id, left_seq=None)
    return dict(found.values_list("user_id", "role"))


def check_it_adds_up(conversation_id: int) -> None:
    """Numbers without holes, as many members as it says, and one owner where there is anybody."""
    conversation = Conversation.objects.get(id=conversation_id)
    assert [row.seq for row in rows(conversation_id)] == list(range(1, conversation.last_seq + 1))
    members = here(conversation_id)
    assert conversation.member_count == len(members)
    assert list(members.values()).count("owner") == (1 if members else 0)


def refusals(answers: list[Any], *kinds: type[Exception]) -> list[Exception]:
    found = [answer for answer in answers if isinstance(answer, Exception)]
    assert all(isinstance(answer, kinds) for answer in found), found
    return found


def invited(conversation_id: int, inviter: Device, invitee: Device) -> Callable[[], Any]:
    now = timezone.now()
    GroupInvitation.objects.create(
        conversation_id=conversation_id,
        invitee_id=invitee.user_id,
        inviter_id=inviter.user_id,
        state="pending",
        created_at=now,
        expires_at=now + timedelta(days=1),
    )
    return lambda: services.accept_invitation(actor_id=invitee.user_id, conversation_id=conversation_id)


def test_the_last_place_goes_to_one() -> None:
    ada, bo, one, two = people(4)
    conversation_id = group(ada, bo)
    fill(f"conversations/{conversation_id}/", 499)
    link = services.group_link(actor_id=ada.user_id, conversation_id=conversation_id).url
    ways = [invited(conversation_id, ada, one), lambda: services.join_by_link(actor_id=two.user_id, link=link)]
    answers = at_once(ways)
    assert len(refusals(answers, GroupTooLarge)) == 1
    assert Conversation.objects.get(id=conversation_id).member_count == 500 == len(here(conversation_id))
    assert len({one.user_id, two.user_id} & here(conversation_id).keys()) == 1
    assert [row.kind for row in rows(conversation_id)] == ["group_created", "member_joined"]


def test_whoever_joins_many_times_at_once_is_in_once() -> None:
    ada, bo, cy = people(3)
    know_each_other(ada, cy)
    know_each_other(bo, cy)
    conversation_id = group(ada, bo)
    link = services.group_link(actor_id=ada.user_id, conversation_id=conversation_id).url
    ways: list[Callable[[], Any]] = [
        lambda: services.join_by_link(actor_id=cy.user_id, link=link),
        invited(conversation_id, bo, cy),
        lambda: services.add_members(actor_id=ada.user_id, conversation_id=conversation_id, user_ids=[cy.user_id]),
        lambda: services.add_members(actor_id=bo.user_id, conversation_id=conversation_id, user_ids=[cy.user_id]),
    ]
    assert refusals(at_once(ways * 2)) == []
    assert len(rows(conversation_id)) == 2
    assert here(conversation_id).keys() == {ada.user_id, bo.user_id, cy.user_id}
    check_it_adds_up(conversation_id)


def test_a_removal_and_a_message_have_one_order() -> None:
    for _ in range(ROUNDS):
        ada, bo = people(2)
        conversation_id = group(ada, bo)
        answers = at_once(
            [
                *[lambda: say(bo, conversation_id)] * 4,  # noqa: B023
                lambda: services.remove_member(
                    actor_id=ada.user_id,  # noqa: B023
                    conversation_id=conversation_id,  # noqa: B023
                    user_id=bo.user_id,  # noqa: B023
                ),
            ]
        )
        sent = [answer for answer in answers if isinstance(answer, int)]
        assert len(sent) + len(refusals(answers, NotFound)) == 4
        place = Membership.objects.get(conversation_id=conversation_id, user_id=bo.user_id)
        assert all(seq < (place.left_seq or 0) for seq in sent)
        # Nothing of theirs comes behind the row that says that they are gone.
        assert rows(conversation_id)[-1].kind == "member_removed"
        check_it_adds_up(conversation_id)


def test_an_owner_who_hands_it_over_twice_at_once_does_it_once() -> None:
    for _ in range(ROUNDS):
        ada, bo, cy = people(3)
        conversation_id = group(ada, bo, cy)
        answers = at_once(
            [
                lambda heir=heir: services.transfer_group(  # type: ignore[misc]
                    actor_id=ada.user_id,  # noqa: B023
                    conversation_id=conversation_id,  # noqa: B023
                    user_id=heir.user_id,
                )
                for heir in (bo, cy)
            ]
        )
        assert len(refusals(answers, OwnerOnly)) == 1
        assert [row.kind for row in rows(conversation_id)] == ["group_created", "owner_changed"]
        assert here(conversation_id)[ada.user_id] == "member"
        check_it_adds_up(conversation_id)


def test_who_leaves_while_being_removed_goes_once() -> None:
    for _ in range(ROUNDS):
        ada, bo = people(2)
        conversation_id = group(ada, bo)
        answers = at_once(
            [
                lambda: services.leave_group(actor_id=bo.user_id, conversation_id=conversation_id),  # noqa: B023
                lambda: services.remove_member(
                    actor_id=ada.user_id,  # noqa: B023
                    conversation_id=conversation_id,  # noqa: B023
                    user_id=bo.user_id,  # noqa: B023
                ),
            ]
        )
        # Whoever comes second finds that it is done, or that they are not there any more.
        refusals(answers, NotFound)
        assert len(rows(conversation_id)) == 2
        assert here(conversation_id).keys() == {ada.user_id}
        check_it_adds_up(conversation_id)


def test_a_group_is_never_without_an_owner() -> None:
    """The owner hands it over and leaves, while the heir leaves as well."""
    for _ in range(ROUNDS):
        ada, bo, cy = people(3)
        conversation_id = group(ada, bo, cy)
        leave = [
            lambda who=who: services.leave_group(actor_id=who.user_id, conversation_id=conversation_id)  # type: ignore[misc]  # noqa: B023
            for who in (ada, bo)
        ]
        answers = at_once(
            [
                lambda: services.transfer_group(
                    actor_id=ada.user_id,  # noqa: B023
                    conversation_id=conversation_id,  # noqa: B023
                    user_id=bo.user_id,  # noqa: B023
                ),
                *leave,
            ]
        )
        refusals(answers, NotFound, OwnerOnly, OwnerMustStay)
        check_it_adds_up(conversation_id)


def test_everybody_leaving_at_once_disbands_it_once() -> None:
    everybody = people(6)
    conversation_id = group(*everybody)

    def go(who: Device) -> None:
        for _ in range(100):
            try:
                services.leave_group(actor_id=who.user_id, conversation_id=conversation_id)
                return
            except OwnerMustStay:
                others = here(conversation_id).keys() - {who.user_id}
                for heir in others:
                    try:
                        services.transfer_group(actor_id=who.user_id, conversation_id=conversation_id, user_id=heir)
                        break
                    except NotFound:
                        continue

    assert refusals(at_once([lambda who=who: go(who) for who in everybody])) == []  # type: ignore[misc]
    assert here(conversation_id) == {}
    assert Conversation.objects.get(id=conversation_id).closed_at is not None
    check_it_adds_up(conversation_id)


def test_a_link_that_is_revoked_lets_nobody_in_afterwards() -> None:
    for _ in range(ROUNDS):
        ada, bo, cy = people(3)
        conversation_id = group(ada, bo)
        issued = services.group_link(actor_id=ada.user_id, conversation_id=conversation_id)
        joined, _revoked = at_once(
            [
                lambda: services.join_by_link(actor_id=cy.user_id, link=issued.url),  # noqa: B023
                lambda: services.revoke_link(
                    actor_id=ada.user_id,  # noqa: B023
                    conversation_id=conversation_id,  # noqa: B023
                    link_id=issued.link.id,  # noqa: B023
                ),
            ]
        )
        is_in = cy.user_id in here(conversation_id)
        assert is_in is not isinstance(joined, LinkEnded)
        check_it_adds_up(conversation_id)


def test_one_link_however_often_it_is_asked_for_at_once() -> None:
    ada, bo = people(2)
    conversation_id = group(ada, bo)
    found = at_once([lambda: services.group_link(actor_id=ada.user_id, conversation_id=conversation_id)] * 6)
    assert len({issued.url for issued in found}) == 1
    assert GroupLink.objects.filter(conversation_id=conversation_id).count() == 1


def test_changes_in_any_order_leave_a_log_without_holes() -> None:
    ada, bo, cy, dee = people(4)
    know_each_other(bo, dee)
    conversation_id = group(ada, bo, cy)
    work: list[Callable[[], Any]] = [
        *[lambda: say(cy, conversation_id)] * 3,
        lambda: services.change_group(actor_id=ada.user_id, conversation_id=conversation_id, title=str(uuid4())),
        lambda: services.appoint_admin(actor_id=ada.user_id, conversation_id=conversation_id, user_id=bo.user_id),
        lambda: services.change_notice(actor_id=ada.user_id, conversation_id=conversation_id, notice="x"),
        lambda: services.change_alias(actor_id=cy.user_id, conversation_id=conversation_id, alias="Doc"),
        lambda: services.add_members(actor_id=bo.user_id, conversation_id=conversation_id, user_ids=[dee.user_id]),
    ]
    assert refusals(at_once(work), AdminsOnly) == []
    done = {"title_changed", "admin_appointed", "notice_changed", "alias_changed", "members_added"}
    found = [row.kind for row in rows(conversation_id)]
    assert (len(found), set(found)) == (9, {"group_created", "text", *done})
    assert here(conversation_id).keys() == {who.user_id for who in (ada, bo, cy, dee)}
    check_it_adds_up(conversation_id)
