"""How long may patients like these be expected to live? Predicted survival by profile as a table, and the model as a nomogram."""

import haip_outcomes as haip

cohort = haip.load_unresectable("cohorts/demo_centre/demo.csv")
terms = ["sarcopenia", "extrahepatic_disease"]
fit = haip.cox(cohort.endpoint("os"), haip.design(cohort.frame, terms))
checked = haip.validate(cohort.endpoint("os"), cohort.frame, {"Two factors": haip.cox_model(terms)}, times=[12, 36], rng=1)
found = haip.profiles(fit, times=[12, 36], labels=cohort, validation=checked)
drawing = haip.plot_nomogram(haip.nomogram(fit, times=[12, 36], labels=cohort, validation=checked))
haip.save_figure(drawing, "figures/nomogram")
print(haip.profile_table(found).frame().to_string(index=False))
print(drawing.caption)
