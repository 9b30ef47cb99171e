"""Reports, keyword rules and the moderation queue."""
