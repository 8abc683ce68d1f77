"""The centre's results beside the published figures they can be compared with, in words."""

import haip_outcomes as haip

cohort = haip.demo_cohort()
comparison = haip.compare(cohort, haip.published(setting="adjuvant", endpoint="overall_survival"))
for sentence in comparison.sentences:
    print(sentence)
