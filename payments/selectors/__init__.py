"""What people and products can read about money."""
