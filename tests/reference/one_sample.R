# Reference values for one_sample_logrank() and ReferenceCurve.parametric(): survival (3.5-3) and base R.
#
#   cd tests/reference && Rscript one_sample.R
#
# reads data sets that cox.R, curves.R and comparisons.R left in data/ and writes one_sample.json:
#  - parametric: survreg's fits (run to convergence) of a family to a data set: mu, ln scale, covariance, log-likelihood (in w's scale,
#    as survreg prints it), survival and the standard error of H at some times. survreg has no delayed entry; `entry` cases and the
#    generalised gamma are maximised here from their likelihood (nlm from several steps on, Newton with numerical derivatives).
#  - one_sample: survdiff(Surv(time, status) ~ offset(S0)) of a data set against a survreg curve of another (or a constant hazard):
#    observed, expected, Breslow's chi-squared; poisson.test's exact limits of O/E and its one-sided p-values.
#  - nelson_aalen: expected events of a data set by survfit's cumulative hazard of another, and their variance by brute force.
# 17 significant digits.

suppressMessages(library(survival))
stopifnot(packageVersion("survival") >= "3.5")
control <- survreg.control(maxiter = 200, rel.tolerance = 1e-14, toler.chol = 1e-14)

number <- function(x) ifelse(is.finite(x), sprintf("%.17g", x), "null")
array <- function(x) paste0("[", paste(number(x), collapse = ", "), "]")
text <- function(x) sprintf('"%s"', x)
record <- function(...) { parts <- list(...); paste0("{", paste(sprintf('"%s": %s', names(parts), unlist(parts)), collapse = ", "), "}") }

sets <- list(  # file, time, status (any kind of event), entry, the column and value of the rows that are kept
  women = list("cox_lung", "days", "dead", NULL, "sex", "female"), men = list("cox_lung", "days", "dead", NULL, "sex", "male"),
  veteran = list("cox_veteran", "time", "status"), ovarian = list("cox_ovarian", "futime", "fustat"),
  deaths = list("cox_colon", "time", "status", NULL, "etype", "2"), recurrences = list("cox_colon", "time", "status", NULL, "etype", "1"),
  pbc = list("cox_pbc", "time", "status"), aml = list("curves_aml", "time", "status"),
  ages = list("curves_pbc", "exit", "state", "entry"), spans = list("cox_heart", "stop", "event", "start"))
data <- lapply(sets, function(one) {
  length(one) <- 6
  d <- read.csv(sprintf("data/%s.csv", one[[1]]), na.strings = "")
  if (!is.null(one[[5]])) d <- d[as.character(d[[one[[5]]]]) == one[[6]], ]
  d <- data.frame(time = d[[one[[2]]]], status = as.integer(d[[one[[3]]]] > 0), entry = if (is.null(one[[4]])) 0 else d[[one[[4]]]])
  stopifnot(!anyNA(d))
  d
})
cases <- character()
put <- function(...) cases <<- c(cases, record(...))

# -- parametric curves ---------------------------------------------------------------------------------------------------------------
log_s <- list(  # ln S(t) by mu, ln sigma (and q)
  exponential = function(p, t) pexp(t, exp(-p[1]), lower.tail = FALSE, log.p = TRUE),
  weibull = function(p, t) pweibull(t, exp(-p[2]), exp(p[1]), lower.tail = FALSE, log.p = TRUE),
  lognormal = function(p, t) plnorm(t, p[1], exp(p[2]), lower.tail = FALSE, log.p = TRUE),
  loglogistic = function(p, t) plogis(log(t), p[1], exp(p[2]), lower.tail = FALSE, log.p = TRUE),
  generalized_gamma = function(p, t) {  # Prentice's, as flexsurv's gengamma
    k <- p[3]^-2
    pgamma(k * exp(p[3] * (log(t) - p[1]) / exp(p[2])), k, lower.tail = p[3] < 0, log.p = TRUE)
  })
log_f <- list(
  exponential = function(p, t) dexp(t, exp(-p[1]), log = TRUE),
  weibull = function(p, t) dweibull(t, exp(-p[2]), exp(p[1]), log = TRUE),
  lognormal = function(p, t) dlnorm(t, p[1], exp(p[2]), log = TRUE),
  loglogistic = function(p, t) dlogis(log(t), p[1], exp(p[2]), log = TRUE) - log(t),
  generalized_gamma = function(p, t) {
    k <- p[3]^-2
    u <- k * exp(p[3] * (log(t) - p[1]) / exp(p[2]))
    dgamma(u, k, log = TRUE) + log(u * abs(p[3]) / exp(p[2]) / t)
  })
