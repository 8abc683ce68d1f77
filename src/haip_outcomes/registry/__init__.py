"""Patients: the plan, the file, the cohort."""
