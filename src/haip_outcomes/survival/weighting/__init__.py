"""Comparing treatments that were chosen, not drawn by lot: propensity scores, weights, balance, and what an unmeasured cause would have to be."""
