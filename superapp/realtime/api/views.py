from superapp.core.api import Endpoint, Operation
from superapp.core.api.endpoint import ApiRequest
from superapp.core.errors import TooManyRequests
from superapp.realtime import services
from superapp.realtime.api.serializers import TicketOutput


class Tickets(Endpoint):
    class Post(Operation):
        """A single-use ticket for this device's socket, good for 30 seconds."""

        output, status = TicketOutput, 201
        errors = (TooManyRequests,)

    def post(self, request: ApiRequest) -> services.IssuedTicket:
        return services.issue_ticket(user_id=request.user_id, device_id=request.device_id)
