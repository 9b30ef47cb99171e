"""A client of the public API: what a phone would do, in Python. It knows nothing that docs/ does not tell everybody.

``Api`` is REST, ``Socket`` one connection, ``Store`` the catch-up rules, ``Client`` all three: a device that stays
connected, misses nothing and shows nothing twice. ``talk`` is a terminal on top of it. Simulators, fault tests and load
tests use the same parts.
"""

from superapp.client.api import Api, new_key
from superapp.client.client import Client
from superapp.client.errors import ApiError, ClientError, SignedOut, SocketClosed, Unreachable
from superapp.client.outbox import Outgoing
from superapp.client.rules import Timing
from superapp.client.socket import Socket
from superapp.client.store import Store
from superapp.client.updates import State, Update

__all__ = [
    "Api",
    "ApiError",
    "Client",
    "ClientError",
    "Outgoing",
    "SignedOut",
    "Socket",
    "SocketClosed",
    "State",
    "Store",
    "Timing",
    "Unreachable",
    "Update",
    "new_key",
]
