"""Expected events for these patients, and centres side by side."""
