# Reference values for curves, incidences and their tests: survival (3.5-3) and cmprsk (2.2-11).
#
#   cd tests/reference && Rscript curves.R
#
# writes data/curves_*.csv (public data sets of R's survival package; bmt is KMsurv's and is read, not written) and
# curves.json: a list of cases, each a list of columns. Seventeen significant digits; NA, NaN and Inf are null.

suppressMessages({library(survival); library(cmprsk)})
stopifnot(packageVersion("survival") >= "3.5", packageVersion("cmprsk") >= "2.2")

# -- data: exact times, times rounded so that ties are heavy, whole-number and fractional weights -------------------
lung <- data.frame(time = survival::lung$time, status = survival::lung$status - 1, sex = survival::lung$sex,
                   ecog = survival::lung$ph.ecog)
lung$month <- round(lung$time / 30.4375)
lung$copies <- rep(c(1, 2, 1, 3), length.out = nrow(lung))
lung$weight <- rep(c(0.7, 1.9, 1.2, 0.35, 2.4), length.out = nrow(lung))
colon <- subset(survival::colon, etype == 2)[, c("time", "status", "rx", "extent")]
colon$halfyear <- round(colon$time / 182.625, 0) / 2
mgus <- with(survival::mgus2, data.frame(
  time = ifelse(pstat == 1, ptime, futime), state = ifelse(pstat == 1, 1, 2 * death), sex = as.character(sex),
  age = age, agegroup = as.character(cut(age, c(0, 60, 75, 120), labels = c("A", "B", "C")))))
mgus$year <- ceiling(mgus$time / 12)
mgus$exit <- mgus$age + mgus$time / 12           # delayed entry: age is the time scale, patients enter at diagnosis
mgus$weight <- rep(c(0.7, 1.9, 1.2, 0.35, 2.4), length.out = nrow(mgus))
heart <- survival::heart[, c("start", "stop", "event", "transplant", "surgery", "id")]
bmt <- read.csv("data/curves_bmt.csv")
for (name in c("lung", "colon", "mgus", "heart"))
  write.csv(get(name), sprintf("data/curves_%s.csv", name), row.names = FALSE, quote = FALSE, na = "")
for (name in c("lung", "colon", "mgus", "heart"))  # what Python reads back is what R computes on
  assign(name, read.csv(sprintf("data/curves_%s.csv", name)))

# -- output ---------------------------------------------------------------------------------------------------------
cases <- character()
number <- function(x) ifelse(is.finite(x), sprintf("%.17g", x), "null")
column <- function(x) paste0("[", paste(if (is.numeric(x)) number(x) else sprintf('"%s"', x), collapse = ","), "]")
put <- function(name, ...) {
  columns <- list(...)
  body <- paste0('"', names(columns), '": ', sapply(columns, column), collapse = ",\n  ")
  cases <<- c(cases, paste0("\"", name, "\": {\n  ", body, "\n }"))
}
groups <- function(fit) if (is.null(fit$strata)) rep("", length(fit$time)) else
  rep(sub(".*=", "", names(fit$strata)), fit$strata)

