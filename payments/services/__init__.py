"""What people and products can do with money."""
