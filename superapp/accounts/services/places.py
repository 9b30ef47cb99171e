"""A place on the staff of an organisation: what is held while staff change, and who may change whom.

For the services beside this one, in a transaction: the organisation's row is locked first, whatever comes after.
"""

from collections.abc import Iterable
from typing import Any

from django.db.models import F
from django.utils.translation import gettext_lazy as _

from superapp.accounts import registry, selectors
from superapp.accounts.errors import LastOwner, RoleUnknown
from superapp.accounts.events import StaffChanged
from superapp.accounts.models import Organisation, OrganisationMember
from superapp.accounts.registry import OWNER
from superapp.core import audit, limits
from superapp.core.errors import Forbidden, NotFound
from superapp.core.events import publish


def count_change(actor_id: int) -> None:
    """Before the transaction. Raises ``TooManyRequests``."""
    limits.take(action="accounts.change_organisation.user", subject=str(actor_id))


def lock_organisation(organisation_id: int) -> Organisation:
    """Raises ``NotFound``."""
    organisation = Organisation.objects.select_for_update(no_key=True).filter(id=organisation_id).first()
    if organisation is None:
        raise NotFound
    return organisation


def lock_place(*, actor_id: int, organisation_id: int) -> OrganisationMember:
    """The actor's place, with the organisation's row held until the transaction ends. Raises ``NotFound``."""
    organisation = lock_organisation(organisation_id)
    # Asked after the lock is ours: only now nobody else changes it.
    place = selectors.place(actor_id=actor_id, organisation_id=organisation_id)
    place.organisation = organisation
    return place


def lock_staff(*, actor_id: int, organisation_id: int) -> OrganisationMember:
    """As ``lock_place``, for whoever may change the staff. Raises ``NotFound``, ``Forbidden``."""
    place = lock_place(actor_id=actor_id, organisation_id=organisation_id)
    check_manages_staff(place)
    return place


def check_manages_staff(place: OrganisationMember) -> None:
    """Raises ``Forbidden``."""
    if not selectors.manages_staff(place):
        raise Forbidden
    if place.organisation.state != Organisation.State.ACTIVE:
        raise not_active(place.organisation)


def not_active(organisation: Organisation) -> Forbidden:
    return Forbidden(_("This organisation is not active."), state=organisation.state)


def check_may_give(place: OrganisationMember, roles: Iterable[str]) -> None:
    """Nobody gives or takes rights that they have not got themselves. Raises ``Forbidden``."""
    if not may_give(place, roles):
        raise Forbidden


def may_give(place: OrganisationMember, roles: Iterable[str]) -> bool:
    kind = place.organisation.kind
    return registry.roles.rights(kind, roles) <= registry.roles.rights(kind, place.roles)


def known_roles(organisation: Organisation, names: Iterable[str]) -> list[str]:
    """Each once, in the order of the registry. Raises ``RoleUnknown``."""
    wanted, known = set(names), [role.name for role in registry.roles.of(organisation.kind)]
    if unknown := sorted(wanted - set(known)):
        raise RoleUnknown(roles=unknown, known=known)
    return registry.roles.in_order(organisation.kind, wanted)


def check_still_owned(place: OrganisationMember) -> None:
    """Before somebody stops being an owner. Raises ``LastOwner`` also where the others are banned or have left: those
    could not be erased any more, once they own it alone."""
    if OWNER not in place.roles or place.organisation.state == Organisation.State.REFUSED:
        return
    if not selectors.somebody_else_owns(place.organisation_id, place.user_id):
        raise LastOwner


def colleague(place: OrganisationMember, user_id: int) -> OrganisationMember:
    """Somebody on the same staff, also who is banned. Raises ``NotFound``."""
    if user_id == place.user_id:
        return place
    found = OrganisationMember.objects.filter(organisation_id=place.organisation_id, user_id=user_id).first()
    if found is None:
        raise NotFound
    found.organisation = place.organisation
    return found


def add(organisation: Organisation, *, user_id: int, roles: Iterable[str], actor_id: int) -> OrganisationMember:
    """Whoever is on the staff already keeps what they have."""
    place = OrganisationMember.objects.filter(organisation_id=organisation.id, user_id=user_id).first()
    if place is not None:
        place.organisation = organisation
        return set_roles(place, [*place.roles, *roles], actor_id=actor_id)
    place = OrganisationMember.objects.create(organisation=organisation, user_id=user_id, roles=list(roles))
    _count_owners(organisation, int(OWNER in place.roles))
    _tell(place, actor_id, "member_added", after={"user_id": user_id, "roles": place.roles})
    return place


def set_roles(place: OrganisationMember, roles: Iterable[str], *, actor_id: int) -> OrganisationMember:
    """Raises ``LastOwner``. What nobody registers any more is left out."""
    before, place.roles = place.roles, registry.roles.in_order(place.organisation.kind, roles)
    if place.roles == before:
        return place
    _count_owners(place.organisation, (OWNER in place.roles) - (OWNER in before))
    _row(place).update(roles=place.roles)
    about = {"user_id": place.user_id}
    _tell(place, actor_id, "roles_changed", before={**about, "roles": before}, after={**about, "roles": place.roles})
    return place


def take_off(place: OrganisationMember, *, actor_id: int) -> None:
    """Raises ``LastOwner``."""
    _count_owners(place.organisation, -int(OWNER in place.roles))
    _row(place).delete()
    _tell(place, actor_id, "member_removed", before={"user_id": place.user_id, "roles": place.roles})


def _row(place: OrganisationMember) -> Any:
    return OrganisationMember.objects.filter(organisation_id=place.organisation_id, user_id=place.user_id)


def _count_owners(organisation: Organisation, change: int) -> None:
    """Raises ``LastOwner``. The row's lock is ours, so what was read with it still stands."""
    if not change:
        return
    if organisation.owner_count + change < 1 and organisation.state != Organisation.State.REFUSED:
        raise LastOwner
    Organisation.objects.filter(id=organisation.id).update(owner_count=F("owner_count") + change)
    organisation.owner_count += change


def _tell(place: OrganisationMember, actor_id: int, what: str, **changes: Any) -> None:
    audit.record(
        actor_id=actor_id,
        action=f"accounts.organisation_{what}",
        subject=("organisation", str(place.organisation_id)),
        organisation_id=place.organisation_id,
        **changes,
    )
    publish(StaffChanged(organisation_id=place.organisation_id, user_id=place.user_id))
