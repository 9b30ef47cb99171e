"""Where staff may come from."""

from collections.abc import Callable
from ipaddress import ip_network

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.http.request import split_domain_port

from superapp.core.requests import peer


class StaffDoor:
    """From other hosts and addresses than ``ADMIN_HOSTS`` and ``ADMIN_ADDRESSES`` allow, there is nothing here."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if leads_to_staff(request.path_info) and not (_has_right_host(request) and _has_right_address(request)):
            raise Http404
        return self.get_response(request)


def leads_to_staff(path: str) -> bool:
    return bool(settings.ADMIN_PATH) and path.startswith((f"/{settings.ADMIN_PATH}", f"/{settings.ACCOUNT_PATH}"))


def _has_right_host(request: HttpRequest) -> bool:
    return not settings.ADMIN_HOSTS or split_domain_port(request.get_host())[0] in settings.ADMIN_HOSTS


def _has_right_address(request: HttpRequest) -> bool:
    if not settings.ADMIN_ADDRESSES:
        return True
    address = peer(request.META)
    return address is not None and any(address in ip_network(network) for network in settings.ADMIN_ADDRESSES)
