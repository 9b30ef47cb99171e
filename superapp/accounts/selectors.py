"""Reads: who holds a token, and what people show of themselves."""

import functools
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import connection
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from superapp.accounts import registry
from superapp.accounts.models import (
    DataExport,
    Device,
    Erasure,
    HandleDirectory,
    Organisation,
    OrganisationInvitation,
    OrganisationMember,
    PhoneDirectory,
    User,
)
from superapp.core import audit, tokens
from superapp.core.api.fields import rfc3339
from superapp.core.errors import Forbidden, NotFound
from superapp.core.links import LinkEnded, ScanResult
from superapp.core.text import search_query


def device_for_access_token(text: str) -> Device | None:
    """The live device, with its person, whose current token this is. One statement."""
    token = tokens.parse("access", text)
    if token is None:
        return None
    with connection.cursor() as cursor:
        cursor.execute(_token_statement(), [token.owner_id, token.digest, timezone.now()])
        row = cursor.fetchone()
    if row is None:
        return None
    of_device = [field.attname for field in Device._meta.concrete_fields]
    device = Device.from_db(connection.alias, of_device, row[: len(of_device)])
    of_user = [field.attname for field in User._meta.concrete_fields]
    device.user = User.from_db(connection.alias, of_user, row[len(of_device) :])
    return device


@functools.cache
def _token_statement() -> str:
    """Every request asks this. The ORM, whose statement it is, takes longer to write it than Postgres to answer it."""
    living = Device.objects.select_related("user").filter(revoked_at=None, user__is_active=True)
    # One by one: of several in one call the ORM chooses the order, and with it that of the parameters.
    question = living.filter(user_id=0).filter(access_digest="").filter(access_expires_at__gt=timezone.now())
    return question.query.sql_with_params()[0]


def access_expiry(*, user_id: int, device_id: int) -> datetime | None:
    """Until when this device may act; None when it is revoked, expired or its person is not active."""
    return (
        Device.objects.filter(
            user_id=user_id,
            id=device_id,
            revoked_at=None,
            access_expires_at__gt=timezone.now(),
            user__is_active=True,
        )
        .values_list("access_expires_at", flat=True)
        .first()
    )


def language_of(user_id: int) -> str:
    return User.objects.filter(id=user_id).values_list("language", flat=True).first() or settings.LANGUAGE_CODE


def is_signed_in(user_id: int, device_id: int) -> bool:
    """Whether what this device was given still counts: neither it was signed out nor its person deactivated."""
    return Device.objects.filter(user_id=user_id, id=device_id, revoked_at=None, user__is_active=True).exists()


