"""Another number for an account, in three steps: who it is, a code to the new number, and the change.

Nothing asks whose the new number is before somebody has proved that they hold it: until then a taken number is answered
like any other, in as many statements.
"""

from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.db import transaction
from django.utils import timezone, translation
from django.utils.translation import gettext

from superapp.accounts import selectors
from superapp.accounts.errors import (
    CodeExpired,
    PhoneChangeExpired,
    PhoneInvalid,
    PhoneTaken,
)
from superapp.accounts.events import PhoneChanged
from superapp.accounts.models import PhoneChange, SignInCode, User
from superapp.accounts.services import codes, numbers
from superapp.accounts.services.devices import revoke_other_devices
from superapp.accounts.services.proof import prove_again
from superapp.core import audit, limits, tokens
from superapp.core.api.fields import rfc3339
from superapp.core.events import publish

_KIND = "phone_change"


@dataclass(frozen=True)
class BegunPhoneChange:
    """``change_token`` goes with the next two steps; its text exists only here."""

    change_token: str
    expires_at: datetime


def send_own_phone_code(*, actor_id: int, client_address: str) -> codes.SentCode:
    """A code to the number that the actor has, by which they show who they are. Raises what ``send_code`` does,
    ``PhoneInvalid`` also where there is no number."""
    user = User.objects.get(id=actor_id)
    if user.phone is None:
        raise PhoneInvalid
    return codes.send_code(
        phone=user.phone,
        language=user.language,
        client_address=client_address,
        purpose=SignInCode.Purpose.OWN_PHONE,
        user_id=actor_id,
    )


def begin_phone_change(
    *, actor_id: int, device_id: int, password: str = "", challenge: str = "", code: str = ""
) -> BegunPhoneChange:
    """Prove anew who it is, by the password or by a code of ``send_own_phone_code``.

    Raises what ``prove_again`` does.
    """
    prove_again(actor_id=actor_id, password=password, challenge=challenge, code=code)
    # Only now, or a stranger with the phone in hand could use up what its owner may do.
    limits.take(action="accounts.change_phone.user", subject=str(actor_id))
    token = tokens.issue(_KIND, owner_id=actor_id)
    expires_at = timezone.now() + settings.PHONE_CHANGE_LIFETIME
    PhoneChange.objects.create(user_id=actor_id, digest=token.digest, device_id=device_id, expires_at=expires_at)
    return BegunPhoneChange(change_token=token.text, expires_at=expires_at)


def send_new_phone_code(
    *, actor_id: int, device_id: int, change_token: str, phone: str, client_address: str
) -> codes.SentCode:
    """A code to the number that shall be the actor's. Raises ``PhoneChangeExpired`` and what ``send_code`` does."""
    change = _change(actor_id, device_id, change_token)
    if change.done_at is not None:
        raise PhoneChangeExpired
    return codes.send_code(
        phone=phone,
        language=User.objects.get(id=actor_id).language,
        client_address=client_address,
        purpose=SignInCode.Purpose.NEW_PHONE,
        user_id=actor_id,
    )


def change_phone(*, actor_id: int, device_id: int, change_token: str, challenge: str, code: str) -> User:
    """Take the number whose code this is; every other device is signed out, and told why.

    Repeating the call that succeeded succeeds. Raises ``PhoneChangeExpired``, what ``check_code`` does, and to whoever
    proved the number ``PhoneTaken`` or ``PhoneReserved``, which leave everything as it was.
    """
    change = _change(actor_id, device_id, change_token)
    if change.done_at is not None:
        return _again(actor_id, challenge)
    try:
        sent = codes.check_code(challenge=challenge, code=code, purpose=SignInCode.Purpose.NEW_PHONE, user_id=actor_id)
    except CodeExpired:
        # Somebody who asked twice at once: the first may have come through meanwhile.
        if _change(actor_id, device_id, change_token).done_at is None:
            raise
        return _again(actor_id, challenge)
    return _change_phone(actor_id, device_id, change_token, sent)


@transaction.atomic
def _change_phone(actor_id: int, device_id: int, change_token: str, sent: SignInCode) -> User:
    user = User.objects.select_for_update(no_key=True).get(id=actor_id)
    change = _change(actor_id, device_id, change_token)
    if change.done_at is not None:
        return _again(actor_id, sent.challenge)
    if not selectors.is_signed_in(actor_id, device_id):
        # Signed out, or shut out, while this was under way.
        raise PhoneChangeExpired
    codes.use_code(sent)
    now, old = timezone.now(), user.phone or ""
    PhoneChange.objects.filter(user_id=actor_id, digest=change.digest).update(done_at=now)
    if sent.phone == old:
        return user
    for number in sorted({sent.phone, old} - {""}):
        numbers.lock(number)
    if numbers.claim(sent.phone, candidate_id=actor_id) != actor_id:
        raise PhoneTaken
    if old:
        numbers.release(old, user_id=actor_id)
    user.phone = sent.phone
    user.save(update_fields=["phone"])
    audit.record(
        actor_id=actor_id,
        action="accounts.phone_changed",
        subject=("user", str(actor_id)),
        before={"phone_ending": old[-2:]},
        after={"phone_ending": sent.phone[-2:]},
    )
    # Before the devices end: their sockets show it before they close.
    publish(PhoneChanged(user_id=actor_id, old_phone=old, changed_at=rfc3339(now)))
    revoke_other_devices(actor_id=actor_id, kept_device_id=device_id, reason="phone_changed")
    return user


def tell_old_number(event: PhoneChanged) -> None:
    """Whoever lost the account with their number learns it there. Raises ``Unavailable``."""
    language = User.objects.values_list("language", flat=True).get(id=event.user_id)
    with translation.override(language):
        text = gettext("Your Superapp account no longer has this number. If this was not you, please contact us.")
    codes.tell(
        phone=event.old_phone,
        text=text,
        language=language,
        message_id=f"phone_changed_{event.user_id}_{event.changed_at}",
    )


def _change(actor_id: int, device_id: int, change_token: str) -> PhoneChange:
    token = tokens.parse(_KIND, change_token)
    change = PhoneChange.objects.filter(
        user_id=actor_id,
        digest=token.digest if token else "",
        device_id=device_id,
        expires_at__gt=timezone.now(),
    ).first()
    if change is None:
        raise PhoneChangeExpired
    return change


def _again(actor_id: int, challenge: str) -> User:
    """The answer to the call that changed it, once more; to any other one the change is over."""
    used = SignInCode.objects.filter(
        challenge=challenge, user_id=actor_id, purpose=SignInCode.Purpose.NEW_PHONE, used_at__isnull=False
    ).first()
    user = User.objects.get(id=actor_id)
    if used is None or used.phone != user.phone:
        raise PhoneChangeExpired
    return user
