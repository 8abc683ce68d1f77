"""Overall survival since pump placement, adjuvant and unresectable side by side."""

import haip_outcomes as haip

cohort = haip.read_cohort("cohorts/demo_centre/demo.csv", "cohorts/demo_centre/plan.toml")
curve = haip.survival_curve(cohort.endpoint("os"), by=cohort["setting"])
drawing = haip.plot_survival(curve, width="double", by_label="Setting")
haip.save_figure(drawing, "figures/overall_survival")
print(curve.median().to_string(index=False))
print(curve.at([12, 36, 60]).to_string(index=False))
