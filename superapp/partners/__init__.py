"""API credentials, signed requests, outgoing webhooks and the HTTP client that refuses private addresses."""
