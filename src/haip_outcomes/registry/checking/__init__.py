"""What must hold of a typed cohort: the rules, the views they are asked of, and who is blamed."""
