"""What people of the demo city bought from each other's shops."""

from payments import registry

PURPOSE = "demo.counter"


def register() -> None:
    registry.purposes.register(PURPOSE, label="柜台 · Counter")
