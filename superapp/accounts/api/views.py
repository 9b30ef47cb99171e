from typing import Any

from django.conf import settings

from superapp.accounts import selectors, services
from superapp.accounts.api import serializers as shapes
from superapp.accounts.errors import (
    AccountDeactivated,
    CodeExpired,
    CodeWrong,
    ExportUnderWay,
    HandleTaken,
    LeavingBlocked,
    PasswordRejected,
    PasswordWrong,
    PhoneChangeExpired,
    PhoneInvalid,
    PhoneReserved,
    PhoneTaken,
    RefreshTokenInvalid,
    ReturnExpired,
    SignInFailed,
)
from superapp.accounts.models import DataExport, Device, User
from superapp.accounts.services.codes import SentCode
from superapp.core import links
from superapp.core.api import Endpoint, Operation, Page, paginate
from superapp.core.api.endpoint import ApiRequest
from superapp.core.errors import Conflict, NotFound, TooManyRequests
from superapp.media.errors import NotReady


class SignInCodes(Endpoint):
    class Post(Operation):
        """Send a one-time code to a phone. The answer is the same whether or not somebody has this number."""

        input, output, status, public = shapes.CodeInput, shapes.SentCodeOutput, 201, True
        errors = (PhoneInvalid, TooManyRequests)

    def post(self, request: ApiRequest, data: dict[str, Any]) -> SentCode:
        return services.send_sign_in_code(client_address=request.client_address, **data)


class CodeSignIn(Endpoint):
    class Post(Operation):
        """Sign in with the code that was sent; a new number becomes a new account."""

        input, output, status, public = shapes.CodeSignInInput, shapes.SessionOutput, 201, True
        errors = (CodeWrong, CodeExpired, PhoneReserved, SignInFailed, AccountDeactivated, TooManyRequests)

    def post(self, request: ApiRequest, data: dict[str, Any]) -> services.Session:
        device = data["device"]
        return services.sign_in_with_code(
            challenge=data["challenge"],
            code=data["code"],
            device_name=device["name"],
            platform=device["platform"],
            recognition_token=data.get("recognition_token", ""),
        )


class PasswordSignIn(Endpoint):
    class Post(Operation):
        """Sign in with a handle or phone number and the password."""

        input, output, status, public = shapes.PasswordSignInInput, shapes.SessionOutput, 201, True
        errors = (SignInFailed, AccountDeactivated, TooManyRequests)

    def post(self, request: ApiRequest, data: dict[str, Any]) -> services.Session:
        device = data["device"]
        return services.sign_in_with_password(
            identifier=data["identifier"],
            password=data["password"],
            device_name=device["name"],
            platform=device["platform"],
            client_address=request.client_address,
            recognition_token=data.get("recognition_token", ""),
        )


class Return(Endpoint):
    class Post(Operation):
        """Take back an account that was given up, with the `return_token` of `account_deactivated`; it works once."""

        input, output, status, public = shapes.ReturnInput, shapes.SessionOutput, 201, True
        errors = (ReturnExpired, SignInFailed)

    def post(self, request: ApiRequest, data: dict[str, Any]) -> services.Session:
        device = data["device"]
        return services.reactivate(
            return_token=data["return_token"], device_name=device["name"], platform=device["platform"]
        )


class Refresh(Endpoint):
    class Post(Operation):
        """Exchange the refresh token for new tokens. Each works once; using one twice signs the device out."""

        input, output, public = shapes.RefreshInput, shapes.SessionOutput, True
        errors = (RefreshTokenInvalid, TooManyRequests)

    def post(self, request: ApiRequest, data: dict[str, Any]) -> services.Session:
        return services.refresh_session(**data)


class SignOut(Endpoint):
    class Post(Operation):
        """Sign this device out."""

        errors = (NotFound,)

    def post(self, request: ApiRequest) -> None:
        services.revoke_device(actor_id=request.user_id, device_id=request.device_id, reason="signed_out")


class Me(Endpoint):
    class Get(Operation):
        """The signed-in person."""

        output = shapes.MeOutput

    class Patch(Operation):
        """Change some of what is said about oneself."""

        input, output = shapes.MeInput, shapes.MeOutput
        errors = (HandleTaken, NotFound, NotReady, TooManyRequests)

    def get(self, request: ApiRequest) -> User:
        user: User = request.user
        return user

    def patch(self, request: ApiRequest, data: dict[str, Any]) -> User:
        return services.change_profile(actor_id=request.user_id, **data)


class Exports(Endpoint):
    class Get(Operation):
        """Copies of my data, the newest first."""

        output, page = shapes.ExportOutput, True

    class Post(Operation):
        """Have a copy made of everything that is kept of me. It takes a while: ask again how far it is."""

        output, status, idempotent = shapes.ExportOutput, 201, True
        errors = (ExportUnderWay, TooManyRequests)

    def get(self, request: ApiRequest, data: dict[str, Any]) -> Page[DataExport]:
        return paginate(selectors.exports_of(request.user_id), request, order=("-id",), **data)

    def post(self, request: ApiRequest) -> DataExport:
        return services.request_export(actor_id=request.user_id, client_id=request.idempotency_key)


class ExportDetail(Endpoint):
    class Get(Operation):
        """How far one copy is, and where it can be fetched."""

        output = shapes.ExportOutput
        errors = (NotFound,)

    def get(self, request: ApiRequest, export_id: int) -> DataExport:
        return selectors.export_of(request.user_id, export_id)


