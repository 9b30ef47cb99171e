"""Hail a taxi in the street, watch it come, pay from the wallet."""
