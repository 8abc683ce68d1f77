# Reference values for curves of the public workbook of 197 resected patients: survival (3.5-3) and cmprsk (2.2-11).
#
#   cd tests/reference && HAIP_TCIA_WORKBOOK=path/to/workbook.xlsx Rscript tcia_curves.R
#
# The workbook is not part of the project (cohorts/tcia_crlm/README.md says where it is); without it nothing is done. What is
# written, tcia_curves.json, are estimates at a few times, to 17 significant digits; NA is null.

book <- Sys.getenv("HAIP_TCIA_WORKBOOK")
if (!file.exists(book)) {
  message("tcia_curves.R: set HAIP_TCIA_WORKBOOK to the workbook's path; tcia_curves.json is left as it is.")
  quit(status = 0)
}
suppressMessages({library(survival); library(cmprsk); library(readxl)})
options(warn = 1)
x <- as.data.frame(read_excel(book))
never <- function(time, flag) ifelse(flag == 1, time, Inf)
death <- never(x$overall_survival_months, x$vital_status)
liver <- never(x$months_to_liver_DFS_progression, x$progression_or_recurrence_liveronly)
any <- never(x$months_to_DFS_progression, x$progression_or_recurrence)
first <- function(...) {                       # the earliest event; at a tie the first of these (spreadsheet times differ in the last digit)
  at <- cbind(...); earliest <- apply(at, 1, min)
  ifelse(is.finite(earliest), apply(at <= earliest + 1e-9, 1, which.max), 0)
}
seen <- pmin(x$overall_survival_months, x$months_to_liver_DFS_progression)
at_liver <- pmin(liver, death, ifelse(is.finite(pmin(liver, death)), Inf, seen)); state_liver <- first(liver, death)
seen <- pmin(seen, x$months_to_DFS_progression)
at_site <- pmin(liver, any, death, ifelse(is.finite(pmin(liver, any, death)), Inf, seen)); state_site <- first(liver, any, death)
chemo <- x$chemo_before_liver_resection
times <- c(6, 12, 24, 36, 60, 96, 120)

cases <- character()
number <- function(x) ifelse(is.na(x), "null", sprintf("%.17g", x))
put <- function(name, ...) {
  columns <- list(...)
  body <- paste0('"', names(columns), '": ', sapply(columns, function(v) paste0("[", paste(number(v), collapse = ","), "]")), collapse = ",\n  ")
  cases <<- c(cases, paste0("\"", name, "\": {\n  ", body, "\n }"))
}
curve <- function(name, fit) {
  s <- summary(fit, times = times, extend = TRUE); q <- quantile(fit, 0.5); r <- rbind(survival:::survmean(fit, rmean = 60)$matrix)
  put(name, estimate = s$surv, std_error = s$std.err, conf_low = s$lower, conf_high = s$upper, n_risk = s$n.risk, median = as.vector(q$quantile),
      median_low = as.vector(q$lower), median_high = as.vector(q$upper), mean60 = r[, "rmean"], mean60_se = r[, "se(rmean)"])
}
curve("os", survfit(Surv(x$overall_survival_months, x$vital_status) ~ 1, conf.type = "log-log"))
curve("os by chemotherapy", survfit(Surv(x$overall_survival_months, x$vital_status) ~ chemo, conf.type = "log-log"))
curve("os whole months", survfit(Surv(round(x$overall_survival_months), x$vital_status) ~ 1, conf.type = "log-log"))
curve("os follow-up", survfit(Surv(x$overall_survival_months, 1 - x$vital_status) ~ 1, conf.type = "log-log"))
incidence <- function(name, time, state, group = rep(1, length(time))) {
  names <- seq_len(max(state)); z <- qnorm(0.975)
  ours <- timepoints(cuminc(time, state, group), times)
  keep <- sapply(sort(unique(group)), function(g) paste(g, names))   # rows of timepoints are "group cause"
  estimate <- as.vector(t(ours$est[keep, ])); se <- as.vector(sqrt(t(ours$var[keep, ])))
  fit <- survfit(Surv(time, factor(state, 0:max(state))) ~ group, conf.type = "log-log")
  s <- summary(fit, times = times, extend = TRUE)
  by <- split(seq_along(s$time), if (is.null(s$strata)) rep(1, length(s$time)) else s$strata)
  pick <- function(m) as.vector(sapply(by, function(rows) as.vector(m[rows, names + 1])))
  put(name, estimate = estimate, cmprsk_se = se, cmprsk_low = estimate^exp(-z * se / (estimate * log(estimate))),
      cmprsk_high = estimate^exp(z * se / (estimate * log(estimate))), aalen = pick(s$pstate), jackknife_se = pick(s$std.err),
      jackknife_low = pick(s$lower), jackknife_high = pick(s$upper))
}
incidence("liver", at_liver, state_liver)
incidence("first site", at_site, state_site)
incidence("first site by chemotherapy", at_site, state_site, chemo)
incidence("first site whole months", round(at_site), state_site)
writeLines(paste0("{\n ", paste(cases, collapse = ",\n "), "\n}"), "tcia_curves.json")