def signed_in(devices: Iterable[tuple[int, int]]) -> set[tuple[int, int]]:
    """Which of these (person, device) ``is_signed_in``. One statement, however many."""
    pairs = list(devices)
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT d.user_id, d.id FROM unnest(%s::bigint[], %s::bigint[]) AS asked(user_id, id)
            JOIN accounts_device d ON d.user_id = asked.user_id AND d.id = asked.id
            JOIN accounts_user u ON u.id = d.user_id
            WHERE d.revoked_at IS NULL AND u.is_active
            """,
            [[user_id for user_id, _device_id in pairs], [device_id for _user_id, device_id in pairs]],
        )
        return set(cursor.fetchall())


def banned(user_ids: Iterable[int]) -> set[int]:
    """Who of them has been shut out."""
    return set(User.objects.filter(id__in=list(user_ids), banned_at__isnull=False).values_list("id", flat=True))


def devices_of(user_id: int) -> QuerySet[Device]:
    """Those that are signed in: whose newest refresh token works, give or take the access that it was
    given with: a device is seen when it refreshes, and while its socket is open."""
    now = timezone.now()
    return Device.objects.filter(
        user_id=user_id,
        revoked_at=None,
        last_seen_at__gt=now - settings.REFRESH_TOKEN_LIFETIME,
        created_at__gt=now - settings.DEVICE_SESSION_LIFETIME,
    )


def device_frame(*, user_id: int, device_id: int) -> dict[str, str] | None:
    """A device as REST shows it, but for what depends on who looks; None when it has been forgotten."""
    device = Device.objects.filter(user_id=user_id, id=device_id).first()
    if device is None:
        return None
    return {
        "id": str(device.id),
        "name": device.name,
        "platform": device.platform,
        "created_at": rfc3339(device.created_at),
        "last_seen_at": rfc3339(device.last_seen_at),
    }


def active_user(user_id: int) -> User:
    """Raises ``NotFound``."""
    user = User.objects.filter(id=user_id, is_active=True).first()
    if user is None:
        raise NotFound
    return user


def active_users(user_ids: Iterable[int]) -> QuerySet[User]:
    """Those of these people who may act: neither banned nor gone."""
    return User.objects.filter(id__in=list(user_ids), is_active=True)


def visible_user(user_id: int, *, viewer_id: int) -> User:
    """Raises ``NotFound`` also for who hides from the viewer, after as many statements."""
    user = User.objects.filter(id=user_id, is_active=True).first()
    if registry.visibility.hidden_from(viewer_id, [user_id]) or user is None:
        raise NotFound
    return user


def user_by_handle(handle: str, *, viewer_id: int) -> User:
    """The active person whose handle this is now. Raises ``NotFound``, in as many statements, for none and for who
    hides from the viewer."""
    handle = handle.lower()
    owner_id = HandleDirectory.objects.filter(handle=handle).values_list("user_id", flat=True).first()
    user = visible_user(owner_id or 0, viewer_id=viewer_id)
    if user.handle != handle:
        raise NotFound
    return user


def visible_avatars(viewer_id: int, references: set[str]) -> set[str]:
    """A face is shown to everybody who is signed in, but for those from whom its person hides."""
    hidden = registry.visibility.hidden_from(viewer_id, map(int, references))
    return references - set(map(str, hidden))


def user_by_phone(phone: str, *, viewer_id: int) -> User:
    """The active person whose number this is now, in E.164. Raises ``NotFound``, in as many statements, for none and
    for who hides from the viewer."""
    entries = PhoneDirectory.objects.filter(phone=phone, released_at=None)
    return visible_user(entries.values_list("user_id", flat=True).first() or 0, viewer_id=viewer_id)


def users_with_handle_like(prefix: str, *, limit: int) -> list[User]:
    """The first active people whose handle begins so, by handle. One statement, which reads the directory in its order
    from the prefix on and no further than it needs."""
    people = HandleDirectory.objects.raw(
        """
        SELECT entry.handle, entry.user_id FROM accounts_handle AS entry
        JOIN accounts_user AS person
            ON person.id = entry.user_id AND person.handle = entry.handle AND person.is_active
        WHERE entry.handle ~>=~ %(prefix)s AND entry.handle ~<~ %(beyond)s
        ORDER BY entry.handle USING ~<~ LIMIT %(limit)s
        """,
        # Behind every character that a handle may have.
        {"prefix": prefix.lower(), "beyond": prefix.lower() + "{", "limit": limit},
    )
    found = [entry.user_id for entry in people]
    known = users(found)
    return [known[user_id] for user_id in found if user_id in known]


def user_ids_named(text: str) -> list[int]:
    """Whose handle, number or former handle this is, exactly. A former number may be somebody else's by now."""
    name = text.strip().lower()
    if name.startswith("+"):
        return list(PhoneDirectory.objects.filter(phone=name, released_at=None).values_list("user_id", flat=True))
    return list(HandleDirectory.objects.filter(handle=name.removeprefix("@")).values_list("user_id", flat=True))


def users(user_ids: Iterable[int]) -> dict[int, User]:
    """People by id; those that do not exist are left out."""
    return User.objects.in_bulk(list(set(user_ids)))


def person_behind_card(viewer_id: int, reference: str) -> ScanResult:
    """Whose QR card this is. Raises ``NotFound`` for somebody who is not active, or hides from the viewer."""
    user = visible_user(int(reference), viewer_id=viewer_id)
    return ScanResult(title=user.display_name, data=profile_frame(user))


def profile_frame(user: User) -> dict[str, str | None]:
    """What everybody may see of a person, as REST shows it."""
    return {
        "id": str(user.id),
        "handle": user.handle,
        "display_name": user.shown_name,
        "avatar_id": None if user.avatar_id is None else str(user.avatar_id),
    }


# --- Organisations ----------------------------------------------------------------------------------------------------


def place(*, actor_id: int, organisation_id: int) -> OrganisationMember:
    """The actor's place on the staff, with the organisation. One statement.

    Raises ``NotFound`` for outsiders, and for whoever is banned: their rights stop at once.
    """
    found = places_of(actor_id).filter(organisation_id=organisation_id).first()
    if found is None:
        raise NotFound
    return found


def places_of(user_id: int) -> QuerySet[OrganisationMember]:
    """On whose staff somebody active is, with the organisations; page by ``-organisation_id``."""
    active = User.objects.filter(id=OuterRef("user_id"), is_active=True)
    return OrganisationMember.objects.select_related("organisation").filter(Exists(active), user_id=user_id)


def mine(*, user_id: int, organisation_ids: Iterable[int]) -> dict[int, dict[str, list[str]]]:
    """What somebody is in these organisations and may do there, as answers show it under ``mine``. Organisations on
    whose staff they are not are left out. One statement."""
    found = places_of(user_id).filter(organisation_id__in=set(organisation_ids))
    return {one.organisation_id: mine_frame(one) for one in found}


