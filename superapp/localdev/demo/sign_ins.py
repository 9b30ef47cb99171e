"""Whom to sign in as, for the card that `make run` prints."""

import unicodedata

import phonenumbers
from django.conf import settings
from django.db.models import F, Sum

from messaging.models import Membership
from superapp.accounts import selectors as accounts
from superapp.accounts.models import HandleDirectory, User
from superapp.client.talk import DEMO_PASSWORD, DEMO_PIN
from superapp.localdev.demo import staff

SHOWN = ("ada", "bo", "chloe", "mei")


def card() -> list[str]:
    """One line for each of some demo people, and their password; none where there are none."""
    user_ids = dict(HandleDirectory.objects.filter(handle__in=SHOWN).values_list("handle", "user_id"))
    users = accounts.users(user_ids.values())
    unread = _unread_of(users)
    shown = [users[user_ids[handle]] for handle in SHOWN if handle in user_ids and users[user_ids[handle]].is_demo]
    lines = [f"{user.handle or '':<11} {_described(user)}{unread.get(user.id, 0)} unread" for user in shown]
    return (
        [*lines, f"password    {DEMO_PASSWORD}   (everybody's)   payment PIN {DEMO_PIN}", *staff.card()]
        if lines
        else []
    )


def _unread_of(users: dict[int, User]) -> dict[int, int]:
    memberships = Membership.objects.filter(user_id__in=users)
    counted = memberships.values("user_id").annotate(
        unread=Sum(F("conversation__last_message_no") - F("read_message_no"))
    )
    return dict(counted.values_list("user_id", "unread"))


def _described(user: User) -> str:
    language = dict(settings.LANGUAGES).get(user.language, user.language)
    return _padded(user.display_name, 15) + _padded(_readable(user.phone), 19) + _padded(language, 11)


def _readable(phone: str | None) -> str:
    if phone is None:
        return ""
    return phonenumbers.format_number(phonenumbers.parse(phone), phonenumbers.PhoneNumberFormat.INTERNATIONAL)


def _padded(text: str, columns: int) -> str:
    """Chinese characters are two columns wide."""
    width = sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in text)
    return text + " " * max(1, columns - width)
