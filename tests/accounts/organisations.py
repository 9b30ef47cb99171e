"""Organisations for tests, and people on their staff, who came the way everybody comes."""

from uuid import uuid4

from superapp.accounts import services
from superapp.accounts.models import Organisation, OrganisationMember
from tests.accounts.people import Person, new_handle, person


def requested(owner: Person, *, kind: str = "merchant", name: str = "Noodle House") -> Organisation:
    return services.request_organisation(actor_id=owner.id, kind=kind, name=name, client_id=uuid4())


def organisation(owner: Person, *, kind: str = "merchant", name: str = "Noodle House") -> Organisation:
    """One that may work. Unless told otherwise a merchant: its manager may change the staff without being an owner."""
    made = requested(owner, kind=kind, name=name)
    return services.approve_organisation(organisation_id=made.id, actor_id=None, reason="for a test")


def invitation_link(inviter: Person, made: Organisation, *roles: str) -> str:
    invited = services.invite_staff(actor_id=inviter.id, organisation_id=made.id, roles=roles, client_id=uuid4())
    assert invited.link is not None
    return invited.link


def join(made: Organisation, owner: Person, *roles: str) -> Person:
    """Somebody new on its staff."""
    someone = person(handle=new_handle())
    services.accept_invitation_link(actor_id=someone.id, link=invitation_link(owner, made, *roles))
    return someone


def roles_of(made: Organisation, someone: Person) -> list[str] | None:
    found = OrganisationMember.objects.filter(organisation_id=made.id, user_id=someone.id)
    return found.values_list("roles", flat=True).first()


def owner_count(made: Organisation) -> int:
    """As counted on the row, which has to be what there is."""
    owners = OrganisationMember.objects.filter(organisation_id=made.id, roles__contains=["owner"]).count()
    assert Organisation.objects.get(id=made.id).owner_count == owners
    return owners
