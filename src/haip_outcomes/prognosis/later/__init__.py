"""Factors known only after time zero: as they change, and by landmark."""
