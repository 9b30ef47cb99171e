"""Who somebody is: the row of a person and the directories that keep phone and handle unique."""

from typing import Any

from django.contrib.auth.hashers import check_password, make_password
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import transaction

from superapp.accounts.errors import HandleTaken, PasswordRejected, PasswordWrong
from superapp.accounts.events import ProfileChanged
from superapp.accounts.models import HandleDirectory, PhoneDirectory, User
from superapp.accounts.services import attempts
from superapp.accounts.services.devices import revoke_other_devices
from superapp.core import limits
from superapp.core.events import publish
from superapp.core.ids import new_id
from superapp.media import services as media


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
) -> User:
    """``phone`` in E.164. Raises ``HandleTaken``; a taken phone raises ``IntegrityError``: see ``user_for_phone``."""
    user = User(
        id=new_id(),
        phone=phone,
        display_name=display_name,
        password=make_password(password),
        language=language,
        time_zone=time_zone,
        is_demo=is_demo,
    )
    if phone:
        PhoneDirectory.objects.create(phone=phone, user_id=user.id)
    if handle:
        user.handle = _claim_handle(user.id, handle)
    user.save(force_insert=True)
    return user


@transaction.atomic
def user_for_phone(phone: str, *, language: str) -> tuple[User, bool]:
    """The person with this number, made when there is none, and whether they are new.

    Two sign-ups at once end with one person: the second waits on the directory's key for the first to commit.
    """
    candidate = new_id()
    PhoneDirectory.objects.bulk_create([PhoneDirectory(phone=phone, user_id=candidate)], ignore_conflicts=True)
    entry = PhoneDirectory.objects.get(phone=phone)
    if entry.user_id != candidate:
        return User.objects.get(id=entry.user_id), False
    user = User(
        id=candidate,
        phone=phone,
        display_name=f"···{phone[-4:]}",
        language=language,
        password=make_password(None),
    )
    user.save(force_insert=True)
    return user, True


def change_profile(*, actor_id: int, **changes: Any) -> User:
    """Change any of ``display_name``, ``handle``, ``avatar_id``, ``language``, ``time_zone``; None removes the avatar.

    Raises ``HandleTaken``, ``NotFound`` (somebody else's photo), ``NotReady``, ``TooManyRequests`` (handles).
    """
    if "handle" in changes:
        changes["handle"] = changes["handle"].lower()
        if not User.objects.filter(id=actor_id, handle=changes["handle"]).exists():
            limits.take(action="accounts.change_handle.user", subject=str(actor_id))
    return _change_profile(actor_id, changes)


@transaction.atomic
def _change_profile(actor_id: int, changes: dict[str, Any]) -> User:
    user = User.objects.select_for_update(no_key=True).get(id=actor_id)
    if "handle" in changes and changes["handle"] != user.handle:
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


def set_password(*, actor_id: int, device_id: int, new_password: str, current_password: str | None = None) -> None:
    """Set or change the password and sign every other device out.

    Raises ``PasswordRejected`` with the reasons when the new one is too weak, ``PasswordWrong`` when there is one
    already and ``current_password`` is not it, and ``TooManyRequests`` after several of those.
    """
    user = User.objects.get(id=actor_id)
    try:
        validate_password(new_password, user)
    except ValidationError as error:
        raise PasswordRejected(reasons=error.messages) from None
    if user.has_usable_password():
        # Whoever found a phone unlocked must not find the password out with it.
        attempts.count(f"user:{actor_id}")
    limits.take(action="accounts.change_password.user", subject=str(actor_id))
    _change_password(actor_id, device_id, current_password or "", new_password)


@transaction.atomic
def _change_password(actor_id: int, device_id: int, current_password: str, new_password: str) -> None:
    user = User.objects.select_for_update(no_key=True).get(id=actor_id)
    if user.has_usable_password() and not check_password(current_password, user.password):
        raise PasswordWrong
    user.password = make_password(new_password)
    user.save(update_fields=["password"])
    revoke_other_devices(actor_id=actor_id, kept_device_id=device_id, reason="password_changed")
    attempts.forget(f"user:{actor_id}")


def _claim_handle(user_id: int, handle: str) -> str:
    handle = handle.lower()
    HandleDirectory.objects.bulk_create([HandleDirectory(handle=handle, user_id=user_id)], ignore_conflicts=True)
    if HandleDirectory.objects.get(handle=handle).user_id != user_id:
        raise HandleTaken
    return handle
