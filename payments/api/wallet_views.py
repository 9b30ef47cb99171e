"""What I have, and what has happened to it."""

from typing import Any

from django.core.files import File
from django.http import FileResponse

from payments import selectors, statement_csv
from payments.api import wallet_serializers as shapes
from payments.errors import StatementTooLong
from payments.selectors import statements
from superapp.core import limits
from superapp.core.api import Endpoint, Operation, Page, Shown, paginate
from superapp.core.api.endpoint import ApiRequest
from superapp.core.errors import NotFound, TooManyRequests

Data = dict[str, Any]
CSV = "text/csv"


class Wallets(Endpoint):
    class Get(Operation):
        """My wallets, one in each currency."""

        output, many = shapes.WalletOutput, True

    def get(self, request: ApiRequest) -> list[Shown]:
        return [Shown(frame) for frame in selectors.wallets_of(request.user_id)]


class Statement(Endpoint):
    class Get(Operation):
        """What has happened to my money in one currency, the newest first."""

        query, output, page = shapes.StatementQuery, shapes.LineOutput, True

    def get(self, request: ApiRequest, data: Data) -> Page[Any]:
        within, narrowed = _asked(request, data)
        page = paginate(statements.lines(within, **narrowed), request, order=statements.ORDER, **data)
        frames = statements.line_frames(page.results, viewer_id=request.user_id)
        return Page(results=[Shown(frame) for frame in frames], next=page.next, previous=page.previous)


class StatementFile(Endpoint):
    class Get(Operation):
        """The same as a file for spreadsheets, the oldest first; at most 50,000 lines."""

        query, file_type = shapes.LinesQuery, CSV
        errors = (StatementTooLong, TooManyRequests)

    def get(self, request: ApiRequest, data: Data) -> FileResponse:
        limits.take(action="payments.export_statement.user", subject=str(request.user_id))
        name = "-".join(["statement", data["currency"], *(f"{data[day]}" for day in ("since", "until") if data[day])])
        within, narrowed = _asked(request, data)
        statement_csv.check_length(within)
        file = statement_csv.written(within, viewer_id=request.user_id, zone=request.user.time_zone, **narrowed)
        # As a file of Django's it can be told what else to close with it.
        return FileResponse(
            File(file), as_attachment=True, filename=f"{name}.csv", content_type=f"{CSV}; charset=utf-8"
        )


class Receipt(Endpoint):
    class Get(Operation):
        """One movement of my money, with all that there is to know of it."""

        output, errors = shapes.ReceiptOutput, (NotFound,)

    def get(self, request: ApiRequest, entry_id: int) -> Shown:
        return Shown(selectors.receipt(user_id=request.user_id, entry_id=entry_id))


class StatementMonth(Endpoint):
    class Get(Operation):
        """A month in one currency, added up."""

        query, output = shapes.MonthQuery, shapes.MonthOutput

    def get(self, request: ApiRequest, data: Data) -> Shown:
        return Shown(
            statements.month(
                user_id=request.user_id, currency=data["currency"], first=data["month"], zone=request.user.time_zone
            )
        )


def _asked(request: ApiRequest, data: Data) -> tuple[statements.Span, Data]:
    """Takes out of ``data`` where to look and how to narrow it down."""
    within = statements.span(
        user_id=request.user_id,
        zone=request.user.time_zone,
        **{name: data.pop(name) for name in ("currency", "since", "until")},
    )
    return within, {name: data.pop(name) for name in ("kind", "direction")}
