from typing import Any

from django.conf import settings

from superapp.core import limits
from superapp.core.api import Endpoint, Operation
from superapp.core.api.endpoint import ApiRequest
from superapp.core.errors import NotFound, TooManyRequests
from superapp.media import registry, selectors, services
from superapp.media.api import serializers as shapes
from superapp.media.errors import (
    FileDamaged,
    FileTooLarge,
    ImageTooLarge,
    PurposeUnknown,
    QuotaExceeded,
    UnsupportedMedia,
)
from superapp.media.links import LinkedAsset, linked
from superapp.media.registry import MAX_UPLOAD_BYTES


class AssetList(Endpoint):
    class Get(Operation):
        """Links to files, by their ids. Ids of files that one may not see are left out."""

        query, output, many = shapes.AssetQuery, shapes.AssetOutput, True

    class Post(Operation):
        """Upload a photo, a voice message, a film or any file. Where the first three were recorded is not kept. With
        `purpose` and `kind` in the query, what is too large is refused before it is sent. Voice and film can be used
        once their `state` is ready."""

        query, input, output, status = shapes.UploadQuery, shapes.UploadInput, shapes.AssetOutput, 201
        idempotent, multipart_bytes = True, MAX_UPLOAD_BYTES
        errors = (
            PurposeUnknown,
            UnsupportedMedia,
            FileTooLarge,
            ImageTooLarge,
            FileDamaged,
            QuotaExceeded,
            TooManyRequests,
        )

    def get(self, request: ApiRequest, data: dict[str, Any]) -> list[LinkedAsset]:
        assets = selectors.assets_visible_to(request.user_id, data["ids"])
        return [linked(asset, viewer_id=request.user_id, device_id=request.device_id) for asset in assets]

    def before_form(self, request: ApiRequest, query: dict[str, Any], announced_bytes: int) -> None:
        # The form around a file is a little larger than the file, which is weighed once it is there.
        if "purpose" in query:
            size_bytes = max(0, announced_bytes - settings.API_MAX_BODY_BYTES)
            registry.purpose(query["purpose"]).check(kind=query["kind"], size_bytes=size_bytes)
            services.check_room(owner_id=request.user_id, size_bytes=size_bytes)
        limits.take(action="media.upload.user", subject=str(request.user_id))
        limits.take(action="media.upload_kib.user", subject=str(request.user_id), cost=max(1, announced_bytes // 1024))

    def post(self, request: ApiRequest, data: dict[str, Any]) -> LinkedAsset:
        asset = services.store(owner_id=request.user_id, client_id=request.idempotency_key, **data)
        return linked(asset, viewer_id=request.user_id, device_id=request.device_id)


class AssetDetail(Endpoint):
    class Get(Operation):
        """Links to one file."""

        output = shapes.AssetOutput
        errors = (NotFound,)

    def get(self, request: ApiRequest, asset_id: int) -> LinkedAsset:
        asset = selectors.asset_visible_to(request.user_id, asset_id)
        return linked(asset, viewer_id=request.user_id, device_id=request.device_id)
