"""Two treatments compared, made alike by their propensity."""
