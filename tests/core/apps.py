from django.apps import AppConfig


class FactsConfig(AppConfig):
    name = "tests.core"
    label = "facts"

    def ready(self) -> None:
        # For its handler, which subscribes.
        from tests.core import facts  # noqa: F401
