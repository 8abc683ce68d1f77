"""Estimators on arrays and frames; this floor knows no registry."""
