"""The payment PIN, what it approves, and freezing one's wallet."""

from typing import Any

from payments import selectors, services
from payments.api import security_serializers as shapes
from payments.errors import (
    PinAlreadySet,
    PinLocked,
    PinNotSet,
    PinResetNotReady,
    PinTooSimple,
    PinWrong,
    ProofRequired,
    WalletFrozen,
)
from superapp.accounts.errors import CodeExpired, CodeWrong, PasswordWrong, TermsRequired
from superapp.core.api import Endpoint, Operation
from superapp.core.api.endpoint import ApiRequest
from superapp.core.errors import Conflict, Forbidden, NotFound, TooManyRequests

#: What asking for the PIN may answer.
ASKS_PIN = (PinNotSet, PinWrong, PinLocked, Conflict, TooManyRequests)
ASKS_CODE = (CodeWrong, CodeExpired, TooManyRequests)
Json = dict[str, Any]


class Security(Endpoint):
    class Get(Operation):
        """How safe my wallet is, and what I may still pay."""

        output = shapes.SecurityOutput

    def get(self, request: ApiRequest) -> Json:
        return selectors.wallet_security(request.user_id)


class Pin(Endpoint):
    class Post(Operation):
        """Choose the first payment PIN."""

        input, output, status = shapes.FirstPinInput, shapes.SecurityOutput, 201
        errors = (TermsRequired, PinTooSimple, PinAlreadySet, ProofRequired, PasswordWrong, *ASKS_CODE)

    class Put(Operation):
        """Choose another payment PIN, with the one that there is."""

        input, output = shapes.ChangePinInput, shapes.SecurityOutput
        errors = (PinTooSimple, *ASKS_PIN)

    def post(self, request: ApiRequest, data: Json) -> Json:
        services.set_pin(user_id=request.user_id, device_id=request.device_id, **data)
        return selectors.wallet_security(request.user_id)

    def put(self, request: ApiRequest, data: Json) -> Json:
        services.change_pin(user_id=request.user_id, **data)
        return selectors.wallet_security(request.user_id)


class PinReset(Endpoint):
    class Post(Operation):
        """The PIN is forgotten: show that it is me by a code to my phone, then wait. All my devices are told."""

        input, output, status = shapes.PhoneProofInput, shapes.SecurityOutput, 201
        errors = (PinNotSet, WalletFrozen, *ASKS_CODE)

    class Put(Operation):
        """Choose another PIN when the waiting time is over, by one more code to my phone."""

        input, output = shapes.CompletePinResetInput, shapes.SecurityOutput
        errors = (NotFound, PinResetNotReady, PinTooSimple, *ASKS_CODE)

    class Delete(Operation):
        """Stop it: the old PIN stays. May be repeated."""

    def post(self, request: ApiRequest, data: Json) -> Json:
        services.begin_pin_reset(user_id=request.user_id, **data)
        return selectors.wallet_security(request.user_id)

    def put(self, request: ApiRequest, data: Json) -> Json:
        services.complete_pin_reset(user_id=request.user_id, **data)
        return selectors.wallet_security(request.user_id)

    def delete(self, request: ApiRequest) -> None:
        services.cancel_pin_reset(user_id=request.user_id)


class Approvals(Endpoint):
    class Post(Operation):
        """Approve one payment by the PIN: what comes back goes with it, within five minutes."""

        input, output, status = shapes.ApprovalInput, shapes.ApprovalOutput, 201
        errors = (WalletFrozen, *ASKS_PIN)

    def post(self, request: ApiRequest, data: Json) -> services.IssuedApproval:
        return services.issue_approval(user_id=request.user_id, **data)


class Freeze(Endpoint):
    class Post(Operation):
        """Freeze my wallet: nothing is paid out of it or into it until I lift that. May be repeated."""

        output = shapes.SecurityOutput

    def post(self, request: ApiRequest) -> Json:
        services.freeze_wallet(user_id=request.user_id, actor_id=request.user_id, reason="")
        return selectors.wallet_security(request.user_id)


class Unfreeze(Endpoint):
    class Post(Operation):
        """Lift it by the PIN; what staff froze only staff can lift. May be repeated."""

        input, output = shapes.PinInput, shapes.SecurityOutput
        errors = (Forbidden, *ASKS_PIN)

    def post(self, request: ApiRequest, data: Json) -> Json:
        services.unfreeze_own_wallet(user_id=request.user_id, **data)
        return selectors.wallet_security(request.user_id)
