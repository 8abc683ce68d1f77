"""How many patients until a question can be answered."""
