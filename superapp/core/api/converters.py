from superapp.core.ids import MAX_ID


class IdConverter:
    """``<id:conversation_id>``: digits up to 2^63 - 1. Anything else is no address of ours."""

    regex = "[0-9]{1,19}"

    def to_python(self, value: str) -> int:
        number = int(value)
        if number > MAX_ID:
            raise ValueError
        return number

    def to_url(self, value: int) -> str:
        return str(value)
