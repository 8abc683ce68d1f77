# Reference values for curves and incidences on nine more data sets and for the edge cases: survival (3.5-3) and cmprsk (2.2-11).
#
#   cd tests/reference && Rscript datasets.R
#
# writes data/curves_*.csv (public data sets of R's survival package) and datasets.json: a list of cases, each a list of
# columns, 17 significant digits; NA and NaN are null, infinities the words "Inf" and "-Inf". Long curves are thinned to 60 rows.

suppressMessages({library(survival); library(cmprsk)})
stopifnot(packageVersion("survival") >= "3.5", packageVersion("cmprsk") >= "2.2")
options(digits = 17, warn = 1)

# -- data --------------------------------------------------------------------------------------------------------------
fraction <- function(n) rep(c(0.7, 1.9, 1.2, 0.35, 2.4, 1), length.out = n)
months <- function(days) round(days / 30.4375)
aml <- data.frame(time = survival::aml$time, status = survival::aml$status, arm = as.character(survival::aml$x))
veteran <- survival::veteran[, c("time", "status", "trt", "celltype")]
ovarian <- survival::ovarian[, c("futime", "fustat", "rx", "resid.ds")]
pbc <- with(survival::pbc, data.frame(time, state = status, month = months(time), sex = as.character(sex), stage,
                                      entry = round(age, 2), exit = round(age + time / 365.25, 2)))
# a liver transplant list: death, transplant or withdrawal, two patients end on day 0
transplant <- with(survival::transplant, data.frame(time = futime, state = as.integer(event) - 1, abo = as.character(abo),
                                                    month = months(futime)))
# acute myeloid leukaemia: what comes first, complete response, transplant, death, or a relapse without any of them
myeloid <- with(survival::myeloid, {
  at <- cbind(ifelse(is.na(crtime), Inf, crtime), ifelse(is.na(txtime), Inf, txtime), ifelse(death == 1, futime, Inf))
  first <- apply(at, 1, min)
  data.frame(time = pmin(first, futime), state = ifelse(is.finite(first), apply(at, 1, which.min), 0), trt, sex = as.character(sex))
})
myeloid$month <- months(myeloid$time)
# flchain, every third patient: death of circulatory disease, of a neoplasm, of a respiratory disease, of anything else
flchain <- with(survival::flchain[seq(1, 7874, 3), ], data.frame(
  time = futime, state = ifelse(death == 0, 0, match(chapter, c("Circulatory", "Neoplasms", "Respiratory"), nomatch = 4)),
  sex = as.character(sex), entry = age, exit = round(age + (futime + 1) / 365.25, 3)))
rotterdam <- with(survival::rotterdam, data.frame(
  month = months(ifelse(recur == 1, pmin(rtime, dtime), dtime)), state = ifelse(recur == 1 & rtime <= dtime, 1, 2 * death), hormon, size = as.character(size)))
cgd <- with(survival::cgd, data.frame(id, tstart, tstop, status, treat = ifelse(treat == "placebo", "placebo", "interferon")))
names <- c("aml", "veteran", "ovarian", "pbc", "transplant", "myeloid", "flchain", "rotterdam", "cgd")
for (name in names) {
  write.csv(get(name), sprintf("data/curves_%s.csv", name), row.names = FALSE, quote = FALSE, na = "")
  assign(name, read.csv(sprintf("data/curves_%s.csv", name)))      # what Python reads back is what R computes on
}

# -- output ------------------------------------------------------------------------------------------------------------
cases <- character()
number <- function(x) ifelse(is.na(x), "null", ifelse(is.finite(x), sprintf("%.17g", x), sprintf('"%s"', x)))
column <- function(x) paste0("[", paste(if (is.character(x)) sprintf('"%s"', x) else number(x), collapse = ","), "]")
put <- function(name, ...) {
  columns <- list(...)
  body <- paste0('"', names(columns), '": ', sapply(columns, column), collapse = ",\n  ")
  cases <<- c(cases, paste0("\"", name, "\": {\n  ", body, "\n }"))
}
thin <- function(n) unique(round(seq(1, n, length.out = min(n, 60))))
groups <- function(fit) if (is.null(fit$strata)) rep("", length(fit$time)) else
  rep(sub("^[^=]*=", "", names(fit$strata)), fit$strata)