likelihood <- function(family, d) function(p) {
  s <- function(t) ifelse(t > 0, log_s[[family]](p, pmax(t, 1e-300)), 0)
  sum(log_f[[family]](p, d$time[d$status == 1])) + sum(s(d$time[d$status == 0])) - sum(s(d$entry))
}
gradient <- function(f, p, h = 1e-3) sapply(seq_along(p), function(k) {
  e <- h * (seq_along(p) == k)
  (8 * (f(p + e) - f(p - e)) - (f(p + 2 * e) - f(p - 2 * e))) / (12 * h)
})
hessian <- function(f, p) sapply(seq_along(p), function(k) gradient(function(x) gradient(f, x)[k], p))
maximum <- function(f, p) {
  for (i in 1:3) p <- optim(p, function(x) -f(x), control = list(maxit = 5000, reltol = 1e-15))$par
  for (i in 1:30) {
    step <- solve(hessian(f, p), gradient(f, p))
    p <- p - step
    if (max(abs(step)) < 1e-11) break
  }
  p
}
at <- function(d) as.numeric(quantile(d$time, c(0.1, 0.5, 0.9)))
parametric <- function(name, family, how, p, V, log_likelihood, d) {
  h <- function(x) -log_s[[family]](x, at(d))
  J <- t(sapply(1:3, function(i) gradient(function(x) h(x)[i], p)))
  if (length(p) == 1) J <- t(J)
  put(kind = text("parametric"), data = text(name), family = text(family), how = text(how), estimates = array(p), covariance = array(V),
      log_likelihood = number(log_likelihood), times = array(at(d)), survival = array(exp(-h(p))), se_hazard = array(sqrt(diag(J %*% V %*% t(J)))))
}
by_survreg <- c("women", "men", "veteran", "ovarian", "deaths", "recurrences", "pbc", "aml")
fits <- list()
for (name in by_survreg) for (family in c("exponential", "weibull", "lognormal", "loglogistic")) {
  d <- data[[name]]
  fit <- survreg(Surv(time, status) ~ 1, d, dist = family, control = control)
  p <- if (family == "exponential") unname(coef(fit)) else c(unname(coef(fit)), log(fit$scale))
  f <- likelihood(family, d)
  stopifnot(abs(f(p) - fit$loglik[1]) < 1e-8 * abs(fit$loglik[1]), max(abs(gradient(f, p))) < 1e-5)
  fits[[paste(name, family)]] <- list(p = p, V = vcov(fit))
  parametric(name, family, "survreg", p, vcov(fit), fit$loglik[1], d)
}
for (name in c("ages", "spans")) for (family in c("exponential", "weibull", "lognormal", "loglogistic")) {
  d <- data[[name]]
  if (family == "exponential") {  # in closed form
    p <- log(sum(d$time - d$entry) / sum(d$status))
    V <- matrix(1 / sum(d$status))
  } else {
    start <- survreg(Surv(time, status) ~ 1, d, dist = family)
    p <- maximum(likelihood(family, d), c(unname(coef(start)), log(start$scale)))
    V <- solve(-hessian(likelihood(family, d), p))
  }
  parametric(name, family, "likelihood", p, V, likelihood(family, d)(p), d)
}
for (name in c("women", "men", "veteran", "deaths", "pbc")) {
  d <- data[[name]]
  f <- likelihood("generalized_gamma", d)
  p <- maximum(f, c(fits[[paste(name, "weibull")]]$p, 0.8))
  parametric(name, "generalized_gamma", "likelihood", p, solve(-hessian(f, p)), f(p), d)
}

# -- one sample against a curve ------------------------------------------------------------------------------------------------------
for (name in c("women", "veteran", "ovarian", "deaths", "pbc", "ages", "spans")) for (from in c("men weibull", "deaths lognormal", "pbc loglogistic", "rate")) {
  d <- data[[name]]
  h <- if (from == "rate") function(t) t / 700 else {
    family <- strsplit(from, " ")[[1]][2]
    function(t) ifelse(t > 0, -log_s[[family]](fits[[from]]$p, pmax(t, 1e-300)), 0)
  }
  s0 <- exp(-(h(d$time) - h(d$entry)))
  fit <- survdiff(Surv(time, status) ~ offset(s0), d)
  o <- sum(d$status); e <- sum(h(d$time) - h(d$entry))
  stopifnot(abs(fit$obs - o) < 1e-9, abs(fit$exp - e) < 1e-9 * e)
  exact <- poisson.test(o, e)$conf.int
  less <- poisson.test(o, e, alternative = "less")$p.value
  more <- poisson.test(o, e, alternative = "greater")$p.value
  wide <- poisson.test(o, e, conf.level = 0.998)$conf.int
  put(kind = text("one_sample"), data = text(name), from = text(from), observed = number(o), expected = number(fit$exp), chisq = number(fit$chisq),
      p_value = number(pchisq(fit$chisq, 1, lower.tail = FALSE)), exact = array(exact), wide = array(wide), less = number(less), more = number(more))
}

# -- a sample against the Nelson-Aalen curve of another: survfit's cumulative hazard, and Var(E) counted patient by patient ---------------
for (pair in list(c("women", "men", 730), c("men", "women", 700), c("veteran", "men", 500), c("deaths", "pbc", 3000), c("pbc", "deaths", 3000), c("ages", "ages", 70))) {
  a <- data[[pair[1]]]; b <- data[[pair[2]]]; end <- as.numeric(pair[3])
  late <- any(a$entry > 0)
  fit <- if (late) survfit(Surv(entry, time, status) ~ 1, b, timefix = FALSE) else survfit(Surv(time, status) ~ 1, b, timefix = FALSE)
  H <- function(t) sapply(t, function(u) max(0, fit$cumhaz[fit$time <= u]))
  x <- pmin(a$time, end); e <- pmin(a$entry, x)
  o <- sum(a$status[a$time <= end])
  used <- which(fit$n.event > 0 & fit$time <= end)
  V <- sum(sapply(used, function(j) {
    t <- fit$time[j]
    fit$n.event[j] * (sum((e < t) & (t <= x)) / fit$n.risk[j])^2
  }))
  put(kind = text("nelson_aalen"), data = text(pair[1]), from = text(pair[2]), horizon = number(end), observed = number(o),
      expected = number(sum(H(x) - if (late) H(e) else 0)), variance = number(V))
}
writeLines(paste0("{\n\"sets\": {", paste(sprintf('"%s": [%s]', names(sets), sapply(sets, function(one) {
  length(one) <- 6
  paste(sapply(one, function(x) if (is.null(x)) "null" else text(x)), collapse = ", ")
})), collapse = ",\n  "), "},\n\"cases\": [\n", paste(cases, collapse = ",\n"), "\n]}"), "one_sample.json")
