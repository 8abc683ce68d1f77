"""Pump against no pump among resected patients. Simulated: the pump lowers the death rate to 0.7; most sarcopenic patients were never offered one."""

import numpy as np

import haip_outcomes as haip

rng, truth = np.random.default_rng(8), {"adjuvant": haip.Truth(death=0.014), "comparator": haip.Truth(death=0.02)}
everybody = haip.simulate_cohort(420, rng=rng, truth=truth, shares={"adjuvant": 1, "comparator": 1})
passed_over = (everybody["setting"] == "adjuvant") & (everybody["sarcopenia"] == "Yes") & (rng.random(420) < 0.7)
cohort = everybody.where(~passed_over, because="sarcopenia: not offered a pump")
found = haip.compare_treatments(cohort, treatment="setting", confounders=["sarcopenia", "node_positive", "age"], replicates=200, rng=1)
haip.save_figure(haip.plot_balance(found), "figures/pump_or_no_pump_balance")
haip.save_figure(haip.plot_treatments(found, labels={"adjuvant": "Pump", "comparator": "No pump"}), "figures/pump_or_no_pump")
print(haip.treatment_table(found).frame().to_string(index=False))
print(*found.sentences, sep="\n")
