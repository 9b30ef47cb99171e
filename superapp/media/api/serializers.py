from typing import Any

from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from superapp.core.api.fields import Id, Input, Output, Text, Time

MAX_IDS = 100


class UploadInput(Input):
    purpose = Text(max_length=40)
    file = serializers.FileField(allow_empty_file=True)


@extend_schema_field({"type": "string", "pattern": "^[0-9]{1,19}(,[0-9]{1,19})*$"})
class Ids(serializers.Field[list[int], str, str, Any]):
    """Ids with commas between them, as a query string has them."""

    default_error_messages = {"too_many": _("At most {most} ids at once.")}

    def to_internal_value(self, data: str) -> list[int]:
        texts = data.split(",")
        if len(texts) > MAX_IDS:
            self.fail("too_many", most=MAX_IDS)
        return [Id().to_internal_value(text) for text in texts]


class AssetQuery(Input):
    ids = Ids(help_text=f"At most {MAX_IDS}, with commas between them.")


class LinkOutput(Output):
    url = serializers.CharField(help_text="Needs no sign-in; good for the one who asked, until `expires_at`.")
    width = serializers.IntegerField(help_text="In pixels.")
    height = serializers.IntegerField(help_text="In pixels.")
    content_type = serializers.CharField()


class AssetOutput(Output):
    """A file with a link to each of its sizes."""

    id = Id(source="asset.id")
    kind = serializers.CharField(source="asset.kind")
    purpose = serializers.CharField(source="asset.purpose")
    content_type = serializers.CharField(source="asset.content_type")
    width = serializers.IntegerField(source="asset.width")
    height = serializers.IntegerField(source="asset.height")
    size_bytes = serializers.IntegerField(source="asset.size_bytes")
    state = serializers.CharField(
        source="asset.state", help_text="processing, ready or failed; `original` is there from the beginning."
    )
    created_at = Time(source="asset.created_at")
    variants = serializers.DictField(child=LinkOutput(), help_text="`original`, and the purpose's sizes once ready.")
    expires_at = Time(help_text="When the links stop working; ask again for new ones.")
