"""How well a model predicts: discrimination, overall error, calibration and net benefit, on predicted risks."""
