"""Who somebody is: the row of a person and the directories that keep phone and handle unique."""

from datetime import timedelta
from typing import Any

from django.conf import settings
from django.contrib.auth.hashers import check_password, make_password
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone, translation
from django.utils.translation import gettext

from superapp.accounts.errors import CodeExpired, CodeWrong, HandleTaken, PasswordRejected, PasswordWrong
from superapp.accounts.events import ProfileChanged
from superapp.accounts.models import Device, HandleDirectory, PhoneDirectory, User
from superapp.accounts.services import attempts, numbers
from superapp.accounts.services.codes import redeem_code
from superapp.accounts.services.devices import revoke_other_devices
from superapp.core import limits
from superapp.core.errors import TooManyRequests
from superapp.core.events import publish
from superapp.core.ids import new_id
from superapp.media import services as media

NEW_HANDLES_PER_PERIOD, HANDLE_PERIOD = 5, timedelta(days=30)
#: Whoever had one of these could pass for us.
RESERVED_HANDLES = frozenset(
    {"abuse", "admin", "administrator", "billing", "contact", "everyone", "help", "info", "legal", "me", "moderator"}
    | {"moderators", "news", "nobody", "notice", "notices", "official", "operator", "owner", "payment", "payments"}
    | {"postmaster", "privacy", "root", "safety", "security", "service", "services", "staff", "superapp", "superuser"}
    | {"support", "system", "team", "verified", "wallet", "webmaster"}
)


@transaction.atomic
def create_user(
    *,
    phone: str | None,
    display_name: str,
    handle: str | None = None,
    password: str | None = None,
    language: str = "en",
    time_zone: str = "UTC",
    is_demo: bool = False,
    accepts_terms: bool = True,
) -> User:
    """``phone`` in E.164; ``accepts_terms`` unless somebody else does this for them.

    Raises ``HandleTaken``; a taken phone raises ``IntegrityError``: see ``user_for_phone``.
    """
    user = User(
        id=new_id(),
        phone=phone,
        display_name=display_name,
        password=make_password(password),
        language=language,
        time_zone=time_zone,
        is_demo=is_demo,
        **(_agreed() if accepts_terms else {}),
    )
    if phone:
        PhoneDirectory.objects.create(phone=phone, user_id=user.id)
    if handle:
        user.handle = _claim_handle(user.id, handle)
    user.save(force_insert=True)
    return user


@transaction.atomic
def user_for_phone(phone: str, *, language: str) -> tuple[User, bool]:
    """The person with this number, made when there is none, and whether they are new. Two sign-ups at once make one.

    Raises ``PhoneReserved`` for a number that was given up and is not free yet, also to its last person: who holds the
    phone may be somebody else by now.
    """
    candidate = new_id()
    owner_id = numbers.claim(phone, candidate_id=candidate)
    if owner_id != candidate:
        return User.objects.get(id=owner_id), False
    user = User(
        id=candidate,
        phone=phone,
        display_name=_first_name(candidate, language),
        language=language,
        password=make_password(None),
        **_agreed(),
    )
    user.save(force_insert=True)
    return user, True


def _agreed() -> dict[str, Any]:
    """Whoever signs up agrees to the terms that the app shows there."""
    return {"terms_version": settings.TERMS_VERSION, "terms_accepted_at": timezone.now()}


def _first_name(user_id: int, language: str) -> str:
    """What somebody is called until they say. Everybody sees it, so it has nothing of the phone's number in it."""
    with translation.override(language):
        return gettext("Newcomer %(number)s") % {"number": user_id % 1_000_000}


def change_profile(*, actor_id: int, **changes: Any) -> User:
    """Change any of ``display_name``, ``handle``, ``avatar_id``, ``language``, ``time_zone``, ``birth_date``; None
    removes the avatar or the birth date.

    Raises ``HandleTaken``, ``NotFound`` (somebody else's photo), ``NotReady``, ``TooManyRequests`` (changes, or new
    handles; a return to an earlier one of one's own does not count).
    """
    limits.take(action="accounts.change_profile.user", subject=str(actor_id))
    return _change_profile(actor_id, changes)


