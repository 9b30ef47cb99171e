from superapp.accounts import selectors as accounts
from superapp.accounts.api import pushes as shapes
from superapp.accounts.api.organisation_shapes import InvitationOutput
from superapp.accounts.api.serializers import AddedDeviceOutput
from superapp.accounts.events import (
    DeviceAdded,
    DeviceRevoked,
    OrganisationChanged,
    PhoneChanged,
    StaffChanged,
    StaffInvited,
)
from superapp.accounts.registry import privacy
from superapp.core.events import after_commit, at_least_once
from superapp.realtime import push, registry, services
from superapp.realtime.connection import Close
from superapp.realtime.registry import Push


def register() -> None:
    registry.pushes.register(
        {
            "device.added": Push(
                "You signed in on one more device, or somebody else did.", AddedDeviceOutput, kept=True
            ),
            "phone.changed": Push("Your account has another number.", shapes.PhoneChangedPush, kept=True),
            "organisation.invited": Push("You are asked to join an organisation's staff.", InvitationOutput),
            "organisation.place_changed": Push("Your place on an organisation's staff.", shapes.PlaceChangedPush),
            "organisation.changed": Push("An organisation of yours has moved on.", shapes.OrganisationChangedPush),
        }
    )
    privacy.register(
        "realtime",
        export=services.copy_of_events,
        erase=services.erase_person,
        covers={"realtime.Ticket": {"user_id"}, "realtime.KeptEvent": {"user_id"}},
    )


@after_commit(DeviceRevoked)
def close_its_socket(event: DeviceRevoked) -> None:
    code = {"replaced": Close.REPLACED, "banned": Close.BANNED}.get(event.reason, Close.UNAUTHENTICATED)
    push.close_device(user_id=event.user_id, device_id=event.device_id, code=code)


@after_commit(PhoneChanged)
def tell_of_the_new_number(event: PhoneChanged) -> None:
    """It is published before the other devices end, so their sockets show it before they close."""
    push.to_users([event.user_id], type="phone.changed", payload={"changed_at": event.changed_at}, keep=True)


@at_least_once(DeviceAdded)
def tell_of_the_new_device(event: DeviceAdded) -> None:
    """Kept: whoever did not sign in there has to learn of it, also when their phone was off."""
    device = accounts.device_frame(user_id=event.user_id, device_id=event.device_id)
    if device is not None:
        push.to_users([event.user_id], type="device.added", payload=device, keep=True)


@at_least_once(StaffInvited)
def show_invitation(event: StaffInvited) -> None:
    """Not in the request of whoever invites: how long that takes would tell whether somebody has the number."""
    for user_id, invitation in accounts.invitees(event.invitation_id).items():
        push.to_users([user_id], type="organisation.invited", payload=accounts.invitation_frame(invitation))


@after_commit(StaffChanged)
def show_place(event: StaffChanged) -> None:
    """To whose place it is; ``mine`` is null for who is no longer on the staff."""
    found = accounts.mine(user_id=event.user_id, organisation_ids=[event.organisation_id])
    payload = {"organisation_id": str(event.organisation_id), "mine": found.get(event.organisation_id)}
    push.to_users([event.user_id], type="organisation.place_changed", payload=payload)


@after_commit(OrganisationChanged)
def show_organisation(event: OrganisationChanged) -> None:
    """To its owners; the rest of its staff see it when they look."""
    payload = {"organisation_id": str(event.organisation_id), "state": event.state, "name": event.name}
    push.to_users(accounts.owner_ids(event.organisation_id), type="organisation.changed", payload=payload)
