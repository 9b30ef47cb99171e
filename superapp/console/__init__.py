"""The shell of the web consoles: layout, sign-in, organisation switcher, components and vendored static files."""
