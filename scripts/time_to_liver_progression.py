"""Time to liver progression in unresectable disease: the curve that series print, and the incidence with death competing."""

import haip_outcomes as haip

cohort = haip.load_unresectable("cohorts/demo_centre/demo.csv")
liver = cohort.endpoint("liver")
curve = haip.survival_curve(liver.only("Liver"))
haip.save_figure(haip.plot_survival(curve, width="double"), "figures/time_to_liver_progression")
incidence = haip.cumulative_incidence(liver)
haip.save_figure(haip.plot_cumulative_incidence(incidence, cause="Liver", width="double"), "figures/liver_progression_incidence")
print(curve.median().to_string(index=False))
print(curve.median(method="standard-error").to_string(index=False))