# -- Kaplan-Meier ---------------------------------------------------------------------------------------------------
probs <- c(0, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 1)
curve <- function(name, fit, at = NULL) {
  keep <- fit$n.event + fit$n.censor > 0         # a time at which rows only continue is not an exit
  se <- if (is.null(fit$logse) || fit$logse) fit$std.err * fit$surv else fit$std.err
  put(name, group = groups(fit)[keep], time = fit$time[keep], estimate = fit$surv[keep], std_error = se[keep],
      conf_low = fit$lower[keep], conf_high = fit$upper[keep], n_risk = fit$n.risk[keep],
      n_event = fit$n.event[keep], n_censor = fit$n.censor[keep])
  q <- quantile(fit, probs)
  levels <- unique(groups(fit))
  rows <- function(x) as.vector(t(x))
  put(paste0(name, " quantiles"), group = rep(levels, each = length(probs)), quantile = rep(probs, length(levels)),
      estimate = rows(q$quantile), conf_low = rows(q$lower), conf_high = rows(q$upper))
  printed <- summary(fit)$table
  if (is.null(dim(printed))) printed <- t(printed)
  limits <- grep("[LU]CL", colnames(printed))
  put(paste0(name, " printed"), estimate = printed[, "median"], conf_low = printed[, limits[1]], conf_high = printed[, limits[2]])
  if (!is.null(at)) {
    s <- summary(fit, times = at, extend = TRUE)
    put(paste0(name, " at"), group = if (is.null(s$strata)) rep("", length(s$time)) else sub(".*=", "", s$strata),
        time = s$time, estimate = s$surv, std_error = s$std.err, conf_low = s$lower, conf_high = s$upper, n_risk = s$n.risk)
  }
}
for (type in c("plain", "log", "log-log", "logit", "arcsin")) {
  curve(paste("lung by sex,", type), survfit(Surv(time, status) ~ sex, lung, conf.type = type), c(0, 3, 5, 365, 1000, 2000))
  curve(paste("lung months,", type), survfit(Surv(month, status) ~ 1, lung, conf.type = type))
}
curve("lung 90%", survfit(Surv(time, status) ~ 1, lung, conf.type = "log-log", conf.int = 0.9))
curve("lung copies", survfit(Surv(month, status) ~ 1, lung, weights = copies, conf.type = "log-log"))
curve("lung weighted", survfit(Surv(month, status) ~ sex, lung, weights = weight, conf.type = "log-log"))
curve("lung follow-up", survfit(Surv(month, 1 - status) ~ sex, lung, conf.type = "log-log"))
curve("mgus follow-up", survfit(Surv(time, state == 0) ~ sex, mgus, conf.type = "log-log"))
curve("mgus any event", survfit(Surv(year, state > 0) ~ agegroup, mgus, conf.type = "log-log"))
curve("mgus by age", survfit(Surv(age, exit, state > 0) ~ sex, mgus, conf.type = "log-log"))
curve("mgus by age weighted", survfit(Surv(age, exit, state > 0) ~ 1, mgus, weights = weight, conf.type = "log-log"))
heart$patient <- 2 * heart$id + heart$transplant   # a transplant starts a new row in another group
curve("heart", survfit(Surv(start, stop, event) ~ transplant, heart, conf.type = "log-log"))
curve("heart one curve", survfit(Surv(start, stop, event) ~ 1, heart, id = id, conf.type = "log-log"))

# small samples full of ties: plateaus at exactly one half, nobody left, nobody died
set.seed(20261121)
for (i in 1:120) {
  n <- sample(2:12, 1)
  time <- sample(1:8, n, TRUE); status <- rbinom(n, 1, 0.7)
  for (type in c("plain", "log-log")) {
    fit <- survfit(Surv(time, status) ~ 1, conf.type = type)
    q <- quantile(fit, c(0.25, 0.5, 0.75)); s <- summary(fit)$table
    put(sprintf("small %d %s", i, type), time = time, status = status, estimate = q$quantile, conf_low = q$lower,
        conf_high = q$upper, printed = s[c("median", "0.95LCL", "0.95UCL")])
  }
}

