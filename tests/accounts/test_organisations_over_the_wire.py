"""What is pushed of organisations: an invitation to whom it is, a place to whose it is, a state to the owners."""

from typing import Any
from uuid import uuid4

import pytest
from django.utils import timezone

from superapp.accounts import selectors, services
from superapp.accounts.models import OrganisationInvitation, PhoneDirectory
from superapp.core.models import OutboxEvent
from tests.accounts.organisations import join, organisation, requested
from tests.accounts.outbox import deliver
from tests.accounts.people import Person, new_handle, new_phone, person
from tests.messaging.conftest import Wire, wire  # noqa: F401  (a fixture)

pytestmark = pytest.mark.django_db
INVITED, PLACE, CHANGED = "organisation.invited", "organisation.place_changed", "organisation.changed"


def shown(wire: Wire, frame_type: str) -> list[tuple[list[str], Any]]:  # noqa: F811
    return [(topics, frame["payload"]) for topics, frame in wire.pushes() if frame["type"] == frame_type]


def to(*people: Person) -> list[str]:
    return [f"user:{one.id}" for one in people]


@pytest.mark.parametrize("by", ["handle", "phone"])
def test_invitation_is_pushed_to_whom_it_is_and_not_while_the_inviter_waits(wire: Wire, by: str) -> None:  # noqa: F811
    ada, bo = person(), person(handle=new_handle())
    made = organisation(ada)
    target = {"handle": bo.handle} if by == "handle" else {"phone": bo.phone}
    services.invite_staff(actor_id=ada.id, organisation_id=made.id, roles=["cashier"], client_id=uuid4(), **target)
    assert shown(wire, INVITED) == []
    deliver()
    (waiting,) = bo.api.get("/api/v1/organisation-invitations/").json()["results"]
    assert shown(wire, INVITED) == [(to(bo), waiting)]


def test_invitation_that_nobody_can_be_told_of_is_not_pushed(wire: Wire) -> None:  # noqa: F811
    """A number that nobody has, a link, one that is answered already, and somebody banned."""
    ada, bo, cy = person(), person(handle=new_handle()), person(handle=new_handle())
    made = organisation(ada)

    def invite(**target: Any) -> OrganisationInvitation:
        return services.invite_staff(
            actor_id=ada.id, organisation_id=made.id, roles=["cashier"], client_id=uuid4(), **target
        ).invitation

    invite(phone=new_phone())
    invite()
    services.decline_invitation(actor_id=bo.id, invitation_id=invite(handle=bo.handle).id)
    invite(handle=cy.handle)
    services.ban_user(user_id=cy.id)
    assert OutboxEvent.objects.filter(done_at=None, event__organisation_id=made.id).count() == 4
    deliver()
    assert shown(wire, INVITED) == []


def test_place_is_pushed_as_it_is_shown(wire: Wire) -> None:  # noqa: F811
    ada = person()
    made = organisation(ada)
    bo = join(made, ada, "cashier")
    services.change_roles(actor_id=ada.id, organisation_id=made.id, user_id=bo.id, roles=["manager"])
    mine = bo.api.get(f"/api/v1/organisations/{made.id}/").json()["mine"]
    services.remove_member(actor_id=ada.id, organisation_id=made.id, user_id=bo.id)
    places = [payload["mine"] for topics, payload in shown(wire, PLACE) if topics == to(bo)]
    assert places == [{"roles": ["cashier"], "rights": ["cashier"]}, mine, None]
    assert mine == {"roles": ["manager"], "rights": ["manager", "cashier"]}


def test_owners_learn_what_was_decided(wire: Wire) -> None:  # noqa: F811
    ada = person()
    made = requested(ada)
    services.approve_organisation(organisation_id=made.id, actor_id=None, reason="papers seen")
    join(made, ada, "cashier")
    services.change_organisation(actor_id=ada.id, organisation_id=made.id, name="Other")
    common = {"organisation_id": str(made.id), "state": "active"}
    assert shown(wire, CHANGED) == [
        (to(ada), {**common, "name": "Noodle House"}),
        (to(ada), {**common, "name": "Other"}),
    ]


def test_what_is_refused_is_not_pushed(wire: Wire) -> None:  # noqa: F811
    ada = person()
    made = organisation(ada)
    cashier = join(made, ada, "cashier")
    wire.pushes()
    path = f"/api/v1/organisations/{made.id}/"
    assert cashier.api.call("PUT", f"{path}staff/{ada.id}/", {"roles": ["cashier"]}).status_code == 403
    assert ada.api.call("DELETE", f"{path}staff/{ada.id}/").status_code == 409
    body = {"roles": ["owner"]}
    assert cashier.api.call("POST", f"{path}invitations/", body, HTTP_IDEMPOTENCY_KEY=str(uuid4())).status_code == 403
    deliver()
    assert wire.pushes() == []


def test_invitation_is_to_whose_number_it_is_now_until_it_expires() -> None:
    ada, bo = person(), person()
    made = organisation(ada)
    sent = services.invite_staff(
        actor_id=ada.id, organisation_id=made.id, roles=["cashier"], client_id=uuid4(), phone=bo.phone
    ).invitation
    assert list(selectors.invitees(sent.id)) == [bo.id]
    PhoneDirectory.objects.filter(phone=bo.phone).update(released_at=timezone.now())
    assert selectors.invitees(sent.id) == {}
    PhoneDirectory.objects.filter(phone=bo.phone).update(released_at=None)
    OrganisationInvitation.objects.filter(id=sent.id).update(expires_at=timezone.now())
    assert selectors.invitees(sent.id) == {}
