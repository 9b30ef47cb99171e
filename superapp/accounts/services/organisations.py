"""Organisations, and how staff of ours let them in, stop them and let them go on."""

from typing import Any
from uuid import UUID

from django.contrib.postgres.search import SearchVector
from django.db import transaction
from django.db.models import Value
from django.utils.translation import gettext_lazy as _

from superapp.accounts.events import OrganisationChanged
from superapp.accounts.models import Organisation, OrganisationMember
from superapp.accounts.registry import OWNER
from superapp.accounts.services.places import count_change, lock_organisation, lock_place, not_active
from superapp.accounts.services.terms import require_terms
from superapp.core import audit, limits
from superapp.core.errors import Conflict, Forbidden
from superapp.core.events import publish
from superapp.core.idempotency import request_hash
from superapp.core.ids import new_id
from superapp.core.text import search_tokens

State = Organisation.State


def request_organisation(*, actor_id: int, kind: str, name: str, client_id: UUID, legal_name: str = "") -> Organisation:
    """Ask for an organisation. The actor owns it; it is of use once it is approved.

    Repeating a ``client_id`` returns the first, with ``is_replay`` set.
    Raises ``TermsRequired``, ``TooManyRequests`` and ``IdempotencyConflict``.
    """
    require_terms(user_id=actor_id)
    if not Organisation.objects.filter(creator_id=actor_id, client_id=client_id).exists():
        limits.take(action="accounts.request_organisation.user", subject=str(actor_id))
    return _create(actor_id, kind, name, legal_name, client_id)


@transaction.atomic
def _create(owner_id: int, kind: str, name: str, legal_name: str, client_id: UUID) -> Organisation:
    organisation = Organisation.objects.insert_once(
        once={"creator_id": owner_id, "client_id": client_id},
        request_hash=request_hash(kind=kind, name=name, legal_name=legal_name),
        id=new_id(),
        kind=kind,
        name=name,
        legal_name=legal_name,
        state=State.REQUESTED,
        search=_words(name, legal_name),
    )
    if not organisation.is_replay:
        OrganisationMember.objects.create(organisation=organisation, user_id=owner_id, roles=[OWNER])
        _note(organisation, owner_id, "requested", after={"kind": kind, "name": name, "legal_name": legal_name})
    return organisation


def change_organisation(*, actor_id: int, organisation_id: int, **changes: str) -> Organisation:
    """Change ``name`` or ``legal_name``: for an owner, unless it is suspended or was refused.

    Raises ``NotFound`` for outsiders, ``Forbidden`` and ``TooManyRequests``.
    """
    count_change(actor_id)
    return _change(actor_id, organisation_id, changes)


@transaction.atomic
def _change(actor_id: int, organisation_id: int, changes: dict[str, str]) -> Organisation:
    actor = lock_place(actor_id=actor_id, organisation_id=organisation_id)
    organisation = actor.organisation
    if OWNER not in actor.roles:
        raise Forbidden(role=OWNER)
    if organisation.state not in {State.REQUESTED, State.ACTIVE}:
        raise not_active(organisation)
    before = {name: getattr(organisation, name) for name in changes}
    if before == changes:
        return organisation
    for name, value in changes.items():
        setattr(organisation, name, value)
    words = _words(organisation.name, organisation.legal_name)
    Organisation.objects.filter(id=organisation.id).update(**changes, search=words)
    _note(organisation, actor_id, "changed", before=before, after=changes)
    _tell(organisation)
    return organisation


def _words(*names: str) -> SearchVector:
    return SearchVector(Value(search_tokens(" ".join(names))), config="simple")


# --- What our staff decide; about where they work themselves somebody else does ---------------------------------------


def approve_organisation(*, organisation_id: int, actor_id: int | None, reason: str) -> Organisation:
    """From now on it may work. Raises ``NotFound``, ``Forbidden``, ``Conflict`` unless it was requested."""
    return _move(organisation_id, actor_id, reason, out_of=State.REQUESTED, to=State.ACTIVE, what="approved")


def refuse_organisation(*, organisation_id: int, actor_id: int | None, reason: str) -> Organisation:
    """Turn a request down, for good. Raises ``NotFound``, ``Forbidden``, ``Conflict`` unless it was requested."""
    return _move(organisation_id, actor_id, reason, out_of=State.REQUESTED, to=State.REFUSED, what="refused")


def suspend_organisation(*, organisation_id: int, actor_id: int | None, reason: str) -> Organisation:
    """Nobody acts for it for now. Raises ``NotFound``, ``Forbidden``, ``Conflict`` unless it was active."""
    return _move(organisation_id, actor_id, reason, out_of=State.ACTIVE, to=State.SUSPENDED, what="suspended")


def reinstate_organisation(*, organisation_id: int, actor_id: int | None, reason: str) -> Organisation:
    """It goes on where it was stopped. Raises ``NotFound``, ``Forbidden``, ``Conflict`` unless it was suspended."""
    return _move(organisation_id, actor_id, reason, out_of=State.SUSPENDED, to=State.ACTIVE, what="reinstated")


@transaction.atomic
def _move(
    organisation_id: int, actor_id: int | None, reason: str, *, out_of: State, to: State, what: str
) -> Organisation:
    organisation = lock_organisation(organisation_id)
    if actor_id and OrganisationMember.objects.filter(organisation_id=organisation_id, user_id=actor_id).exists():
        raise Forbidden(_("You work there yourself. Somebody else has to decide."))
    if organisation.state != out_of:
        raise Conflict(state=organisation.state)
    organisation.state = to
    organisation.save(update_fields=["state"])
    _note(organisation, actor_id, what, before={"state": out_of}, after={"state": to}, reason=reason)
    _tell(organisation)
    return organisation


def _note(organisation: Organisation, actor_id: int | None, what: str, **details: Any) -> None:
    audit.record(
        actor_id=actor_id,
        action=f"accounts.organisation_{what}",
        subject=("organisation", str(organisation.id)),
        organisation_id=organisation.id,
        **details,
    )


def _tell(organisation: Organisation) -> None:
    publish(OrganisationChanged(organisation_id=organisation.id, state=organisation.state, name=organisation.name))
