"""Showing anew that it is oneself, before what is hard to take back: whoever found a phone unlocked cannot."""

from django.contrib.auth.hashers import check_password

from superapp.accounts.errors import CodeWrong, PasswordWrong
from superapp.accounts.models import SignInCode, User
from superapp.accounts.services import attempts
from superapp.accounts.services.codes import redeem_code


def prove_again(*, actor_id: int, password: str = "", challenge: str = "", code: str = "") -> None:
    """By the password, or by a code of ``send_own_phone_code``. Belongs outside any transaction.

    Raises ``PasswordWrong``, what ``redeem_code`` does, ``CodeWrong`` also where the number has changed meanwhile, and
    ``TooManyRequests``.
    """
    user = User.objects.get(id=actor_id)
    if challenge:
        sent = redeem_code(challenge=challenge, code=code, purpose=SignInCode.Purpose.OWN_PHONE, user_id=actor_id)
        if sent.phone != user.phone:
            raise CodeWrong
        return
    if not user.has_usable_password():
        raise PasswordWrong
    # The same count as for setting a new password: five guesses, not ten.
    attempts.count(f"user:{actor_id}")
    if not check_password(password, user.password):
        raise PasswordWrong
    attempts.forget(f"user:{actor_id}")
