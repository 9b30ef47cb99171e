"""Who works for an organisation, and as what."""

from collections.abc import Iterable

from django.db import transaction

from superapp.accounts import registry, selectors
from superapp.accounts.models import Organisation, OrganisationMember
from superapp.accounts.registry import OWNER
from superapp.accounts.services import places
from superapp.core.errors import Conflict, Forbidden


def require_role(*, actor_id: int, organisation_id: int, role: str) -> None:
    """Raises ``NotFound`` for whoever is not on the staff or is shut out, ``Forbidden`` for staff without this role or
    one that implies it, and for all of them while the organisation is not active. One statement."""
    place = selectors.place(actor_id=actor_id, organisation_id=organisation_id)
    if place.organisation.state != Organisation.State.ACTIVE:
        raise places.not_active(place.organisation)
    if role not in registry.roles.rights(place.organisation.kind, place.roles):
        raise Forbidden(role=role)


def change_roles(*, actor_id: int, organisation_id: int, user_id: int, roles: Iterable[str]) -> OrganisationMember:
    """Give somebody on the staff, or oneself, other roles than before, within the actor's own rights.

    Raises ``NotFound``, ``Forbidden`` (theirs or the new ones go beyond the actor's), ``RoleUnknown``, ``LastOwner``,
    ``TooManyRequests``.
    """
    places.count_change(actor_id)
    return _change_roles(actor_id, organisation_id, user_id, list(roles))


@transaction.atomic
def _change_roles(actor_id: int, organisation_id: int, user_id: int, roles: list[str]) -> OrganisationMember:
    actor = places.lock_staff(actor_id=actor_id, organisation_id=organisation_id)
    place = places.colleague(actor, user_id)
    wanted = places.known_roles(actor.organisation, roles)
    places.check_may_give(actor, {*place.roles, *wanted})
    if OWNER not in wanted:
        places.check_still_owned(place)
    return places.set_roles(place, wanted, actor_id=actor_id)


def remove_member(*, actor_id: int, organisation_id: int, user_id: int) -> None:
    """Take somebody off the staff, or leave it oneself, for which it takes no right.

    Raises ``NotFound``, ``Forbidden`` (their rights go beyond the actor's), ``LastOwner``, ``TooManyRequests``.
    """
    places.count_change(actor_id)
    _remove_member(actor_id, organisation_id, user_id)


@transaction.atomic
def _remove_member(actor_id: int, organisation_id: int, user_id: int) -> None:
    actor = places.lock_place(actor_id=actor_id, organisation_id=organisation_id)
    if user_id != actor_id:
        places.check_manages_staff(actor)
    place = places.colleague(actor, user_id)
    places.check_may_give(actor, place.roles)
    places.check_still_owned(place)
    places.take_off(place, actor_id=actor_id)


def transfer_ownership(*, actor_id: int, organisation_id: int, user_id: int, kept_roles: Iterable[str]) -> None:
    """Make somebody on the staff an owner in the actor's place, who keeps ``kept_roles``. A retry changes nothing.

    Raises ``NotFound`` (also for an heir who is not active), ``Forbidden`` unless the actor is an owner,
    ``RoleUnknown``, ``TooManyRequests``, and ``Conflict`` when nobody's place would change.
    """
    places.count_change(actor_id)
    _transfer_ownership(actor_id, organisation_id, user_id, list(kept_roles))


@transaction.atomic
def _transfer_ownership(actor_id: int, organisation_id: int, user_id: int, kept_roles: list[str]) -> None:
    actor = places.lock_place(actor_id=actor_id, organisation_id=organisation_id)
    kept = places.known_roles(actor.organisation, kept_roles)
    if user_id == actor_id or OWNER in kept:
        raise Conflict
    heir = places.colleague(actor, selectors.active_user(user_id).id)
    if OWNER in heir.roles and actor.roles == kept:
        return
    if OWNER not in actor.roles:
        raise Forbidden(role=OWNER)
    places.check_manages_staff(actor)
    # The heir first: at no moment is there nobody.
    places.set_roles(heir, [*heir.roles, OWNER], actor_id=actor_id)
    places.set_roles(actor, kept, actor_id=actor_id)
