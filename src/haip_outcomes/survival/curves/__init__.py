"""Survival and cumulative incidence over time."""
