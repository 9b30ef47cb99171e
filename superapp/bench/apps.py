from django.apps import AppConfig


class BenchConfig(AppConfig):
    """Installed by settings/bench.py only: it registers what a bench's load is made of in the product's processes."""

    name = "superapp.bench"
    label = "bench"

    def ready(self) -> None:
        from superapp.bench import events  # noqa: F401
