"""The pushes that tests make, registered as an app would: what nobody has registered is not sent."""

from superapp.core.api.fields import Output
from superapp.realtime import registry
from superapp.realtime.registry import Push

_PERSONAL = ("test.mark", "test.personal", "test.flood", "test.text", "test.number")


def register() -> None:
    table = {name: Push("In tests.", Output) for name in _PERSONAL}
    table["test.kept"] = Push("In tests.", Output, kept=True)
    table["test.said"] = Push("In tests.", Output, topic="test.room", versioned=True)
    table["test.plain"] = Push("In tests.", Output, topic="test.room")
    table["test.closed"] = Push("In tests.", Output, topic="test.closing")
    table["test.moved"] = Push("In tests.", Output, topic="conversation", versioned=True)
    table["test.arrived"] = Push("In tests.", Output, topic="conversation")
    registry.pushes.register(table)
