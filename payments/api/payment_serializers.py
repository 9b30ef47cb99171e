"""Shapes of payments to products."""

from rest_framework import serializers

from superapp.core.api.fields import Id, MoneyField, Output, Time


class RefundOutput(Output):
    id = Id()
    amount = MoneyField(help_text="Of a payee: what went back of their part.")
    reason = serializers.CharField(allow_blank=True, help_text="For the payer.")
    created_at = Time()


class PaymentOutput(Output):
    id = Id()
    purpose = serializers.CharField(help_text="What for, such as `taxi.fare`.")
    reference = serializers.CharField(help_text="The id that the thing has where it was bought.")
    role = serializers.ChoiceField(choices=["payer", "payee"], help_text="What I am in it.")
    amount = MoneyField(help_text="Of a payee: their part of it.")
    refunded = MoneyField(allow_zero=True, help_text="How much of `amount` went back.")
    title = serializers.CharField(help_text="In my language.")
    counterparty = serializers.CharField(allow_null=True)
    note = serializers.CharField(allow_blank=True)
    data = serializers.DictField(help_text="Depends on `purpose`.")  # type: ignore[assignment]  # as the protocol names it
    refunds = RefundOutput(many=True, help_text="The oldest first.")
    created_at = Time()