# -- cumulative incidence -------------------------------------------------------------------------------------------
gray_curves <- function(name, time, state, group = rep("", length(time))) {
  fit <- cuminc(time, state, group)
  fit$Tests <- NULL
  out <- NULL
  for (g in sort(unique(group))) for (k in sort(unique(state[state > 0]))) {
    one <- fit[[paste(g, k)]]
    at <- sort(unique(time[group == g]))
    last <- sapply(at, function(t) max(which(one$time <= t)))
    out <- rbind(out, data.frame(group = g, cause = k, time = at, estimate = one$est[last], std_error = sqrt(one$var[last])))
  }
  z <- qnorm(0.975)
  put(name, group = out$group, cause = out$cause, time = out$time, estimate = out$estimate, std_error = out$std_error,
      conf_low = out$estimate^exp(-z * out$std_error / (out$estimate * log(out$estimate))),
      conf_high = out$estimate^exp(z * out$std_error / (out$estimate * log(out$estimate))))
}
gray_curves("mgus cmprsk", mgus$time, mgus$state)
gray_curves("mgus years cmprsk", mgus$year, mgus$state, mgus$sex)
gray_curves("bmt cmprsk", bmt$time, bmt$state, bmt$group)

jackknife <- function(name, fit, at = NULL) {
  k <- 2:ncol(fit$pstate); n <- length(fit$time)
  fill <- function(x) as.vector(x[, k])
  put(name, group = rep(groups(fit), length(k)), cause = rep(seq_along(k), each = n), time = rep(fit$time, length(k)),
      estimate = fill(fit$pstate), std_error = fill(fit$std.err), conf_low = fill(fit$lower), conf_high = fill(fit$upper))
  if (!is.null(at)) {
    s <- summary(fit, times = at, extend = TRUE); n <- length(s$time)
    put(paste(name, "at"), cause = rep(seq_along(k), each = n), time = rep(s$time, length(k)), estimate = fill(s$pstate),
        std_error = fill(s$std.err), conf_low = fill(s$lower), conf_high = fill(s$upper))
  }
}
states <- function(x) factor(x, 0:2, c("censored", "first", "second"))
jackknife("mgus jackknife", survfit(Surv(time, states(state)) ~ 1, mgus, conf.type = "log-log"), c(0, 0.5, 1, 60, 120, 500))
jackknife("mgus years jackknife", survfit(Surv(year, states(state)) ~ sex, mgus, conf.type = "log-log"))
jackknife("mgus weighted", survfit(Surv(year, states(state)) ~ sex, mgus, weights = weight, conf.type = "log-log"))
jackknife("bmt jackknife", survfit(Surv(time, states(state)) ~ group, bmt, conf.type = "log-log"))
mgus$id <- seq_len(nrow(mgus))
older <- mgus[mgus$age >= 50, ]
jackknife("mgus by age jackknife", survfit(Surv(age, exit, states(state)) ~ sex, older, id = id, conf.type = "log-log"))
jackknife("mgus by age jackknife weighted",
          survfit(Surv(age, exit, states(state)) ~ 1, older, id = id, weights = weight, conf.type = "log-log"))

# -- tests ----------------------------------------------------------------------------------------------------------
tests <- list()
keep <- function(name, statistic, df) tests[[length(tests) + 1]] <<- data.frame(name = name, statistic = statistic, df = df)
diff <- function(name, formula, data, rho = 0) {
  fit <- survdiff(formula, data, rho = rho)
  keep(paste0(name, ", rho ", rho), fit$chisq, length(fit$n) - 1)
}
for (rho in c(0, 1)) {
  diff("lung sex", Surv(time, status) ~ sex, lung, rho)
  diff("lung months sex", Surv(month, status) ~ sex, lung, rho)
  diff("lung months ecog", Surv(month, status) ~ ecog, lung, rho)
  diff("lung months sex strata ecog", Surv(month, status) ~ sex + strata(ecog), lung, rho)
  diff("colon rx", Surv(time, status) ~ rx, colon, rho)
  diff("colon halfyear rx strata extent", Surv(halfyear, status) ~ rx + strata(extent), colon, rho)
  diff("mgus years agegroup strata sex", Surv(year, state > 0) ~ agegroup + strata(sex), mgus, rho)
}
diff("lung months sex", Surv(month, status) ~ sex, lung, 0.5)

