from django.apps import AppConfig


class RealtimeConfig(AppConfig):
    name = "superapp.realtime"
    label = "realtime"

    def ready(self) -> None:
        from superapp.realtime import handlers, metrics

        handlers.register()
        metrics.register()