def mine_frame(one: OrganisationMember) -> dict[str, list[str]]:
    kind = one.organisation.kind
    return {
        "roles": registry.roles.in_order(kind, one.roles),
        "rights": registry.roles.in_order(kind, registry.roles.rights(kind, one.roles)),
    }


def organisation_frame(organisation: Organisation) -> dict[str, str]:
    """What somebody is told of an organisation that is not theirs, or not yet."""
    return {"id": str(organisation.id), "kind": organisation.kind, "name": organisation.name}


def manages_staff(one: OrganisationMember) -> bool:
    return registry.roles.manage_staff(one.organisation.kind, one.roles)


def staff_of(*, actor_id: int, organisation_id: int) -> QuerySet[OrganisationMember]:
    """For whoever is on it; page by ``joined_at, user_id``. Raises ``NotFound``."""
    place(actor_id=actor_id, organisation_id=organisation_id)
    return OrganisationMember.objects.filter(organisation_id=organisation_id)


def owner_ids(organisation_id: int) -> list[int]:
    """The first hundred."""
    owners = OrganisationMember.objects.filter(organisation_id=organisation_id, roles__contains=[registry.OWNER])
    return list(owners.order_by("joined_at", "user_id").values_list("user_id", flat=True)[:100])


def open_invitations(*, actor_id: int, organisation_id: int) -> QuerySet[OrganisationInvitation]:
    """What waits for an answer, for whoever may change the staff; page by ``-id``.

    Raises ``NotFound``, ``Forbidden``.
    """
    if not manages_staff(place(actor_id=actor_id, organisation_id=organisation_id)):
        raise Forbidden
    return _waiting().filter(organisation_id=organisation_id)


def invitations_to(user_id: int) -> QuerySet[OrganisationInvitation]:
    """What waits for somebody's answer, with the organisations; page by ``-id``."""
    return _waiting().filter(_is_to(user_id), organisation__state=Organisation.State.ACTIVE)


def invitation_to(user_id: int, invitation_id: int) -> OrganisationInvitation:
    """One that somebody may answer, or has. Raises ``NotFound``."""
    invitation = OrganisationInvitation.objects.filter(_is_to(user_id), id=invitation_id).first()
    if invitation is None:
        raise NotFound
    return invitation


def invitees(invitation_id: int) -> dict[int, OrganisationInvitation]:
    """Whom an invitation that waits is to, as far as they are known, nobody or one, with the invitation."""
    invitation = _waiting().filter(id=invitation_id).first()
    if invitation is None or invitation.is_by_link:
        return {}
    who = Q(id=invitation.invitee_id) if invitation.phone is None else Q(id__in=user_ids_named(invitation.phone))
    return dict.fromkeys(User.objects.filter(who, is_active=True).values_list("id", flat=True), invitation)


def invitation_behind_link(viewer_id: int, reference: str) -> ScanResult:
    """Raises ``LinkEnded`` for one that was answered or taken back, or has expired."""
    invitation = _waiting().filter(id=int(reference), organisation__state=Organisation.State.ACTIVE).first()
    if invitation is None:
        raise LinkEnded
    return ScanResult(title=invitation.organisation.name, data=invitation_frame(invitation))


def invitation_frame(invitation: OrganisationInvitation) -> dict[str, Any]:
    """What the person sees who is to answer it, as REST shows it."""
    return {
        "id": str(invitation.id),
        "organisation": organisation_frame(invitation.organisation),
        "roles": invitation.roles,
        "expires_at": rfc3339(invitation.expires_at),
    }


def _waiting() -> QuerySet[OrganisationInvitation]:
    return OrganisationInvitation.objects.select_related("organisation").filter(
        state=OrganisationInvitation.State.PENDING, expires_at__gt=timezone.now()
    )


def _is_to(user_id: int) -> Q:
    """To them, or to the number that they have now. Asked for first: so each half has its index."""
    phone = User.objects.filter(id=user_id).values_list("phone", flat=True).first()
    return Q(invitee_id=user_id) | Q(phone=phone) if phone else Q(invitee_id=user_id)


def first_places(organisation_id: int, *, most: int) -> list[OrganisationMember]:
    """For our own staff: whoever came first is first."""
    places = OrganisationMember.objects.filter(organisation_id=organisation_id)
    return list(places.order_by("joined_at", "user_id")[:most])


def open_invitation_count(organisation_id: int) -> int:
    return _waiting().filter(organisation_id=organisation_id).count()


def request_count(*, most: int) -> int:
    """How many organisations wait to be approved, counted so far."""
    waiting = Organisation.objects.filter(state=Organisation.State.REQUESTED)
    return waiting.order_by()[:most].count()


