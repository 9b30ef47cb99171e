"""Shapes of wallets, statements and receipts."""

from datetime import date
from typing import Any

from django.conf import settings
from django.utils.translation import gettext_lazy as _
from rest_framework import serializers

from payments.registry import KINDS
from superapp.core.api.fields import Id, Input, MoneyField, Output, Text, Time
from superapp.core.api.paging import PageQuery

# Nothing of ours is older, and a day later than any that clocks know would be no date.
EARLIEST, LATEST = date(2000, 1, 1), date(2100, 12, 31)


class WalletOutput(Output):
    currency = serializers.CharField()
    balance = MoneyField(allow_zero=True, help_text="All that is mine: `available` and `held`.")
    available = MoneyField(allow_zero=True, help_text="What can be spent; nothing while the wallet is frozen.")
    held = MoneyField(allow_zero=True, help_text="Promised to something that is under way, or frozen.")
    status = serializers.CharField(help_text="`open`, `frozen` or `closed`.")
    as_of = Time(help_text="When it was so. Pushes may cross: of two, the later one counts.")


# --- What is asked for ------------------------------------------------------------------------------------------------


class Day(serializers.DateField):
    default_error_messages = {"range": _("This date is not in the range of this app.")}

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(input_formats=["%Y-%m-%d"], **kwargs)

    def to_internal_value(self, value: Any) -> date:
        day = super().to_internal_value(value)
        if not EARLIEST <= day <= LATEST:
            self.fail("range")
        return day


class CurrencyQuery(Input):
    currency = serializers.ChoiceField(choices=settings.WALLET_CURRENCIES)


class LinesQuery(CurrencyQuery):
    since = Day(required=False, default=None, help_text="The first day, in my time zone.")
    until = Day(required=False, default=None, help_text="The last day, which is included.")
    kind = serializers.ChoiceField(choices=list(KINDS), required=False, default=None)
    direction = serializers.ChoiceField(
        choices=["in", "out"], required=False, default=None, help_text="Only what came in, or only what went out."
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if attrs["since"] and attrs["until"] and attrs["since"] > attrs["until"]:
            raise serializers.ValidationError({"until": [_("The last day is before the first.")]})
        return attrs


class StatementQuery(PageQuery, LinesQuery):
    pass


class MonthQuery(CurrencyQuery):
    month = Text(max_length=7, help_text="Such as `2026-11`, in my time zone.")

    def validate_month(self, value: str) -> date:
        try:
            first = date.fromisoformat(f"{value}-01")
        except ValueError:
            first = None
        if first is None or len(value) != 7 or not EARLIEST <= first <= LATEST:
            raise serializers.ValidationError(_("A month is written like 2026-11."))
        return first


# --- What is shown ----------------------------------------------------------------------------------------------------


class CounterpartyOutput(Output):
    user_id = Id(allow_null=True, help_text="Null: no person, or one who stays unnamed.")
    name = serializers.CharField()


class LineOutput(Output):
    """One movement of my money."""

    id = Id(help_text="Of its receipt.")
    posted_at = Time()
    amount = MoneyField(help_text="Above zero: it came in; below: it went out.")
    balance_after = MoneyField(help_text="What was in the wallet then.")
    kind = serializers.ChoiceField(choices=list(KINDS))
    purpose = serializers.CharField(help_text="What caused it, such as `payments.transfer`.")
    reference = serializers.CharField(help_text="The id that this thing has where it was caused.")
    title = serializers.CharField(help_text="In my language.")
    counterparty = CounterpartyOutput(allow_null=True)
    note = serializers.CharField(allow_blank=True)


class ReceiptOutput(LineOutput):
    """`data` depends on `purpose`. `related`: what else happened to the same thing, such as its refunds."""

    data = serializers.DictField()  # type: ignore[assignment]  # as the protocol names it
    payment_id = Id(allow_null=True, help_text="Of the payment to a product that this was, or of which it came back.")
    related = LineOutput(many=True)


class TotalsOutput(Output):
    money_in = MoneyField(allow_zero=True)
    money_out = MoneyField(allow_zero=True, help_text="Above zero.")
    count = serializers.IntegerField(help_text="How many lines.")


class KindTotalsOutput(TotalsOutput):
    kind = serializers.ChoiceField(choices=list(KINDS))
    label = serializers.CharField(help_text="In my language.")  # type: ignore[assignment]  # as the protocol names it


class MonthOutput(TotalsOutput):
    """`closing` is `opening` with `money_in` and without `money_out`: it is what the month's lines add up to."""

    month = serializers.CharField()
    currency = serializers.CharField()
    opening = MoneyField(allow_zero=True)
    closing = MoneyField(allow_zero=True)
    kinds = KindTotalsOutput(many=True, help_text="Those of which there was something.")