class Leaving(Endpoint):
    class Get(Operation):
        """What stands in the way of giving my account up."""

        output = shapes.LeavingOutput

    class Post(Operation):
        """Give my account up. Every device is signed out and nobody finds me any more; after some days it is erased.
        Signing in before that offers to take it back."""

        input, output = shapes.ProofInput, shapes.LeftOutput
        errors = (LeavingBlocked, PasswordWrong, CodeWrong, CodeExpired, TooManyRequests)

    def get(self, request: ApiRequest) -> dict[str, Any]:
        return {"kept_for_days": settings.ACCOUNT_KEPT_FOR.days, "blockers": selectors.blockers_of(request.user_id)}

    def post(self, request: ApiRequest, data: dict[str, Any]) -> dict[str, Any]:
        return {"erased_after": services.deactivate(actor_id=request.user_id, **data)}


class Terms(Endpoint):
    class Post(Operation):
        """Agree to the current terms. Repeatable; another version than the current one is refused."""

        input, output = shapes.TermsInput, shapes.MeOutput
        errors = (Conflict,)

    def post(self, request: ApiRequest, data: dict[str, Any]) -> User:
        return services.accept_terms(actor_id=request.user_id, **data)


class QrCard(Endpoint):
    class Get(Operation):
        """One's own QR card. Whoever scans it sees one's profile; it stays the same until it is reset."""

        output = shapes.QrCardOutput

    class Post(Operation):
        """Reset the card: there is a new one, and those that others were given end at once."""

        output = shapes.QrCardOutput
        errors = (TooManyRequests,)

    def get(self, request: ApiRequest) -> dict[str, str]:
        return _card(services.qr_card(actor_id=request.user_id))

    def post(self, request: ApiRequest) -> dict[str, str]:
        return _card(services.reset_qr_card(actor_id=request.user_id))


def _card(url: str) -> dict[str, str]:
    return {"url": url, "svg": links.svg(url)}


class Password(Endpoint):
    class Put(Operation):
        """Set or change the password. Every other device is signed out.

        Where there is one, prove yourself by it or, if it is forgotten, by a code sent to your phone. The first one
        takes such a code as well (`code_expired`) once a quarter of an hour has passed since this device signed in.
        """

        input = shapes.PasswordInput
        errors = (PasswordWrong, PasswordRejected, CodeWrong, CodeExpired, TooManyRequests)

    def put(self, request: ApiRequest, data: dict[str, Any]) -> None:
        services.set_password(actor_id=request.user_id, device_id=request.device_id, **data)


class OwnPhoneCodes(Endpoint):
    class Post(Operation):
        """Send a code to the number that I have, to show that it is me."""

        output, status = shapes.SentCodeOutput, 201
        errors = (PhoneInvalid, TooManyRequests)

    def post(self, request: ApiRequest) -> SentCode:
        return services.send_own_phone_code(actor_id=request.user_id, client_address=request.client_address)


class PhoneChanges(Endpoint):
    class Post(Operation):
        """Begin to change my number: show anew that it is me, by the password or a code to the number that I have."""

        input, output, status = shapes.ProofInput, shapes.PhoneChangeOutput, 201
        errors = (PasswordWrong, CodeWrong, CodeExpired, TooManyRequests)

    def post(self, request: ApiRequest, data: dict[str, Any]) -> services.BegunPhoneChange:
        return services.begin_phone_change(actor_id=request.user_id, device_id=request.device_id, **data)


class NewPhoneCodes(Endpoint):
    class Post(Operation):
        """Send a code to the number that shall be mine. The answer is the same whether or not somebody has it."""

        input, output, status = shapes.NewPhoneCodeInput, shapes.SentCodeOutput, 201
        errors = (PhoneInvalid, PhoneChangeExpired, TooManyRequests)

    def post(self, request: ApiRequest, data: dict[str, Any]) -> SentCode:
        return services.send_new_phone_code(
            actor_id=request.user_id, device_id=request.device_id, client_address=request.client_address, **data
        )


class Phone(Endpoint):
    class Put(Operation):
        """Take the number that the code went to. Every other device is signed out. May be repeated."""

        input, output = shapes.NewPhoneInput, shapes.MeOutput
        errors = (PhoneTaken, PhoneReserved, PhoneChangeExpired, CodeWrong, CodeExpired, TooManyRequests)

    def put(self, request: ApiRequest, data: dict[str, Any]) -> User:
        return services.change_phone(actor_id=request.user_id, device_id=request.device_id, **data)


class DeviceList(Endpoint):
    class Get(Operation):
        """The devices that are signed in, the newest sign-in first."""

        output, page = shapes.DeviceOutput, True

    def get(self, request: ApiRequest, data: dict[str, Any]) -> Page[Device]:
        # Not by when they were seen: that moves while somebody turns the pages.
        return paginate(selectors.devices_of(request.user_id), request, order=("-id",), **data)


class OtherDevices(Endpoint):
    class Delete(Operation):
        """Sign every other device out."""

        output = shapes.RevokedOutput

    def delete(self, request: ApiRequest) -> dict[str, int]:
        return {"revoked": services.revoke_other_devices(actor_id=request.user_id, kept_device_id=request.device_id)}


class DeviceDetail(Endpoint):
    class Delete(Operation):
        """Sign one device out."""

        errors = (NotFound,)

    def delete(self, request: ApiRequest, device_id: int) -> None:
        services.revoke_device(actor_id=request.user_id, device_id=device_id)
