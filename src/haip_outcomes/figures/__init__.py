"""Figures; matplotlib is imported only here."""
