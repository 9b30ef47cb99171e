"""Sending on what was said."""

from typing import Any

from messaging import records, services
from messaging.api import serializers as shapes
from messaging.errors import NotForThis, Recalled
from messaging.frames import message_frame
from messaging.services.forwarding import Forwarded
from superapp.core.api import Endpoint, Operation, Shown
from superapp.core.api.endpoint import ApiRequest
from superapp.core.errors import NotFound

Data = dict[str, Any]


class Forward(Endpoint):
    class Post(Operation):
        """Send a message on to up to nine conversations. Each takes or refuses it for itself; a retry sends nothing
        twice, and tries again where it was refused."""

        input, output, many, idempotent = shapes.ForwardInput, shapes.ForwardedOutput, True, True
        errors = (NotFound, Recalled, NotForThis)

    def post(self, request: ApiRequest, data: Data, **place: int) -> list[Shown]:
        sent = services.forward_message(
            actor_id=request.user_id, client_id=request.idempotency_key, to=data["conversation_ids"], **place
        )
        return [_shown(one) for one in sent]


class Records(Endpoint):
    class Post(Operation):
        """Send up to a hundred messages, as they are now, merged into one record. Otherwise as forwarding one."""

        input, output, many, idempotent = shapes.ForwardRecordInput, shapes.ForwardedOutput, True, True
        errors = (NotFound, NotForThis)

    def post(self, request: ApiRequest, data: Data, conversation_id: int) -> list[Shown]:
        sent = services.forward_record(
            actor_id=request.user_id,
            client_id=request.idempotency_key,
            conversation_id=conversation_id,
            to=data["conversation_ids"],
            seqs=data["seqs"],
            title=data["title"],
        )
        return [_shown(one) for one in sent]


class Record(Endpoint):
    class Get(Operation):
        """What is in a merged record."""

        output = shapes.RecordOutput
        errors = (NotFound,)

    def get(self, request: ApiRequest, **place: int) -> Shown:
        return Shown(records.record_of(actor_id=request.user_id, **place))


def _shown(sent: Forwarded) -> Shown:
    return Shown(
        {
            "conversation_id": str(sent.conversation_id),
            "message": message_frame(sent.message) if sent.message else None,
            "error": sent.refusal.as_json() if sent.refusal else None,
        }
    )
