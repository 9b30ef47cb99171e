"""What products told me, and the number on my icon."""

from typing import Any

from messaging import badge, notices, services
from messaging.api import notice_serializers as shapes
from superapp.core.api import Endpoint, Operation, Page, Shown, paginate
from superapp.core.api.endpoint import ApiRequest
from superapp.core.errors import NotFound

Data = dict[str, Any]


class Notices(Endpoint):
    class Get(Operation):
        """What I was told, the newest first."""

        output, page = shapes.NoticeOutput, True

    def get(self, request: ApiRequest, data: Data) -> Page[Any]:
        page = paginate(notices.notices_of(request.user_id), request, order=("-id",), **data)
        frames = notices.frames(page.results, reader_id=request.user_id)
        return Page(results=[Shown(frame) for frame in frames], next=page.next, previous=page.previous)


class Summary(Endpoint):
    class Get(Operation):
        """The one entry that notices have among the conversations: how many are unread, and the newest."""

        output = shapes.NoticesOutput

    def get(self, request: ApiRequest) -> Shown:
        return Shown(notices.summary(request.user_id))


class ReadNotices(Endpoint):
    class Post(Operation):
        """I have read them up to here."""

        input, output = shapes.ReadNoticesInput, shapes.UnreadOutput

    def post(self, request: ApiRequest, data: Data) -> Shown:
        services.mark_notices_read(actor_id=request.user_id, **data)
        return Shown({"unread": notices.unread(request.user_id)})


class Notice(Endpoint):
    class Delete(Operation):
        """Out of my list, for good."""

        errors = (NotFound,)

    def delete(self, request: ApiRequest, notice_id: int) -> None:
        services.delete_notice(actor_id=request.user_id, notice_id=notice_id)


class NoticeKinds(Endpoint):
    class Get(Operation):
        """The kinds of notices that I may mute."""

        output, many = shapes.NoticeKindOutput, True

    def get(self, request: ApiRequest) -> list[Shown]:
        return [Shown(kind) for kind in notices.kinds_for(request.user_id)]


class Mute(Endpoint):
    class Put(Operation):
        """No number for notices of this kind."""

        errors = (NotFound,)

    class Delete(Operation):
        """They count again."""

        errors = (NotFound,)

    def put(self, request: ApiRequest, notice_kind: str) -> None:
        services.mute_notices(actor_id=request.user_id, kind=notice_kind)

    def delete(self, request: ApiRequest, notice_kind: str) -> None:
        services.unmute_notices(actor_id=request.user_id, kind=notice_kind)


class Badge(Endpoint):
    class Get(Operation):
        """The number on the app's icon, and how it adds up."""

        output = shapes.BadgeOutput

    def get(self, request: ApiRequest) -> Shown:
        return Shown(badge.badge(request.user_id))


class Inbox(Endpoint):
    class Get(Operation):
        """What stands among my conversations without being one: an entry for each app that has something to show."""

        output, many = shapes.InboxEntryOutput, True

    def get(self, request: ApiRequest) -> list[Shown]:
        return [Shown(entry) for entry in badge.entries(request.user_id)]
