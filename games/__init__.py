"""The game store, matches with clocks, spectators and live comments."""
