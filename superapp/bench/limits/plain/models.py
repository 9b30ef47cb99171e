"""The tables that the two views touch, unmanaged: the product's migrations make them."""

from django.contrib.auth.models import AbstractBaseUser
from django.db import models


class User(AbstractBaseUser):
    id = models.BigIntegerField(primary_key=True)
    phone = models.CharField(max_length=16, null=True)  # noqa: DJ001
    handle = models.CharField(max_length=20, null=True)  # noqa: DJ001
    display_name = models.CharField(max_length=40)
    avatar_id = models.BigIntegerField(null=True)
    language = models.CharField(max_length=10)
    time_zone = models.CharField(max_length=50)
    is_active = models.BooleanField(default=True)
    is_staff = models.BooleanField(default=False)
    is_superuser = models.BooleanField(default=False)
    is_demo = models.BooleanField(default=False)
    birth_date = models.DateField(null=True)
    terms_version = models.IntegerField()
    created_at = models.DateTimeField()

    USERNAME_FIELD = "handle"

    class Meta:
        managed = False
        db_table = "accounts_user"


class Device(models.Model):
    pk = models.CompositePrimaryKey("user_id", "id")
    user = models.ForeignKey(User, on_delete=models.DO_NOTHING, related_name="+")
    id = models.BigIntegerField()
    name = models.CharField(max_length=60)
    platform = models.CharField(max_length=10)
    created_at = models.DateTimeField()
    last_seen_at = models.DateTimeField()
    access_digest = models.CharField(max_length=64)
    access_expires_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True)
    objects: "models.Manager[Device]" = models.Manager()

    class Meta:
        managed = False
        db_table = "accounts_device"
