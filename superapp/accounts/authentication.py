from typing import TYPE_CHECKING

from rest_framework.authentication import BaseAuthentication
from rest_framework.request import Request

from superapp.accounts import selectors
from superapp.core.errors import Unauthenticated

if TYPE_CHECKING:
    from superapp.accounts.models import Device, User


class BearerAuthentication(BaseAuthentication):
    """``Authorization: Bearer <access token>``; ``request.user`` is then the person, ``request.auth`` the device."""

    def authenticate(self, request: Request) -> "tuple[User, Device] | None":
        header = request.META.get("HTTP_AUTHORIZATION", "")
        if not header:
            return None
        scheme, _, token = header.partition(" ")
        device = selectors.device_for_access_token(token.strip()) if scheme.lower() == "bearer" else None
        if device is None:
            raise Unauthenticated
        return device.user, device
