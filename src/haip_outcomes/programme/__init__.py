"""Safety and delivery of the pump programme."""
