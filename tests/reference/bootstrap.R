# Reference values for bootstrap(): R's boot (1.3-28) on survival (3.5-3), run to convergence.
#
#   cd tests/reference && Rscript bootstrap.R
#
# reads data/cox_lung.csv (its first 70 rows) and data/cox_rats.csv (the females: 50 litters of 3), which cox.R writes; draws the
# resamples with boot() and writes which rows (or litters) each one holds to data/bootstrap_*.csv, from 1; and writes
# bootstrap.json: of each case the statistic t0, its replicates t (a row a resample), the jackknife's influence values L, and
# boot.ci's percentile and BCa limits. 17 significant digits; NA is null (the median's BCa: no patient alone moves it here,
# so that L is 0 and boot.ci stops).
#
# Within strata boot.ci's BCa takes L as it stands, while the skewness of a statistic of several samples weighs each sample's L by
# 1 / n_h (Davison and Hinkley 1997, section 5.3.2): boot.ci is handed L / n_h, which changes nothing without strata.

suppressMessages({library(survival); library(boot)})
stopifnot(packageVersion("survival") >= "3.5", packageVersion("boot") >= "1.3.28")
control <- coxph.control(eps = 1e-14, toler.chol = 1e-15, iter.max = 100)
R <- 399

lung <- head(read.csv("data/cox_lung.csv"), 70)
rats <- subset(read.csv("data/cox_rats.csv"), sex == "female")
litters <- unique(rats$litter)
stopifnot(length(litters) == 50)

hazards <- function(d, i) coef(coxph(Surv(months, dead) ~ age + sex, d[i, ], control = control))
stratified <- function(d, i) coef(coxph(Surv(months, dead) ~ age + strata(sex), d[i, ], control = control, ties = "breslow"))
same <- function(x) signif(x, 13)  # one value reached in two ways is one value: bca.ci counts the replicates below t0
survival_at <- function(d, i) {
  fit <- survfit(Surv(months, dead) ~ 1, d[i, ])
  c(same(summary(fit, times = c(6, 12), extend = TRUE)$surv), quantile(fit, 0.5)$quantile)
}
by_sex <- function(d, i) {  # survival at 12 months, women less men
  fit <- survfit(Surv(months, dead) ~ sex, d[i, ])
  same(diff(rev(summary(fit, times = 12, extend = TRUE)$surv)))
}
of_litters <- function(d, i) {
  rows <- unlist(lapply(d[i], function(litter) which(rats$litter == litter)))
  coef(coxph(Surv(time, status) ~ rx, rats[rows, ], control = control))
}

cases <- character()
number <- function(x) ifelse(is.finite(x), sprintf("%.17g", x), "null")
array <- function(x) paste0("[", paste(number(x), collapse = ","), "]")
rows <- function(x) paste0("[", paste(apply(x, 1, array), collapse = ",\n   "), "]")
put <- function(name, draws, data, statistic, strata = NULL) {
  set.seed(20261)
  n <- NROW(data)
  h <- if (is.null(strata)) rep(1L, n) else as.integer(factor(strata))
  made <- boot(data, statistic, R, strata = h)
  write.table(boot.array(made, indices = TRUE), sprintf("data/bootstrap_%s.csv", draws), sep = ",", row.names = FALSE, col.names = FALSE)
  k <- length(made$t0)
  L <- matrix(sapply(seq_len(k), function(j) empinf(made, index = j, type = "jack")), n, k) / as.vector(table(h)[h])
  limits <- function(first, conf) {
    few <- made
    few$t <- made$t[seq_len(first), , drop = FALSE]
    few$R <- first
    t(sapply(seq_len(k), function(j) {
      limits <- function(type) suppressWarnings(boot.ci(few, conf = conf, type = type, index = j, L = L[, j]))
      c(limits("perc")$percent[4:5], tryCatch(limits("bca")$bca[4:5], error = function(e) c(NA, NA)))
    }))
  }
  cases <<- c(cases, sprintf('"%s": {"t0": %s,\n  "std_error": %s,\n  "t": %s,\n  "L": %s,\n  "limits 0.95": %s,\n  "limits 0.9": %s,\n  "first 20": %s}',
    name, array(made$t0), array(apply(made$t, 2, sd, na.rm = TRUE)), rows(made$t), rows(L), rows(limits(R, 0.95)), rows(limits(R, 0.9)),
    rows(limits(20, 0.95))))
}
put("cox", "lung", lung, hazards)
put("breslow", "lung", lung, stratified)
put("survival", "lung", lung, survival_at)
put("strata", "lung_by_sex", lung, by_sex, strata = lung$sex)
put("litters", "litters", litters, of_litters)
writeLines(paste0("{", paste(cases, collapse = ",\n"), "}"), "bootstrap.json")
