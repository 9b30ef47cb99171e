"""What somebody files their friends under."""

from typing import Any

from messaging import selectors, services
from messaging.api import people_serializers as people_shapes
from messaging.errors import TagNameTaken, TooManyTags
from messaging.models import FriendTag
from superapp.core import limits
from superapp.core.api import Endpoint, Operation
from superapp.core.api.endpoint import ApiRequest
from superapp.core.errors import NotFound, TooManyRequests

Data = dict[str, Any]
LIMIT = "messaging.change_contacts.user"


class Tags(Endpoint):
    class Get(Operation):
        """My tags, by name; at most 100."""

        output, many = people_shapes.TagOutput, True

    class Post(Operation):
        """A tag of this name; if I have one already, that one."""

        input, output = people_shapes.TagInput, people_shapes.TagOutput
        errors = (TooManyTags, TooManyRequests)

    def get(self, request: ApiRequest) -> list[FriendTag]:
        return selectors.tags_of(request.user_id)

    def post(self, request: ApiRequest, data: Data) -> FriendTag:
        limits.take(action=LIMIT, subject=str(request.user_id))
        return services.create_tag(actor_id=request.user_id, **data)


class Tag(Endpoint):
    class Patch(Operation):
        """Call it otherwise."""

        input, output = people_shapes.TagInput, people_shapes.TagOutput
        errors = (NotFound, TagNameTaken, TooManyRequests)

    class Delete(Operation):
        """My friends stay."""

        errors = (NotFound, TooManyRequests)

    def patch(self, request: ApiRequest, data: Data, tag_id: int) -> FriendTag:
        limits.take(action=LIMIT, subject=str(request.user_id))
        return services.rename_tag(actor_id=request.user_id, tag_id=tag_id, **data)

    def delete(self, request: ApiRequest, tag_id: int) -> None:
        limits.take(action=LIMIT, subject=str(request.user_id))
        services.delete_tag(actor_id=request.user_id, tag_id=tag_id)
