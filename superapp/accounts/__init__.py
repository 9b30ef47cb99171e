"""People: sign-in, profiles and devices."""
