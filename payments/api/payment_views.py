"""What I paid to a product, or what of it was paid to me."""

from payments import selectors
from payments.api import payment_serializers as shapes
from superapp.core.api import Endpoint, Operation, Shown
from superapp.core.api.endpoint import ApiRequest
from superapp.core.errors import NotFound


class Payment(Endpoint):
    class Get(Operation):
        """A payment of mine, with what went back of it."""

        output, errors = shapes.PaymentOutput, (NotFound,)

    def get(self, request: ApiRequest, payment_id: int) -> Shown:
        return Shown(selectors.payment_frame(viewer_id=request.user_id, payment_id=payment_id))
