from typing import Any

from rest_framework import serializers

from superapp.core import links
from superapp.core.api.endpoint import ApiRequest, Endpoint, Operation
from superapp.core.api.fields import Input, Output, Text
from superapp.core.errors import NotFound, TooManyRequests
from superapp.core.links import LinkEnded, Scanned

# What the largest QR code holds.
MAX_CONTENT = 4296


class ScanInput(Input):
    content = Text(max_length=MAX_CONTENT, help_text="What the camera read, as it is.")


class ScanOutput(Output):
    """``url`` is somebody else's address, which the server never opens; ``text`` is anything else that is not ours."""

    kind = serializers.CharField(help_text="`url`, `text`, or what a link of ours opens, such as `person`.")
    title = serializers.CharField(allow_blank=True, help_text="A line for people; of a `url` its host.")
    data = serializers.DictField(  # type: ignore[assignment]  # as in the result of ``scan``
        help_text="Depends on `kind`; of a `person` their profile, of an `organisation_invitation` what is offered."
    )


class Scan(Endpoint):
    class Post(Operation):
        """Say what a QR code is. Scanning a link that is good for some uses takes one."""

        input, output = ScanInput, ScanOutput
        errors = (NotFound, LinkEnded, TooManyRequests)

    def post(self, request: ApiRequest, data: dict[str, Any]) -> Scanned:
        return links.scan(actor_id=request.user_id, content=data["content"])
