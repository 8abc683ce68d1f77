"""One centre, patient after patient."""
