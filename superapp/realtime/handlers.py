from superapp.accounts.events import DeviceRevoked
from superapp.core.events import after_commit
from superapp.realtime import push
from superapp.realtime.connection import Close


@after_commit(DeviceRevoked)
def close_its_socket(event: DeviceRevoked) -> None:
    code = {"replaced": Close.REPLACED, "banned": Close.BANNED}.get(event.reason, Close.UNAUTHENTICATED)
    push.close_device(user_id=event.user_id, device_id=event.device_id, code=code)
