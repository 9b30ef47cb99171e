"""Many at the same time: an organisation keeps an owner, an invitation is answered once, a request is made once."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import connections
from django.utils import timezone

from superapp.accounts import selectors, services
from superapp.accounts.models import Organisation, OrganisationInvitation
from superapp.core.ids import new_id
from superapp.core.models import AuditEntry, Link, OutboxEvent
from tests.accounts.organisations import invitation_link, join, organisation, owner_count, roles_of
from tests.accounts.people import Person, new_handle, person
from tests.accounts.test_at_once import at_once, queueing, statuses
from tests.sizes import sizes

pytestmark = pytest.mark.usefixtures("committed_db")
PATH = "/api/v1/organisations/"
MINE = "/api/v1/organisation-invitations/"


def together(made: Organisation, *calls: Callable[[], Any]) -> list[Any]:
    """All of them wait for the organisation's row before the first one goes on."""
    return queueing(calls, Organisation.objects.filter(id=made.id))


def put_roles(who: Person, made: Organisation, whom: Person, *roles: str) -> Callable[[], Any]:
    return lambda: who.api.call("PUT", f"{PATH}{made.id}/staff/{whom.id}/", {"roles": list(roles)})


def remove(who: Person, made: Organisation, whom: Person) -> Callable[[], Any]:
    return lambda: who.api.call("DELETE", f"{PATH}{made.id}/staff/{whom.id}/")


def follow(who: Person, link: str) -> Callable[[], Any]:
    return lambda: who.api.call("POST", f"{MINE}accept-link/", {"link": link})


def ask(who: Person, path: str, body: dict[str, Any], key: UUID) -> Callable[[], Any]:
    return lambda: who.api.call("POST", path, body, HTTP_IDEMPOTENCY_KEY=str(key))


# --- The last owner ---------------------------------------------------------------------------------------------------


def test_of_two_owners_who_demote_each_other_one_stays() -> None:
    for _ in range(sizes.staff_races):
        ada = person()
        made = organisation(ada)
        bo = join(made, ada, "owner")
        answers = together(made, put_roles(ada, made, bo, "manager"), put_roles(bo, made, ada, "manager"))
        # The second has become a manager meanwhile, to whom an owner is above.
        assert statuses(answers) == {200: 1, 403: 1}
        assert owner_count(made) == 1
        assert sorted([roles_of(made, ada), roles_of(made, bo)]) == [["manager"], ["owner"]]


def test_of_owners_who_all_leave_at_once_one_stays() -> None:
    ada = person()
    made = organisation(ada)
    owners = [ada, *(join(made, ada, "owner") for _ in range(3))]
    answers = together(made, *(remove(one, made, one) for one in owners))
    assert statuses(answers) == {204: 3, 409: 1}
    assert owner_count(made) == 1


def test_owner_who_leaves_while_another_steps_down_stays() -> None:
    for _ in range(sizes.staff_races):
        ada = person()
        made = organisation(ada)
        bo = join(made, ada, "owner")
        answers = together(made, remove(ada, made, ada), put_roles(bo, made, bo, "cashier"))
        assert sum(answer.status_code == 409 for answer in answers) == 1
        assert owner_count(made) == 1


def test_ownership_that_is_handed_to_two_people_at_once_goes_to_one() -> None:
    ada = person()
    made = organisation(ada)
    heirs = [join(made, ada, "cashier") for _ in range(2)]
    path = f"{PATH}{made.id}/ownership/"
    answers = together(
        made,
        *(
            lambda heir=heir: ada.api.call("PUT", path, {"user_id": str(heir.id), "kept_roles": ["finance"]})
            for heir in heirs
        ),
    )
    assert statuses(answers) == {200: 1, 403: 1}
    assert owner_count(made) == 1
    assert roles_of(made, ada) == ["finance"]


# --- Invitations ------------------------------------------------------------------------------------------------------


def test_link_that_many_follow_at_once_works_for_one() -> None:
    ada = person()
    made = organisation(ada)
    link = invitation_link(ada, made, "finance")
    crowd = [person() for _ in range(5)]
    answers = together(made, *(follow(one, link) for one in crowd))
    assert statuses(answers) == {200: 1, 410: 4}
    (winner,) = [one for one in crowd if roles_of(made, one)]
    assert OrganisationInvitation.objects.get(organisation_id=made.id).member_id == winner.id
    assert AuditEntry.objects.filter(organisation_id=made.id, action="accounts.organisation_member_added").count() == 1


def test_link_that_one_follows_many_times_at_once_makes_them_staff_once() -> None:
    ada, bo = person(), person()
    made = organisation(ada)
    link = invitation_link(ada, made, "finance")
    answers = together(made, *(follow(bo, link) for _ in range(4)))
    assert statuses(answers) == {200: 4}
    assert len({answer.content for answer in answers}) == 1
    assert AuditEntry.objects.filter(organisation_id=made.id, action="accounts.invitation_accepted").count() == 1


