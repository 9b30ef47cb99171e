"""Tables, by noun."""
