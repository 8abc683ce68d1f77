"""The literature and the comparison with it."""
