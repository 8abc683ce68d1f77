"""Columns of a frame as the matrix of a regression."""
