"""Which patient factors go with the outcome."""
