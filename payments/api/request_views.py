"""Money requests and split bills over REST."""

from typing import Any

from messaging.errors import Blocked, ConversationClosed, NotFriends, Silenced, ThatIsYou
from payments import selectors, services
from payments.api import request_serializers as shapes
from payments.api.refusals import PAYING
from payments.errors import (
    NotMembers,
    RemindedAlready,
    RequestEnded,
    RequestExpired,
    SharePaid,
    SharesUneven,
    SplitEnded,
    SplitTooSmall,
    WrongConversation,
)
from payments.frames import money_request_frame
from payments.models import MoneyRequest, Split
from superapp.core.api import Endpoint, Operation, Page, Shown, paginate
from superapp.core.api.endpoint import ApiRequest
from superapp.core.errors import Forbidden, NotFound, TooManyRequests

Data = dict[str, Any]
ANSWERING = (NotFound, Forbidden, RequestEnded, RequestExpired)


class MoneyRequests(Endpoint):
    class Get(Operation):
        """What I am asked for, or what I ask others for, the newest first."""

        query, output, page = shapes.MoneyRequestsQuery, shapes.MoneyRequestOutput, True

    class Post(Operation):
        """Ask a friend for money, in our chat."""

        input, output, status, idempotent = shapes.MoneyRequestInput, shapes.MoneyRequestOutput, 201, True
        errors = (NotFound, ThatIsYou, NotFriends, Blocked, ConversationClosed, TooManyRequests)

    def get(self, request: ApiRequest, data: Data) -> Page[MoneyRequest]:
        rows = selectors.money_requests(
            actor_id=request.user_id, direction=data.pop("direction"), state=data.pop("state", None)
        )
        page = paginate(rows, request, order=("-id",), **data)
        selectors.show_request_people(page.results)
        return page

    def post(self, request: ApiRequest, data: Data) -> Shown:
        money = data.pop("amount")
        made = services.request_money(
            requester_id=request.user_id,
            amount_minor=money.amount_minor,
            currency=money.currency,
            idempotency_key=request.idempotency_key,
            **data,
        )
        return _request(made)


class MoneyRequestDetail(Endpoint):
    class Get(Operation):
        """A request of mine, or to me."""

        output, errors = shapes.MoneyRequestOutput, (NotFound,)

    def get(self, request: ApiRequest, money_request_id: int) -> Shown:
        return _request(selectors.money_request_of(actor_id=request.user_id, request_id=money_request_id))


class PayRequest(Endpoint):
    class Post(Operation):
        """Pay what I am asked for. It is theirs at once."""

        input, output, idempotent = shapes.PayInput, shapes.MoneyRequestOutput, True
        errors = (*PAYING, *ANSWERING)

    def post(self, request: ApiRequest, data: Data, money_request_id: int) -> Shown:
        return _request(
            services.pay_request(
                payer_id=request.user_id,
                request_id=money_request_id,
                idempotency_key=request.idempotency_key,
                device_id=request.device_id,
                **data,
            )
        )


class DeclineRequest(Endpoint):
    class Post(Operation):
        """Say no."""

        output, errors = shapes.MoneyRequestOutput, ANSWERING

    def post(self, request: ApiRequest, money_request_id: int) -> Shown:
        return _request(services.decline_request(actor_id=request.user_id, request_id=money_request_id))


class CancelRequest(Endpoint):
    class Post(Operation):
        """Take back what I asked for."""

        output, errors = shapes.MoneyRequestOutput, ANSWERING

    def post(self, request: ApiRequest, money_request_id: int) -> Shown:
        return _request(services.cancel_request(actor_id=request.user_id, request_id=money_request_id))


def _request(made: MoneyRequest) -> Shown:
    return Shown(money_request_frame(made), is_replay=getattr(made, "is_replay", False))


# --- split bills ------------------------------------------------------------------------------------------------------


class Splits(Endpoint):
    class Post(Operation):
        """Ask members of a group for their shares of a bill that I paid. My own share counts as paid."""

        input, output, status, idempotent = shapes.SplitInput, shapes.SplitOutput, 201, True
        errors = (
            NotFound,
            WrongConversation,
            NotMembers,
            SplitTooSmall,
            SharesUneven,
            Silenced,
            ConversationClosed,
            TooManyRequests,
        )

    def post(self, request: ApiRequest, data: Data) -> Shown:
        shares = data.pop("shares", None)
        made = services.split_bill(
            initiator_id=request.user_id,
            shares=None if shares is None else {share["user_id"]: share["amount"].amount_minor for share in shares},
            idempotency_key=request.idempotency_key,
            **data,
        )
        return _split(made)


class SplitDetail(Endpoint):
    class Get(Operation):
        """A bill that I share in, or of a group of mine: who has paid."""

        output, errors = shapes.SplitOutput, (NotFound,)

    def get(self, request: ApiRequest, split_id: int) -> Shown:
        return _split(selectors.split_of(actor_id=request.user_id, split_id=split_id))


class PayShare(Endpoint):
    class Post(Operation):
        """Pay my share."""

        input, output, idempotent = shapes.PayInput, shapes.SplitOutput, True
        errors = (*PAYING, NotFound, Forbidden, SharePaid, SplitEnded)

    def post(self, request: ApiRequest, data: Data, split_id: int) -> Shown:
        return _split(
            services.pay_share(
                payer_id=request.user_id,
                split_id=split_id,
                idempotency_key=request.idempotency_key,
                device_id=request.device_id,
                **data,
            )
        )


class CloseSplit(Endpoint):
    class Post(Operation):
        """Ask for no more: whoever split the bill. What was paid stays."""

        output, errors = shapes.SplitOutput, (NotFound, Forbidden, SplitEnded)

    def post(self, request: ApiRequest, split_id: int) -> Shown:
        return _split(services.close_split(actor_id=request.user_id, split_id=split_id))


class RemindOfSplit(Endpoint):
    class Post(Operation):
        """Remind those who have not paid: whoever split the bill, three times at most."""

        errors = (NotFound, Forbidden, SplitEnded, RemindedAlready)

    def post(self, request: ApiRequest, split_id: int) -> None:
        services.remind_of_split(actor_id=request.user_id, split_id=split_id)


def _split(made: Split) -> Shown:
    return Shown(selectors.split_frame(made), is_replay=getattr(made, "is_replay", False))
