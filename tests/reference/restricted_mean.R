# Reference values for restricted_mean(): survival (3.5-3).
#
#   cd tests/reference && Rscript datasets.R && Rscript restricted_mean.R
#
# writes restricted_mean.json: a list of cases, each a list of columns, 17 significant digits; NA and NaN are null.
# survmean() is what print(survfit, rmean = horizon) prints: the area under the curve and the square root of Greenwood's sum
#   sum_j A(t_j)^2 d_j / (n_j (n_j - d_j)),  A(t) the area between t and the horizon.
# survRM2's rmst2() uses the same sum (its rmst1: wk.var = n.event / (n.risk (n.risk - n.event))) and compares two arms by
#   z = (m1 - m0) / sqrt(se1^2 + se0^2)      and      z = log(m1 / m0) / sqrt(se1^2 / m1^2 + se0^2 / m0^2).
# With fractional weights, or several events a patient, survfit turns to the infinitesimal jackknife and survmean does not; there
# the standard error is that of the integral of survfit's own influence matrix.

suppressMessages(library(survival))
options(warn = 1)
cases <- character()
number <- function(x) ifelse(is.na(x), "null", sprintf("%.17g", x))
column <- function(x) paste0("[", paste(if (is.character(x)) sprintf('"%s"', x) else number(x), collapse = ","), "]")
put <- function(name, ...) {
  columns <- list(...)
  body <- paste0('"', names(columns), '": ', sapply(columns, column), collapse = ",\n  ")
  cases <<- c(cases, paste0("\"", name, "\": {\n  ", body, "\n }"))
}
read <- function(name) read.csv(sprintf("data/curves_%s.csv", name))
z <- qnorm(0.975)

contrasts <- function(name, group, m, se, horizon) {
  put(name, group = group, estimate = m, std_error = se, conf_low = m - z * se, conf_high = m + z * se, horizon = rep(horizon, length(m)))
  if (length(m) == 1) return(invisible())
  for (reference in seq_along(m)) {
    other <- seq_along(m)[-reference]
    d <- m[other] - m[reference]; s <- sqrt(se[other]^2 + se[reference]^2)
    l <- log(m[other] / m[reference]); r <- sqrt((se[other] / m[other])^2 + (se[reference] / m[reference])^2)
    put(paste0(name, ", against ", group[reference]), group = group[other],
        difference = d, difference_se = s, difference_low = d - z * s, difference_high = d + z * s, difference_z = d / s, difference_p = 2 * pnorm(-abs(d / s)),
        ratio = exp(l), ratio_se = r, ratio_low = exp(l - z * r), ratio_high = exp(l + z * r), ratio_z = l / r, ratio_p = 2 * pnorm(-abs(l / r)))
  }
}
area <- function(name, fit, horizons) for (h in horizons) {
  table <- rbind(survival:::survmean(fit, rmean = h)$matrix)
  groups <- if (is.null(fit$strata)) "" else sub("^[^=]*=", "", names(fit$strata))
  contrasts(paste(name, h), groups, table[, "rmean"], table[, "se(rmean)"], h)
}
lung <- read("lung"); veteran <- read("veteran"); aml <- read("aml"); pbc <- read("pbc"); rotterdam <- read("rotterdam")
mgus <- read("mgus"); flchain <- read("flchain"); transplant <- read("transplant"); colon <- read("colon")
area("lung sex", survfit(Surv(time, status) ~ sex, lung), c(3, 5, 100.5, 365, 500, 765, 883, 965))
area("lung month ecog", survfit(Surv(month, status) ~ ecog, subset(lung, ecog < 3)), c(1, 12, 24))
area("lung copies", survfit(Surv(month, status) ~ sex, lung, weights = copies), c(12, 25))
area("veteran celltype", survfit(Surv(time, status) ~ celltype, veteran), c(1, 60, 180, 186))
area("veteran trt", survfit(Surv(time, status) ~ trt, veteran), c(90, 553, 600, 1200))        # both curves end at 0
area("aml", survfit(Surv(time, status) ~ arm, aml), c(9, 30, 45, 161))
area("colon rx", survfit(Surv(time, status) ~ rx, colon), c(1826.25, 2500))
area("pbc stage", survfit(Surv(month, state > 0) ~ stage, pbc), c(60, 100))
area("transplant abo", survfit(Surv(time, state > 0) ~ abo, transplant), c(30, 365))
area("rotterdam size", survfit(Surv(month, state > 0) ~ size, rotterdam), c(60, 120))
area("mgus by age", survfit(Surv(age, exit, state > 0) ~ sex, mgus), c(85, 90))                # delayed entry
area("flchain by age", survfit(Surv(entry, exit, state > 0) ~ sex, flchain), c(60, 95))

# the influence of every patient on the curve (rows of one patient summed), integrated to the horizon
influence <- function(name, formula, data, weights, id, by, horizons) {
  data$w <- weights; data$who <- id
  for (h in horizons) {
    out <- sapply(sort(unique(data[[by]])), function(g) {
      mine <- data[data[[by]] == g, ]
      fit <- survfit(formula, mine, weights = w, id = who, cluster = who, influence = 1)
      keep <- fit$time <= h
      width <- diff(c(0, fit$time[keep], h))
      moved <- fit$influence.surv[, keep, drop = FALSE] %*% width[-1]
      c(sum(width * c(1, fit$surv[keep])), sqrt(sum(moved^2)))
    })
    contrasts(paste(name, h), as.character(sort(unique(data[[by]]))), out[1, ], out[2, ], h)
  }
}
influence("lung weighted", Surv(month, status) ~ 1, lung, lung$weight, seq_len(nrow(lung)), "sex", c(6, 24))
influence("mgus by age weighted", Surv(age, exit, state > 0) ~ 1, subset(mgus, age > 40), subset(mgus, age > 40)$weight, seq_len(sum(mgus$age > 40)), "sex", c(70, 88))
cgd <- read("cgd")
influence("cgd", Surv(tstart, tstop, status) ~ 1, cgd, rep(1, nrow(cgd)), cgd$id, "treat", c(100, 350))

writeLines(paste0("{\n ", paste(cases, collapse = ",\n "), "\n}"), "restricted_mean.json")