# -- Kaplan-Meier ------------------------------------------------------------------------------------------------------
# With rows of one patient (id) survfit's n.censor also counts rows that go on (124 of 352 women at day 300 of `pbc cut into rows`),
# and misses others: there it is counted by hand, from the last row of each patient.
last_seen <- function(id, group, time, event) {
  last <- !duplicated(id, fromLast = TRUE) & event == 0
  table(paste(group, time)[last])
}
censored <- function(fit, seen) if (is.null(seen)) fit$n.censor else {
  found <- as.vector(seen[paste(groups(fit), fit$time)]); ifelse(is.na(found), 0, found)
}
probs <- c(0.1, 0.25, 0.5, 0.75)
curve <- function(name, fit, at, seen = NULL) {
  fit$n.censor <- censored(fit, seen)
  keep <- which(fit$n.event + fit$n.censor > 0)    # a time at which rows only continue is not an exit
  keep <- keep[thin(length(keep))]
  se <- if (is.null(fit$logse) || fit$logse) fit$std.err * fit$surv else fit$std.err
  put(name, group = groups(fit)[keep], time = fit$time[keep], estimate = fit$surv[keep], std_error = se[keep],
      conf_low = fit$lower[keep], conf_high = fit$upper[keep], n_risk = fit$n.risk[keep],
      n_event = fit$n.event[keep], n_censor = fit$n.censor[keep])
  q <- quantile(fit, probs)
  levels <- unique(groups(fit)); rows <- function(x) as.vector(t(x))
  put(paste0(name, ", quantiles"), group = rep(levels, each = length(probs)), quantile = rep(probs, length(levels)),
      estimate = rows(q$quantile), conf_low = rows(q$lower), conf_high = rows(q$upper))
  s <- summary(fit, times = at, extend = TRUE)
  put(paste0(name, ", at"), group = if (is.null(s$strata)) rep("", length(s$time)) else sub("^[^=]*=", "", s$strata),
      time = s$time, estimate = s$surv, std_error = s$std.err, conf_low = s$lower, conf_high = s$upper, n_risk = s$n.risk)
}
kinds <- c("plain", "log", "log-log", "logit", "arcsin")
for (type in kinds) {
  curve(paste("aml,", type), survfit(Surv(time, status) ~ arm, aml, conf.type = type), c(0, 9, 20, 50, 161, 200))
  curve(paste("veteran,", type), survfit(Surv(time, status) ~ celltype, veteran, conf.type = type), c(0, 1, 30, 90, 180, 999, 1500))
  curve(paste("ovarian,", type), survfit(Surv(futime, fustat) ~ rx, ovarian, conf.type = type), c(0, 59, 365, 1227, 2000))
  curve(paste("transplant months,", type), survfit(Surv(month, state > 0) ~ abo, transplant, conf.type = type), c(0, 1, 6, 12, 60, 100))
  curve(paste("rotterdam,", type), survfit(Surv(month, state > 0) ~ size, rotterdam, conf.type = type), c(0, 12, 60, 120, 231, 300))
}
curve("transplant days", survfit(Surv(time, state > 0) ~ 1, transplant, conf.type = "log-log"), c(0, 1, 30, 365, 3000))
curve("pbc by age", survfit(Surv(entry, exit, state > 0) ~ sex, pbc, conf.type = "log-log"), c(20, 45, 60.5, 75, 90))
curve("flchain by age", survfit(Surv(entry, exit, state > 0) ~ sex, flchain, conf.type = "log-log"), c(40, 60, 75.5, 90, 110))
curve("rotterdam weighted", survfit(Surv(month, state > 0) ~ hormon, rotterdam, weights = fraction(2982), conf.type = "log-log"), c(0, 12, 60, 120, 300))
curve("pbc months follow-up", survfit(Surv(month, state == 0) ~ sex, pbc, conf.type = "log-log"), c(0, 12, 60, 120))
# counting-process rows of one patient, with several events: the variance is over patients
curve("cgd", survfit(Surv(tstart, tstop, status) ~ treat, cgd, id = id, conf.type = "log-log"), c(0, 30, 200, 365, 500),
      with(cgd, last_seen(id, treat, tstop, status)))
