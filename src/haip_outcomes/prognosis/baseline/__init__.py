"""Factors known at time zero: their models, checks, subgroups and what REMARK asks."""
