"""A published curve as a reference: from landmarks, a form, or its patients reconstructed; and a centre against it."""
