"""Columns made from others: summaries, body composition, risk scores."""