@pytest.mark.parametrize("against", ["revoke", "decline", "inviter is demoted"])
def test_acceptance_and_its_opposite_never_both_succeed(against: str) -> None:
    for _ in range(sizes.staff_races):
        ada, bo = person(), person(handle=new_handle())
        made = organisation(ada)
        manager = join(made, ada, "manager")
        sent = services.invite_staff(
            actor_id=manager.id, organisation_id=made.id, roles=["cashier"], client_id=uuid4(), handle=bo.handle
        ).invitation
        opposite = {
            "revoke": lambda sent=sent, ada=ada, made=made: ada.api.call(
                "DELETE", f"{PATH}{made.id}/invitations/{sent.id}/"
            ),
            "decline": lambda sent=sent, bo=bo: bo.api.call("POST", f"{MINE}{sent.id}/decline/"),
            "inviter is demoted": put_roles(ada, made, manager, "cashier"),
        }[against]
        accepted, opposed = together(
            made, lambda bo=bo, sent=sent: bo.api.call("POST", f"{MINE}{sent.id}/accept/"), opposite
        )
        is_staff = roles_of(made, bo) is not None
        assert is_staff == (accepted.status_code == 200)
        if against == "inviter is demoted":
            # This one always goes through: what stood at that moment decides about the other.
            assert opposed.status_code == 200
            assert accepted.status_code in {200, 410}
        else:
            assert {accepted.status_code, opposed.status_code} in ({200, 410}, {410, 204})


def test_two_invitations_to_one_person_at_once_leave_the_newest() -> None:
    ada, bo = person(), person(handle=new_handle())
    made = organisation(ada)
    path, body = f"{PATH}{made.id}/invitations/", {"roles": ["cashier"], "handle": bo.handle}
    answers = together(made, *(ask(ada, path, body, uuid4()) for _ in range(4)))
    assert statuses(answers) == {201: 4}
    assert OrganisationInvitation.objects.filter(organisation_id=made.id, state="pending").count() == 1
    assert len(bo.api.get(MINE).json()["results"]) == 1


# --- The same request several times -----------------------------------------------------------------------------------


def test_request_for_an_organisation_that_is_repeated_at_once_makes_one() -> None:
    ada = person()
    calls = [ask(ada, PATH, {"kind": "studio", "name": "Checkers"}, key) for key in [uuid4()] for _ in range(6)]
    # As many as may be asked for in a day: of those that raced nobody had been there before.
    answers = [answer for answer in at_once(calls) if answer.status_code != 429]
    assert statuses(answers) == {201: len(answers)}
    assert len({answer.content for answer in answers}) == 1
    assert sum("Idempotent-Replayed" not in answer.headers for answer in answers) == 1
    assert Organisation.objects.filter(creator_id=ada.id).count() == 1
    assert AuditEntry.objects.filter(actor_id=ada.id, action="accounts.organisation_requested").count() == 1


@pytest.mark.parametrize("to", ["handle", "link"])
def test_invitation_that_is_repeated_at_once_is_sent_once(to: str) -> None:
    ada, bo = person(), person(handle=new_handle())
    made = organisation(ada)
    body = {"roles": ["cashier"]} | ({"handle": bo.handle} if to == "handle" else {})
    key = uuid4()
    answers = together(made, *(ask(ada, f"{PATH}{made.id}/invitations/", body, key) for _ in range(4)))
    assert statuses(answers) == {201: 4}
    assert len({answer.content for answer in answers}) == 1
    (invitation,) = OrganisationInvitation.objects.filter(organisation_id=made.id)
    assert Link.objects.filter(reference=str(invitation.id)).count() == (to == "link")
    assert OutboxEvent.objects.filter(event__invitation_id=invitation.id).count() == 1


# --- Among many -------------------------------------------------------------------------------------------------------


def test_my_invitations_are_found_by_index_by_person_and_by_number() -> None:
    ada = person()
    made = organisation(ada)
    OrganisationInvitation.objects.bulk_create(
        OrganisationInvitation(
            id=new_id(), organisation_id=made.id, inviter_id=ada.id, client_id=uuid4(), request_hash=b"",
            roles=["cashier"], invitee_id=new_id(), expires_at=timezone.now() + timedelta(days=1),
        )
        for _ in range(5000)
    )  # fmt: skip
    with connections["owner"].cursor() as cursor:
        cursor.execute("ANALYZE accounts_organisation_invitation, accounts_organisation")
    plan = selectors.invitations_to(ada.id).order_by("-id")[:31].explain()
    assert "invitations_of_person" in plan, plan
    assert "invitations_of_phone" in plan, plan
