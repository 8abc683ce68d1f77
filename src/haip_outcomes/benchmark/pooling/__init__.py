"""Published figures pooled: random effects, and what a new centre may expect."""
