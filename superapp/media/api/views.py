from typing import Any

from superapp.core import limits
from superapp.core.api import Endpoint, Operation
from superapp.core.api.endpoint import ApiRequest
from superapp.core.errors import NotFound, TooManyRequests
from superapp.media import selectors, services
from superapp.media.api import serializers as shapes
from superapp.media.errors import FileDamaged, FileTooLarge, ImageTooLarge, PurposeUnknown, UnsupportedMedia
from superapp.media.links import LinkedAsset, linked
from superapp.media.registry import MAX_UPLOAD_BYTES


class AssetList(Endpoint):
    class Get(Operation):
        """Links to files, by their ids. Ids of files that one may not see are left out."""

        query, output, many = shapes.AssetQuery, shapes.AssetOutput, True

    class Post(Operation):
        """Upload a photo: JPEG, PNG, WebP, or the first frame of a GIF. Where it was taken is removed from it."""

        input, output, status = shapes.UploadInput, shapes.AssetOutput, 201
        idempotent, multipart_bytes = True, MAX_UPLOAD_BYTES
        errors = (PurposeUnknown, UnsupportedMedia, FileTooLarge, ImageTooLarge, FileDamaged, TooManyRequests)

    def get(self, request: ApiRequest, data: dict[str, Any]) -> list[LinkedAsset]:
        assets = selectors.assets_visible_to(request.user_id, data["ids"])
        return [linked(asset, viewer_id=request.user_id) for asset in assets]

    def post(self, request: ApiRequest, data: dict[str, Any]) -> LinkedAsset:
        limits.take(action="media.upload.user", subject=str(request.user_id))
        asset = services.store(owner_id=request.user_id, client_id=request.idempotency_key, **data)
        return linked(asset, viewer_id=request.user_id)


class AssetDetail(Endpoint):
    class Get(Operation):
        """Links to one file."""

        output = shapes.AssetOutput
        errors = (NotFound,)

    def get(self, request: ApiRequest, asset_id: int) -> LinkedAsset:
        return linked(selectors.asset_visible_to(request.user_id, asset_id), viewer_id=request.user_id)