def show_people(places: Iterable[OrganisationMember]) -> None:
    """Put the people beside their places on a staff, as ``user``. One statement."""
    found = list(places)
    people = users(one.user_id for one in found)
    for one in found:
        one.user = people[one.user_id]  # type: ignore[attr-defined]


def organisations_named(words: str) -> QuerySet[Organisation]:
    """In whose names all these words stand, or begin."""
    return Organisation.objects.filter(search=search_query(words))


# --- Leaving ----------------------------------------------------------------------------------------------------------


def blockers_of(user_id: int) -> list[registry.Blocker]:
    """What somebody has to settle, in whichever room, before they may go."""
    return [blocker for room in registry.privacy.rooms() for blocker in room.blockers(user_id)]


def owned_alone(user_id: int) -> list[Organisation]:
    """Organisations that would be left without an owner; to somebody active, also those that would be left to nobody
    else who is. One statement."""
    owners = OrganisationMember.objects.filter(roles__contains=[registry.OWNER])
    is_active = Exists(User.objects.filter(id=user_id, is_active=True))
    owned = Organisation.objects.filter(id__in=owners.filter(user_id=user_id).values("organisation_id"))
    others = Exists(_active_owners(OuterRef("id")).exclude(user_id=user_id))
    alone = owned.filter(Q(owner_count=1) | (Q(is_active) & ~Q(others)))
    return list(alone.exclude(state=Organisation.State.REFUSED).order_by("-id")[:100])


def somebody_else_owns(organisation_id: int, user_id: int) -> bool:
    """Somebody who can act: neither banned nor on their way out."""
    return _active_owners(organisation_id).exclude(user_id=user_id).exists()


def _active_owners(organisation_id: Any) -> QuerySet[OrganisationMember]:
    active = User.objects.filter(id=OuterRef("user_id"), is_active=True)
    owners = OrganisationMember.objects.filter(organisation_id=organisation_id, roles__contains=[registry.OWNER])
    return owners.filter(Exists(active))


def erasures_due(*, limit: int, overdue: timedelta = timedelta(0)) -> list[int]:
    """Whose account is to be erased, or erased further, since ``overdue``; without those that wait for a person."""
    due = Erasure.objects.filter(done_at=None, next_at__lte=timezone.now() - overdue, attempts__lt=Erasure.MAX_ATTEMPTS)
    return list(due.order_by("next_at").values_list("user_id", flat=True)[:limit])


def log_about(user_id: int) -> Iterator[dict[str, str | None]]:
    """What the audit log says of somebody's account, the newest first: what was done, and whether by themselves.
    Who of the staff it was, and why, is not theirs to read."""
    last = None
    while True:
        entries = audit.entries_about("user", str(user_id))
        batch = list((entries if last is None else entries.filter(id__lt=last))[:1000])
        for entry in batch:
            yield {
                "at": rfc3339(entry.at),
                "action": entry.action,
                "by": "yourself" if entry.actor_id == user_id else "staff" if entry.actor_id else "system",
                "address": entry.client_address if entry.actor_id == user_id else None,
            }
        if len(batch) < 1000:
            return
        last = batch[-1].id


# --- Copies of people's data ------------------------------------------------------------------------------------------


def exports_of(user_id: int) -> QuerySet[DataExport]:
    """Those that are being made, can be fetched or failed; page by ``-id``."""
    return DataExport.objects.filter(user_id=user_id, expires_at__gt=timezone.now())


def export_of(user_id: int, export_id: int) -> DataExport:
    """Raises ``NotFound``."""
    export = exports_of(user_id).filter(id=export_id).first()
    if export is None:
        raise NotFound
    return export


def visible_archives(viewer_id: int, references: set[str]) -> set[str]:
    """Of these copies (by their ids as text) those that are the viewer's, and not over. One statement."""
    found = exports_of(viewer_id).filter(id__in=[int(reference) for reference in references])
    return {str(export_id) for export_id in found.values_list("id", flat=True)}


def exports_left_behind(*, limit: int, overdue: timedelta = timedelta(0)) -> list[int]:
    """Copies that somebody should have gone on with ``overdue`` ago, the longest waiting first."""
    waiting = DataExport.objects.filter(state=DataExport.State.PREPARING, due_at__lte=timezone.now() - overdue)
    return list(waiting.order_by("due_at").values_list("id", flat=True)[:limit])


def exports_over(*, limit: int) -> list[int]:
    """Copies whose time is over, in whichever state."""
    over = DataExport.objects.filter(expires_at__lte=timezone.now()).order_by("expires_at")
    return list(over.values_list("id", flat=True)[:limit])
