"""Reporting people and messages to our staff."""

from typing import Any

from messaging import services
from messaging.api import people_serializers as people_shapes
from messaging.errors import ThatIsYou
from superapp.core.api import Endpoint, Operation
from superapp.core.api.endpoint import ApiRequest
from superapp.core.errors import NotFound, TooManyRequests

Data = dict[str, Any]


class ReportPerson(Endpoint):
    class Post(Operation):
        """Tell our staff about somebody. While that report is open, doing it again is the same one."""

        input, output, status = people_shapes.ReportInput, people_shapes.ReportOutput, 201
        errors = (NotFound, ThatIsYou, TooManyRequests)

    def post(self, request: ApiRequest, data: Data, user_id: int) -> dict[str, int]:
        return {"id": services.report_person(reporter_id=request.user_id, user_id=user_id, **data)}


class ReportMessage(Endpoint):
    class Post(Operation):
        """Show our staff a message, with up to five on each side of it; nothing else of the conversation."""

        input, output, status = people_shapes.ReportInput, people_shapes.ReportOutput, 201
        errors = (NotFound, ThatIsYou, TooManyRequests)

    def post(self, request: ApiRequest, data: Data, conversation_id: int, seq: int) -> dict[str, int]:
        report_id = services.report_message(
            reporter_id=request.user_id, conversation_id=conversation_id, seq=seq, **data
        )
        return {"id": report_id}