# survdiff has no delayed entry and no trend: the score test of the exact partial likelihood is the log-rank test
# (with delayed entry coxph lists subsets of the risk set, so only few ties can be had; the definition is below)
score <- function(name, formula, data) {
  fit <- coxph(formula, data, ties = "exact")
  keep(name, fit$score, length(coef(fit)))
}
score("lung months ecog trend", Surv(month, status) ~ ecog, lung)
score("lung months ecog trend strata sex", Surv(month, status) ~ ecog + strata(sex), lung)
score("mgus years agegroup trend", Surv(time, state > 0) ~ match(agegroup, c("A", "B", "C")), mgus)
score("heart transplant", Surv(start, stop, event) ~ transplant, heart)
score("heart transplant strata surgery", Surv(start, stop, event) ~ transplant + strata(surgery), heart)

# weighted log-rank tests, straight from the definition, one time after the other
weighted <- function(name, entry, time, event, group, stratum, weight_of) {
  group <- factor(group); k <- nlevels(group)
  u <- rep(0, k); v <- matrix(0, k, k)
  for (s in unique(stratum)) {
    m <- stratum == s; km <- 1
    for (t in sort(unique(time[m & event == 1]))) {
      risk <- m & entry < t & time >= t
      dead <- risk & time == t & event == 1
      n <- sum(risk); d <- sum(dead)
      r <- as.vector(table(group[risk])); w <- weight_of(n, km)
      u <- u + w * (as.vector(table(group[dead])) - d * r / n)
      if (n > 1) v <- v + w^2 * d * (n - d) / (n - 1) * (diag(r / n) - outer(r, r) / n^2)
      km <- km * (n - d) / n
    }
  }
  keep(name, sum(u[-1] * solve(v[-1, -1, drop = FALSE], u[-1])), k - 1)
}
kinds <- list(logrank = function(n, s) 1, gehan = function(n, s) n, "tarone-ware" = function(n, s) sqrt(n), "fh 1 1" = function(n, s) s * (1 - s),
              "fh 0 1" = function(n, s) 1 - s, "fh 0.5 2" = function(n, s) sqrt(s) * (1 - s)^2)
for (kind in names(kinds)) {
  f <- kinds[[kind]]
  with(lung, weighted(paste("lung months sex,", kind), rep(-1, 228), month, status, sex, rep(1, 228), f))
  with(colon, weighted(paste("colon halfyear rx strata extent,", kind), rep(-1, 929), halfyear, status, rx, extent, f))
  with(heart, weighted(paste("heart transplant,", kind), start, stop, event, transplant, rep(1, 172), f))
  with(mgus, weighted(paste("mgus by age agegroup strata sex,", kind), age, exit, state > 0, agegroup, sex, f))
}

gray <- function(name, ...) {
  fit <- cuminc(...)
  for (k in rownames(fit$Tests)) keep(paste0(name, ", cause ", k), fit$Tests[k, "stat"], fit$Tests[k, "df"])
}
for (rho in c(0, 1, -0.5)) {
  gray(paste("gray mgus sex, rho", rho), mgus$time, mgus$state, mgus$sex, rho = rho)
  gray(paste("gray mgus years agegroup, rho", rho), mgus$year, mgus$state, mgus$agegroup, rho = rho)
  gray(paste("gray mgus years agegroup strata sex, rho", rho), mgus$year, mgus$state, mgus$agegroup, mgus$sex, rho = rho)
  gray(paste("gray bmt, rho", rho), bmt$time, bmt$state, bmt$group, rho = rho)
  gray(paste("gray bmt quarters, rho", rho), ceiling(bmt$time / 90), bmt$state, bmt$group, rho = rho)
  gray(paste("gray mgus strata agegroup, rho", rho), mgus$time, mgus$state, mgus$sex, mgus$agegroup, rho = rho)
}
tests <- do.call(rbind, tests)
put("tests", test = tests$name, statistic = tests$statistic, df = tests$df)

writeLines(paste0("{\n ", paste(cases, collapse = ",\n "), "\n}"), "curves.json")
