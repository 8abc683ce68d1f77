"""Columns that identify patients."""
