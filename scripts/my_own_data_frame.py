"""Without a registry: any data frame with a time and a state."""

import pandas as pd

import haip_outcomes as haip

frame = pd.DataFrame({"months": [3, 5, 5, 8, 12, 14, 20, 24], "what": [1, 2, 1, 0, 1, 2, 0, 0], "arm": list("abababab")})
times = haip.TimeToEvent.from_frame(frame, time="months", state="what", states=["Liver", "Death"], time_zero="pump placement")
print(haip.cumulative_incidence(times, by=frame["arm"]).at([12]).to_string(index=False))
print(haip.gray(times, frame["arm"], cause="Liver"))
print(haip.at_risk_table(times, [0, 6, 12, 18]).to_string(index=False))
