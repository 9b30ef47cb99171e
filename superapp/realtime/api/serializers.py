from rest_framework import serializers

from superapp.core.api.fields import Output, Time


class TicketOutput(Output):
    ticket = serializers.CharField(help_text="For the first frame of the socket; works once.")
    expires_at = Time()
    url = serializers.CharField()
