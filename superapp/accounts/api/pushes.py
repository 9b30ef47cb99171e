"""What pushes show of accounts, where REST has no shape for it."""

from rest_framework import serializers

from superapp.accounts.api.organisation_shapes import MyPlaceOutput
from superapp.core.api.fields import Id, Output, Time


class PhoneChangedPush(Output):
    changed_at = Time()


class PlaceChangedPush(Output):
    organisation_id = Id()
    mine = MyPlaceOutput(allow_null=True, help_text="Null: not on the staff any more.")


class OrganisationChangedPush(Output):
    organisation_id = Id()
    state = serializers.CharField(help_text="`requested`, `active`, `suspended` or `refused`.")
    name = serializers.CharField()
