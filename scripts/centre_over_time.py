"""Complications case by case: do they become rarer with experience, and are there more than a published series leads one to expect?"""

import haip_outcomes as haip

cohort = haip.demo_cohort().setting("unresectable")
in_order = cohort.frame.sort_values("pump_date", kind="stable")["pump_complication"].dropna()
happened = (in_order == "Yes").astype(int)

learning = haip.learning_curve(happened)
print(learning.sentence)
haip.save_figure(haip.plot_learning_curve(learning, y_label="Pump complication (%)"), "figures/learning_curve")

chart = haip.cusum(happened, 0.22)  # Allen 2005: 120 of 544 patients
print(chart.sentence)
haip.save_figure(haip.plot_cusum(chart), "figures/cusum_pump_complications")
