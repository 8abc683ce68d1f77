"""Fine and Gray's regression."""
