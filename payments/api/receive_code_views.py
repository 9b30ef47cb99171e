"""Codes to be paid by, and paying whoever shows one."""

from typing import Any

from messaging.errors import ThatIsYou
from payments import services
from payments.api import transfer_serializers as shapes
from payments.api.refusals import PAYING
from payments.errors import AmountFixed
from payments.frames import time, transfer_frame
from superapp.core import links
from superapp.core.api import Endpoint, Operation, Shown
from superapp.core.api.endpoint import ApiRequest
from superapp.core.errors import NotFound, TooManyRequests, Unavailable
from superapp.core.links import LinkEnded

Data = dict[str, Any]


class InstantTransfers(Endpoint):
    class Post(Operation):
        """Pay whoever shows me their code, friend or stranger. It is theirs at once."""

        input, output, status, idempotent = shapes.InstantInput, shapes.TransferOutput, 201, True
        errors = (*PAYING, NotFound, LinkEnded, ThatIsYou, AmountFixed, TooManyRequests)

    def post(self, request: ApiRequest, data: Data) -> Shown:
        transfer = services.pay_by_code(
            payer_id=request.user_id,
            money=data.pop("amount", None),
            idempotency_key=request.idempotency_key,
            device_id=request.device_id,
            **data,
        )
        return Shown(transfer_frame(transfer), is_replay=getattr(transfer, "is_replay", False))


class StandingCode(Endpoint):
    class Get(Operation):
        """My code: whoever scans it can pay me. It stays the same until I reset it."""

        output, errors = shapes.CodeOutput, (Unavailable,)

    class Post(Operation):
        """Reset it: there is a new one, and all my codes that others were given end at once."""

        output, errors = shapes.CodeOutput, (TooManyRequests, Unavailable)

    def get(self, request: ApiRequest) -> dict[str, str]:
        return _picture(services.receive_code(actor_id=request.user_id))

    def post(self, request: ApiRequest) -> dict[str, str]:
        return _picture(services.reset_receive_code(actor_id=request.user_id))


class ReceiveCodes(Endpoint):
    class Post(Operation):
        """A code that asks whoever scans it for an amount, for a week."""

        input, output, status, idempotent = shapes.ReceiveCodeInput, shapes.ReceiveCodeOutput, 201, True
        errors = (TooManyRequests, Unavailable)

    def post(self, request: ApiRequest, data: Data) -> Shown:
        money = data.pop("amount")
        shown = services.create_receive_code(
            actor_id=request.user_id,
            amount_minor=money.amount_minor,
            currency=money.currency,
            idempotency_key=request.idempotency_key,
            **data,
        )
        code = shown.code
        frame = {
            **_picture(shown.url),
            "id": str(code.id),
            "amount": code.money.as_json(),
            "note": code.note,
            "created_at": time(code.created_at),
            "expires_at": time(code.expires_at),
        }
        return Shown(frame, is_replay=getattr(code, "is_replay", False))


def _picture(url: str) -> dict[str, str]:
    return {"url": url, "svg": links.svg(url)}
