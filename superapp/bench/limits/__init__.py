"""Frozen baselines: what the product is measured against. They import nothing of it, and change only with the wire."""
