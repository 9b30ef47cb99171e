"""What this room plugs into those below it, and its reactions to what happened."""


def register() -> None:
    """Called once at start."""