split <- survSplit(Surv(time, state > 0) ~ ., transform(pbc, who = seq_len(nrow(pbc))), cut = c(300, 1000, 2000), episode = "piece", event = "dead")
curve("pbc cut into rows", survfit(Surv(tstart, time, dead) ~ sex, split, id = who, conf.type = "log-log"), c(0, 12, 365, 1500, 5000),
      with(split, last_seen(who, sex, time, dead)))

# -- cumulative incidence, any number of causes ------------------------------------------------------------------------
gray_curves <- function(name, time, state, group = rep("", length(time))) {
  fit <- cuminc(time, state, group)
  fit$Tests <- NULL
  out <- NULL
  for (g in sort(unique(group))) for (k in sort(unique(state[state > 0]))) {
    one <- fit[[paste(g, k)]]
    at <- sort(unique(time[group == g])); at <- at[thin(length(at))]
    last <- sapply(at, function(t) max(which(one$time <= t)))
    out <- rbind(out, data.frame(group = g, cause = k, time = at, estimate = one$est[last], std_error = sqrt(one$var[last])))
  }
  z <- qnorm(0.975)
  put(name, group = out$group, cause = out$cause, time = out$time, estimate = out$estimate, std_error = out$std_error,
      conf_low = out$estimate^exp(-z * out$std_error / (out$estimate * log(out$estimate))),
      conf_high = out$estimate^exp(z * out$std_error / (out$estimate * log(out$estimate))))
}
with(transplant, gray_curves("transplant cmprsk", time, state, abo))
with(transplant, gray_curves("transplant months cmprsk", month, state))
with(myeloid, gray_curves("myeloid cmprsk", time, state, trt))
with(myeloid, gray_curves("myeloid months cmprsk", month, state, trt))
with(flchain, gray_curves("flchain cmprsk", time, state, sex))
with(pbc, gray_curves("pbc cmprsk", time, state, sex))
with(pbc, gray_curves("pbc months cmprsk", month, state))
with(rotterdam, gray_curves("rotterdam cmprsk", month, state, size))

jackknife <- function(name, fit, seen = NULL) {
  rows <- which(rowSums(cbind(fit$n.event)) + (if (is.null(seen)) rowSums(cbind(fit$n.censor)) else censored(fit, seen)) > 0)
  out <- NULL
  for (g in unique(groups(fit))) {
    mine <- rows[groups(fit)[rows] == g]; mine <- mine[thin(length(mine))]
    for (k in 2:ncol(fit$pstate))
      out <- rbind(out, data.frame(group = g, cause = k - 1, time = fit$time[mine], estimate = fit$pstate[mine, k], std_error = fit$std.err[mine, k],
                                   conf_low = fit$lower[mine, k], conf_high = fit$upper[mine, k], n_risk = fit$n.risk[mine, 1]))
  }
  do.call(put, c(list(name), as.list(out)))
}
states <- function(x) factor(x, 0:max(x), c("censored", paste0("s", 1:max(x))))
jackknife("transplant jackknife", survfit(Surv(time, states(state)) ~ abo, transplant, conf.type = "log-log"))
jackknife("transplant months jackknife", survfit(Surv(month, states(state)) ~ 1, transplant, conf.type = "log-log"))
jackknife("myeloid jackknife", survfit(Surv(time, states(state)) ~ trt, myeloid, conf.type = "log-log"))
jackknife("myeloid months weighted", survfit(Surv(month, states(state)) ~ trt, myeloid, weights = fraction(646), conf.type = "log-log"))
jackknife("flchain jackknife", survfit(Surv(time, states(state)) ~ sex, flchain, conf.type = "log-log"))
flchain$id <- seq_len(nrow(flchain)); pbc$id <- seq_len(nrow(pbc))
jackknife("flchain by age jackknife", survfit(Surv(entry, exit, states(state)) ~ sex, flchain, id = id, conf.type = "log-log"))
jackknife("flchain by age weighted", survfit(Surv(entry, exit, states(state)) ~ 1, flchain, id = id, weights = fraction(nrow(flchain)), conf.type = "log-log"))
jackknife("pbc by age jackknife", survfit(Surv(entry, exit, states(state)) ~ sex, subset(pbc, entry > 40), id = id, conf.type = "log-log"))
jackknife("pbc months jackknife", survfit(Surv(month, states(state)) ~ sex, pbc, conf.type = "log-log"))
jackknife("rotterdam weighted jackknife", survfit(Surv(month, states(state)) ~ size, rotterdam, weights = fraction(2982), conf.type = "log-log"))
cut <- survSplit(Surv(time, state > 0) ~ ., transform(pbc, kind = state), cut = c(300, 1000, 2000), episode = "piece", event = "dead")
cut$state <- cut$dead * cut$kind
jackknife("pbc cut into rows jackknife", survfit(Surv(tstart, time, states(state)) ~ sex, cut, id = id, conf.type = "log-log"),
          with(cut, last_seen(id, sex, time, state)))

