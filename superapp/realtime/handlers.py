from superapp.accounts import selectors as accounts
from superapp.accounts.events import DeviceAdded, DeviceRevoked
from superapp.core.events import after_commit, at_least_once
from superapp.realtime import push
from superapp.realtime.connection import Close


@after_commit(DeviceRevoked)
def close_its_socket(event: DeviceRevoked) -> None:
    code = {"replaced": Close.REPLACED, "banned": Close.BANNED}.get(event.reason, Close.UNAUTHENTICATED)
    push.close_device(user_id=event.user_id, device_id=event.device_id, code=code)


@at_least_once(DeviceAdded)
def tell_of_the_new_device(event: DeviceAdded) -> None:
    """Kept: whoever did not sign in there has to learn of it, also when their phone was off."""
    device = accounts.device_frame(user_id=event.user_id, device_id=event.device_id)
    if device is not None:
        push.to_users([event.user_id], type="device.added", payload=device, keep=True)
