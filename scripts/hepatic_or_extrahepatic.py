"""Where does disease come back first after an adjuvant pump: in the liver or elsewhere? By sarcopenia, with Gray's test."""

import haip_outcomes as haip

cohort = haip.load_adjuvant("cohorts/demo_centre/demo.csv")
first, sarcopenia = cohort.endpoint("first_site"), cohort["sarcopenia"]
incidence = haip.cumulative_incidence(first, by=sarcopenia)
tests = {cause: haip.gray(first, sarcopenia, cause=cause) for cause in ("Liver", "Extrahepatic")}
drawing = haip.plot_cumulative_incidence(incidence, cause="Liver", width="double", tests=tests, by_label="Sarcopenia")
haip.save_figure(drawing, "figures/hepatic_or_extrahepatic")
print(incidence.at([24, 36]).to_string(index=False))
