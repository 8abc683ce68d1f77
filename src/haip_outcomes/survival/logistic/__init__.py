"""Logistic regression of a yes or no: the likelihood, with Firth's penalty or without, and its maximum; shared by scores, reference models and trends."""
