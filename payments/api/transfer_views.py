"""Transfers over REST. What is between two others is not there."""

from typing import Any

from messaging.errors import Blocked, ConversationClosed, NotFriends, ThatIsYou
from payments import selectors, services
from payments.api import transfer_serializers as shapes
from payments.api.refusals import PAYING
from payments.errors import TransferEnded, TransferExpired
from payments.frames import transfer_frame
from payments.ledger.errors import AccountClosed, AccountFrozen, BalanceTooHigh
from payments.models import Transfer
from superapp.core.api import Endpoint, Operation, Page, Shown, paginate
from superapp.core.api.endpoint import ApiRequest
from superapp.core.errors import Forbidden, NotFound

Data = dict[str, Any]
ENDING = (NotFound, Forbidden, TransferEnded, TransferExpired)


class Transfers(Endpoint):
    class Get(Operation):
        """Transfers to me, or mine to others, the newest first."""

        query, output, page = shapes.TransfersQuery, shapes.TransferOutput, True

    class Post(Operation):
        """Send money to a friend, in our chat. It waits for a day to be accepted, and comes back if it is not."""

        input, output, status, idempotent = shapes.TransferInput, shapes.TransferOutput, 201, True
        errors = (*PAYING, NotFound, ThatIsYou, NotFriends, Blocked, ConversationClosed)

    def get(self, request: ApiRequest, data: Data) -> Page[Transfer]:
        rows = selectors.transfers(
            actor_id=request.user_id, direction=data.pop("direction"), state=data.pop("state", None)
        )
        page = paginate(rows, request, order=("-id",), **data)
        selectors.show_parties(page.results)
        return page

    def post(self, request: ApiRequest, data: Data) -> Shown:
        money = data.pop("amount")
        return _shown(
            services.create_transfer(
                payer_id=request.user_id,
                amount_minor=money.amount_minor,
                currency=money.currency,
                idempotency_key=request.idempotency_key,
                device_id=request.device_id,
                **data,
            )
        )


class TransferDetail(Endpoint):
    class Get(Operation):
        """A transfer of mine, or to me."""

        output = shapes.TransferOutput
        errors = (NotFound,)

    def get(self, request: ApiRequest, transfer_id: int) -> Shown:
        return _shown(selectors.transfer_of(actor_id=request.user_id, transfer_id=transfer_id))


class AcceptTransfer(Endpoint):
    class Post(Operation):
        """Take the money that was sent to me."""

        output = shapes.TransferOutput
        errors = (*ENDING, AccountFrozen, AccountClosed, BalanceTooHigh)

    def post(self, request: ApiRequest, transfer_id: int) -> Shown:
        return _shown(services.accept_transfer(actor_id=request.user_id, transfer_id=transfer_id))


class DeclineTransfer(Endpoint):
    class Post(Operation):
        """Give the money back."""

        output, errors = shapes.TransferOutput, (*ENDING, AccountClosed, BalanceTooHigh)

    def post(self, request: ApiRequest, transfer_id: int) -> Shown:
        return _shown(services.decline_transfer(actor_id=request.user_id, transfer_id=transfer_id))


class CancelTransfer(Endpoint):
    class Post(Operation):
        """Take back what was not accepted yet."""

        output, errors = shapes.TransferOutput, (*ENDING, AccountClosed, BalanceTooHigh)

    def post(self, request: ApiRequest, transfer_id: int) -> Shown:
        return _shown(services.cancel_transfer(actor_id=request.user_id, transfer_id=transfer_id))


def _shown(transfer: Transfer) -> Shown:
    return Shown(transfer_frame(transfer), is_replay=getattr(transfer, "is_replay", False))
