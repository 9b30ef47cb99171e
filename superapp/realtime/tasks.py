from celery import shared_task

from superapp.realtime import services


@shared_task
def forget_old() -> None:
    services.forget_old()
