"""Official accounts that people follow, and their broadcasts into every follower's inbox."""
