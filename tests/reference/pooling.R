# Random-effects pooling by metafor, for tests/benchmark/test_random_effects.py. Run: cd tests/reference && Rscript pooling.R
# Data: metafor's own (BCG vaccine trials and others) and drawn ones, some without any spread, some with very unequal variances.
suppressPackageStartupMessages(library(metafor))
options(digits = 17)

tight <- list(threshold = 1e-15, maxiter = 100000, tol = 1e-15, tau2.max = 1e6)
profile <- list(tol = 1e-15, maxiter = 100000, tau2.max = 1e6)

fitted_by <- function(y, v, method) {
  fit <- function(test) suppressWarnings(rma(y, v, method = method, test = test, control = tight))
  wald <- fit("z"); hk <- fit("knha"); mhk <- fit("adhoc")
  of <- function(f) list(estimate = as.numeric(f$beta), std_error = f$se, conf_low = f$ci.lb, conf_high = f$ci.ub)
  p <- predict(hk)
  q <- suppressWarnings(confint(wald, control = profile)$random)
  list(tau2 = wald$tau2, log_likelihood = as.numeric(logLik(wald)), wald = of(wald), hk = of(hk), mhk = of(mhk),
       prediction_hk_low = p$pi.lb, prediction_hk_high = p$pi.ub,
       tau2_low = as.numeric(q["tau^2", "ci.lb"]), tau2_high = as.numeric(q["tau^2", "ci.ub"]))
}

sets <- list()
add <- function(name, y, v) sets[[name]] <<- list(y = as.numeric(y), v = as.numeric(v))

vaccine <- metadat::dat.bcg  # comes with metafor
for (measure in c("RR", "OR", "RD")) {
  d <- escalc(measure = measure, ai = tpos, bi = tneg, ci = cpos, di = cneg, data = vaccine)
  add(paste("dat.bcg", measure), d$yi, d$vi)
}
add("dat.hackshaw1998", metadat::dat.hackshaw1998$yi, metadat::dat.hackshaw1998$vi)
d <- escalc(measure = "PLO", xi = xi, ni = ni, data = metadat::dat.pritz1997)
add("dat.pritz1997 PLO", d$yi, d$vi)

set.seed(20261)
for (k in c(2, 3, 4, 5, 7, 10, 20, 40)) for (tau in c(0, 0.2, 1)) for (spread in c("alike", "unequal")) {
  v <- if (spread == "alike") rchisq(k, 5) / 50 else 10^runif(k, -4, 1)
  add(sprintf("drawn k=%d tau=%g %s", k, tau, spread), rnorm(k, -1, sqrt(tau^2 + v)), v)
}
add("no spread at all", c(0.5, 0.5, 0.5, 0.5), c(0.1, 0.2, 0.3, 0.4))
add("one study apart", c(0, 0, 0, 0, 5), c(0.01, 0.02, 0.01, 0.02, 0.01))

out <- list()
for (name in names(sets)) {
  s <- sets[[name]]
  dl <- suppressWarnings(rma(s$y, s$v, method = "DL"))
  out[[name]] <- c(s, list(q = dl$QE, p = dl$QEp, i2 = dl$I2 / 100, h2 = dl$H2, REML = fitted_by(s$y, s$v, "REML"), PM = fitted_by(s$y, s$v, "PM")))
}

number <- function(x) ifelse(is.na(x), "null", ifelse(is.infinite(x), ifelse(x > 0, "1e999", "-1e999"), sprintf("%.17g", x)))
json <- function(x) {
  if (is.list(x)) return(paste0("{", paste0('"', names(x), '": ', vapply(x, json, ""), collapse = ", "), "}"))
  if (is.character(x)) return(paste0('"', x, '"'))
  if (length(x) == 1) number(x) else paste0("[", paste(number(x), collapse = ", "), "]")
}
writeLines(paste0('{"versions": "R ', getRversion(), ', metafor ', packageVersion("metafor"), '",\n "sets": {\n',
                  paste0('"', names(out), '": ', vapply(out, json, ""), collapse = ",\n"), "\n}}"), "pooling.json")
