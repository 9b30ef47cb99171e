"""Uploads: what strangers send is checked and re-encoded, kept, resized by workers and delivered by signed links."""
