"""Superapp: one account, one wallet, one inbox."""

from superapp.celery import app as celery_app

__all__ = ["celery_app"]
