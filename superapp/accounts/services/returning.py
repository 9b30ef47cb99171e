"""The way back into an account that was given up: whoever proves that it is theirs gets a token that takes it back."""

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from superapp.accounts.errors import AccountDeactivated, SignInFailed
from superapp.accounts.models import Erasure, User
from superapp.core import tokens
from superapp.core.api.fields import rfc3339
from superapp.core.tokens import Token

KIND = "return"


@transaction.atomic
def offer_return(*, user_id: int) -> AccountDeactivated | SignInFailed:
    """What to answer to somebody who proved that a deactivated account is theirs; raise it outside any transaction.

    Whoever is banned as well, or whose account is being erased, is told as little as everybody else.
    """
    user = User.objects.select_for_update(no_key=True).get(id=user_id)
    erasure = Erasure.objects.filter(user_id=user_id, started_at=None).first()
    if user.banned_at is not None or user.deactivated_at is None or erasure is None:
        return SignInFailed()
    token = tokens.issue(KIND, owner_id=user_id)
    expires_at = timezone.now() + settings.RETURN_TOKEN_LIFETIME
    Erasure.objects.filter(user_id=user_id).update(return_digest=token.digest, return_expires_at=expires_at)
    return AccountDeactivated(
        return_token=token.text, return_expires_at=rfc3339(expires_at), erased_after=rfc3339(erasure.due_at)
    )


def use(token: Token) -> bool:
    """Call the erasing off, in a transaction that holds the person's row; False when the token does not do that."""
    called_off, _ = Erasure.objects.filter(
        user_id=token.owner_id, return_digest=token.digest, return_expires_at__gt=timezone.now(), started_at=None
    ).delete()
    return bool(called_off)
