"""What stands in a plan, and what must hold of it."""
