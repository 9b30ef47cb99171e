"""Looking for people, and seeing who is there."""

from typing import Any

from messaging import people, services
from messaging.api import people_serializers as people_shapes
from superapp.accounts import selectors as accounts
from superapp.accounts.api.serializers import ProfileOutput
from superapp.accounts.errors import PhoneInvalid
from superapp.accounts.models import User
from superapp.core import limits
from superapp.core.api import Endpoint, Operation
from superapp.core.api.endpoint import ApiRequest
from superapp.core.errors import NotFound, TooManyRequests

Data = dict[str, Any]


class PeopleSearch(Endpoint):
    class Get(Operation):
        """At most ten people whose handle begins so, by handle. There is no next page: type on."""

        query, output, many = people_shapes.PeopleQuery, ProfileOutput, True
        errors = (TooManyRequests,)

    def get(self, request: ApiRequest, data: Data) -> list[User]:
        limits.take(action="messaging.search_people.user", subject=str(request.user_id))
        return people.search(viewer_id=request.user_id, prefix=data["prefix"])


class PersonByPhone(Endpoint):
    class Post(Operation):
        """The person with exactly this number, if they want to be found by it; else as if it were nobody's. Not a GET:
        addresses stand in logs."""

        input, output = people_shapes.PhoneInput, ProfileOutput
        errors = (NotFound, PhoneInvalid, TooManyRequests)

    def post(self, request: ApiRequest, data: Data) -> User:
        return accounts.active_user(services.find_by_phone(actor_id=request.user_id, **data))


class OnlineFriends(Endpoint):
    class Get(Operation):
        """Which of my friends are there now, of those who show it. Asked while a list of friends is on the screen."""

        output, many = people_shapes.OnlineFriendOutput, True
        errors = (TooManyRequests,)

    def get(self, request: ApiRequest) -> list[dict[str, int]]:
        limits.take(action="messaging.see_presence.user", subject=str(request.user_id))
        return [{"user_id": user_id} for user_id in people.online_friends(request.user_id)]
