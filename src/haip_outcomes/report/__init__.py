"""The report: one HTML file and everything it shows."""
