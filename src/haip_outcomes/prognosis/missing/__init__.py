"""Factors with missing values imputed, beside complete cases."""
