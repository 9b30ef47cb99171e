"""How people sign in who work with the product in a browser: a handle, a password and a second factor, by allauth."""