# -- edge cases: what R answers -----------------------------------------------------------------------------------------
edges <- list(
  "one patient, event" = list(5, 1), "one patient, censored" = list(5, 0), "no events" = list(c(3, 1, 2), c(0, 0, 0)),
  "all at once" = list(c(2, 2, 2), c(1, 1, 1)), "event at zero" = list(c(0, 0, 3, 4), c(1, 0, 1, 0)),
  "all die" = list(c(1, 2, 3, 4), c(1, 1, 1, 1)), "last one dies" = list(c(1, 2, 3, 3), c(0, 1, 0, 1)),
  "two causes at one time" = list(c(1, 1, 2, 3), c(1, 2, 2, 1)), "second cause only" = list(c(1, 2, 3), c(2, 0, 2)),
  "one of each" = list(c(4, 4, 4), c(0, 1, 2)))
for (name in names(edges)) {
  time <- edges[[name]][[1]]; state <- edges[[name]][[2]]
  if (all(state < 2)) for (type in kinds) {
    fit <- survfit(Surv(time, state) ~ 1, conf.type = type)
    q <- quantile(fit, c(0.25, 0.5, 0.75))
    put(paste0("edge: ", name, ", ", type), t = time, s = state, time = fit$time, estimate = fit$surv, std_error = fit$std.err * fit$surv, conf_low = fit$lower,
        conf_high = fit$upper, n_risk = fit$n.risk, n_event = fit$n.event, n_censor = fit$n.censor,
        quantile = q$quantile, quantile_low = q$lower, quantile_high = q$upper)
  }
  fit <- survfit(Surv(time, factor(state, 0:2, c("censored", "first", "second"))) ~ 1, conf.type = "log-log")
  put(paste0("edge: ", name, ", jackknife"), t = time, s = state, time = fit$time, first = fit$pstate[, 2], second = fit$pstate[, 3], first_se = fit$std.err[, 2],
      second_se = fit$std.err[, 3], first_low = fit$lower[, 2], first_high = fit$upper[, 2], second_low = fit$lower[, 3], second_high = fit$upper[, 3])
  if (any(state > 0)) {
    fit <- cuminc(time, state); at <- sort(unique(time)); columns <- list(t = time, s = state, time = at)
    for (k in sort(unique(state[state > 0]))) {
      one <- fit[[paste(1, k)]]; last <- sapply(at, function(t) max(which(one$time <= t)))
      columns[[paste0("estimate", k)]] <- one$est[last]; columns[[paste0("std_error", k)]] <- sqrt(one$var[last])
    }
    do.call(put, c(list(paste0("edge: ", name, ", cmprsk")), columns))
  }
}

writeLines(paste0("{\n ", paste(cases, collapse = ",\n "), "\n}"), "datasets.json")
