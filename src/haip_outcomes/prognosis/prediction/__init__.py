"""What a fitted model says about a patient: predicted survival by profile, and the nomogram."""
