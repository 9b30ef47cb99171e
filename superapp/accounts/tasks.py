from celery import shared_task

from superapp.accounts import services


@shared_task
def forget_expired() -> None:
    services.forget_expired()
