"""Eight centres side by side, given their case mix. Simulated: Centre 3 has twice, Centre 6 half the death rate; Centre 5's patients are frailer."""

import numpy as np

import haip_outcomes as haip

truth, frail = {"Centre 3": haip.Truth(death=0.04), "Centre 6": haip.Truth(death=0.01)}, {"Centre 5": {"sarcopenia": 0.9}}
cohort = haip.simulate_cohort(640, rng=np.random.default_rng(8), truth=truth, centres=(150, 120, 90, 80, 70, 60, 40, 30), case_mix=frail)
model = haip.reference_model(cohort, "os", ["sarcopenia", "extrahepatic_disease", "age"], name="All eight centres")
found = model.expected(cohort, by="centre").tidy()
funnel = haip.funnel(found["n_event"], found["n_expected"], target=1, groups=found["group"])
haip.save_figure(haip.plot_funnel(funnel, y_label="Deaths"), "figures/eight_centres")
print(funnel.tidy()[["group", "estimate", "conf_low", "conf_high", "n_event", "n_expected", "flag"]].to_string(index=False))
print(haip.shrunken(found["n_event"], found["n_expected"], groups=found["group"]).tidy().to_string(index=False))
