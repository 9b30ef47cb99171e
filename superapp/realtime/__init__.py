"""The device socket, and pushes to people and topics. Knows no app: they register commands and kinds of topics."""
