"""Where people of the demo city work: a brand, a merchant and a studio, and a shop that still waits for its papers."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from uuid import UUID

from superapp.accounts import services as accounts
from superapp.accounts.models import Organisation
from superapp.localdev.demo.history import client_id


@dataclass(frozen=True)
class Workplace:
    """``staff`` and ``invited``: handles and roles; those who are invited have not answered yet."""

    kind: str
    name: str
    legal_name: str
    owner: str
    staff: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    invited: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    is_approved: bool = True


WORKPLACES = [
    Workplace(
        "brand",
        "Okafor Prints",
        "Okafor Prints Ltd",
        owner="grace",
        staff={"emeka": ("editor", "sender"), "ngozi": ("analyst",)},
        invited={"ada": ("editor",)},
    ),
    Workplace(
        "merchant",
        "周家面馆",
        "上海周家餐饮有限公司",
        owner="zhou",
        staff={"fang": ("manager", "finance"), "jun": ("cashier",)},
    ),
    Workplace("studio", "Pierres Noires", "Garnier Jeux SARL", owner="theo", staff={"hugo": ("developer",)}),
    Workplace("merchant", "Quill Imports", "", owner="dexter", is_approved=False),
]


def found(ids: Mapping[str, int]) -> bool:
    """Make those that are missing, in the caller's transaction; returns whether any were."""
    missing = [one for one in WORKPLACES if not _exists(one, ids[one.owner])]
    for one in missing:
        _found(one, ids)
    return bool(missing)


def _exists(one: Workplace, owner_id: int) -> bool:
    return Organisation.objects.filter(creator_id=owner_id, client_id=_key(one)).exists()


def _found(one: Workplace, ids: Mapping[str, int]) -> None:
    owner_id = ids[one.owner]
    organisation = accounts.request_organisation(
        actor_id=owner_id, kind=one.kind, name=one.name, legal_name=one.legal_name, client_id=_key(one)
    )
    if not one.is_approved:
        return
    accounts.approve_organisation(organisation_id=organisation.id, actor_id=None, reason="Part of the demo.")
    for handle, roles in {**one.staff, **one.invited}.items():
        invited = accounts.invite_staff(
            actor_id=owner_id,
            organisation_id=organisation.id,
            roles=roles,
            handle=handle,
            client_id=client_id("invitation", one.name, handle),
        )
        if handle in one.staff:
            accounts.accept_invitation(actor_id=ids[handle], invitation_id=invited.invitation.id)


def _key(one: Workplace) -> UUID:
    return client_id("organisation", one.name)
