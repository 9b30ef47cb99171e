from typing import Any

from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from superapp.core.api.fields import Id, Input, Output, Text, Time
from superapp.media.registry import KINDS

MAX_IDS = 100


_KIND_HELP = "A photo is JPEG, PNG, WebP or the first frame of a GIF; a file is kept as it is and only ever saved."


class UploadQuery(Input):
    """What the form may say too; here it counts before the form is read."""

    purpose = Text(max_length=40, required=False)
    kind = serializers.ChoiceField(choices=list(KINDS), default="photo", help_text=_KIND_HELP)


class UploadInput(Input):
    purpose = Text(max_length=40)
    kind = serializers.ChoiceField(choices=list(KINDS), default="photo", help_text=_KIND_HELP)
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


@extend_schema_field({"type": "array", "items": {"type": "integer", "minimum": 0, "maximum": 100}, "maxItems": 64})
class Waveform(serializers.Field[bytes, str, list[int], Any]):
    """How loud a voice message is from its beginning to its end, 100 at its loudest."""

    def to_representation(self, value: bytes) -> list[int]:
        return list(bytes(value))


class AssetQuery(Input):
    ids = Ids(help_text=f"At most {MAX_IDS}, with commas between them.")


class LinkOutput(Output):
    url = serializers.CharField(help_text="Needs no sign-in; good for the one who asked, until `expires_at`.")
    width = serializers.IntegerField(allow_null=True, help_text="In pixels; null where there is nothing to see.")
    height = serializers.IntegerField(allow_null=True, help_text="In pixels.")
    content_type = serializers.CharField()


class AssetOutput(Output):
    """A file with a link to each of its sizes."""

    id = Id(source="asset.id")
    kind = serializers.CharField(source="asset.kind")
    purpose = serializers.CharField(source="asset.purpose")
    content_type = serializers.CharField(source="asset.content_type")
    name = serializers.CharField(source="asset.name", help_text="Of a file; empty for all else.")
    width = serializers.IntegerField(source="asset.width", allow_null=True)
    height = serializers.IntegerField(source="asset.height", allow_null=True)
    duration_ms = serializers.IntegerField(source="asset.duration_ms", allow_null=True)
    waveform = Waveform(source="asset.waveform", allow_null=True)
    size_bytes = serializers.IntegerField(source="asset.size_bytes")
    state = serializers.CharField(
        source="asset.state",
        help_text="processing, ready or failed. `original` is there at once, of voice and video once ready.",
    )
    refusal = serializers.CharField(
        source="asset.refusal",
        help_text="Why it failed: unsupported_media, file_damaged, too_long, too_many_pixels or too_heavy; else empty.",
    )
    created_at = Time(source="asset.created_at")
    variants = serializers.DictField(
        child=LinkOutput(), help_text="`original`; once ready, the purpose's sizes, and the `poster` of a film."
    )
    expires_at = Time(help_text="When the links stop working; ask again for new ones.")
