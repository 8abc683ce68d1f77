"""Which factors go with survival in unresectable disease? Hazard ratios as a table and as a forest plot."""

import haip_outcomes as haip

cohort = haip.load_unresectable("cohorts/demo_centre/demo.csv")
found = haip.factors(cohort, "os", ["sarcopenia", "extrahepatic_disease", "age"], multivariable=["sarcopenia", "extrahepatic_disease"])
haip.save_figure(haip.plot_forest(found), "figures/prognostic_factors")
print(haip.effects_table(found).frame().to_string(index=False))
print(found.proportional_hazards.to_string(index=False))
