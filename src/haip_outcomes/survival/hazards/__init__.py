"""Cox's regression and what is made from it."""
