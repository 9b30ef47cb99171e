"""`make bench APP=…`: what a room takes of the machine, beside the limits that it must keep (docs/measuring.md)."""