@transaction.atomic
def _change_profile(actor_id: int, changes: dict[str, Any]) -> User:
    user = User.objects.select_for_update(no_key=True).get(id=actor_id)
    if "handle" in changes:
        changes["handle"] = _claim_handle(user.id, changes["handle"])
    if "avatar_id" in changes and changes["avatar_id"] != user.avatar_id:
        media.detach(purpose="avatar", reference=str(user.id))
        if changes["avatar_id"] is not None:
            media.attach(asset_ids=[changes["avatar_id"]], owner_id=user.id, purpose="avatar", reference=str(user.id))
    for name, value in changes.items():
        setattr(user, name, value)
    user.save(update_fields=list(changes))
    publish(ProfileChanged(user_id=user.id))
    return user


def set_password(
    *,
    actor_id: int,
    device_id: int,
    new_password: str,
    current_password: str = "",
    challenge: str = "",
    code: str = "",
) -> None:
    """Set or change the password and sign every other device out.

    Where there is one already it takes that one, or a code that was sent to the actor's own phone; where there is none,
    such a code, or that the device signed in just now.

    Raises ``PasswordRejected`` with the reasons when the new one is too weak, ``PasswordWrong`` when the current one is
    not right, ``TooManyRequests`` after several of those, and what ``redeem_code`` does; ``CodeWrong`` also for a code
    that proves somebody else's phone, ``CodeExpired`` where one is needed for the first password.
    """
    user = User.objects.get(id=actor_id)
    try:
        validate_password(new_password, user)
    except ValidationError as error:
        raise PasswordRejected(reasons=error.messages) from None
    limits.take(action="accounts.change_password.user", subject=str(actor_id))
    if challenge:
        if redeem_code(challenge=challenge, code=code).phone != user.phone:
            raise CodeWrong
    elif user.has_usable_password():
        # Whoever found a phone unlocked must not find the password out with it.
        attempts.count(f"user:{actor_id}")
    _change_password(actor_id, device_id, current_password, new_password, is_proven=bool(challenge))


@transaction.atomic
def _change_password(
    actor_id: int, device_id: int, current_password: str, new_password: str, *, is_proven: bool
) -> None:
    user = User.objects.select_for_update(no_key=True).get(id=actor_id)
    if not is_proven:
        _check_may_choose(user, device_id, current_password)
    user.password = make_password(new_password)
    user.save(update_fields=["password"])
    revoke_other_devices(actor_id=actor_id, kept_device_id=device_id, reason="password_changed")
    attempts.forget(f"user:{actor_id}")


def _check_may_choose(user: User, device_id: int, current_password: str) -> None:
    """Raises ``PasswordWrong``, ``CodeExpired``."""
    if user.has_usable_password():
        if not check_password(current_password, user.password):
            raise PasswordWrong
        return
    # A password proves who somebody is wherever that is asked anew: a session alone must not be enough to choose one.
    since = timezone.now() - settings.FIRST_PASSWORD_WITHIN
    if not Device.objects.filter(user_id=user.id, id=device_id, revoked_at=None, created_at__gt=since).exists():
        raise CodeExpired


def _claim_handle(user_id: int, handle: str) -> str:
    """In a transaction that holds the person's row, or has just made it."""
    handle = handle.lower()
    if handle in RESERVED_HANDLES:
        raise HandleTaken
    owner_id = HandleDirectory.objects.filter(handle=handle).values_list("user_id", flat=True).first()
    if owner_id is None:
        _check_may_claim(user_id)
        HandleDirectory.objects.bulk_create([HandleDirectory(handle=handle, user_id=user_id)], ignore_conflicts=True)
        owner_id = HandleDirectory.objects.get(handle=handle).user_id
    if owner_id != user_id:
        raise HandleTaken
    return handle


def _check_may_claim(user_id: int) -> None:
    """A handle given up stays its person's, so whoever changed it often would collect the good ones."""
    since = timezone.now() - HANDLE_PERIOD
    claims = HandleDirectory.objects.filter(user_id=user_id, claimed_at__gt=since).order_by("-claimed_at")
    times = list(claims.values_list("claimed_at", flat=True)[:NEW_HANDLES_PER_PERIOD])
    if len(times) == NEW_HANDLES_PER_PERIOD:
        raise TooManyRequests(retry_after_seconds=(times[-1] - since).total_seconds())
