"""What every room stands on: ids, errors, events, loops, limits and the plumbing of the API. No business rules."""
