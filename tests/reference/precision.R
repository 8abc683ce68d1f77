# Sample sizes, by R's own distributions, numerical integration and simulation: what tests/benchmark/test_precision_*.py compare with.
# Run:  cd tests/reference && Rscript precision.R
suppressMessages(library(survival))
z <- qnorm(0.975)
out <- list()

# --- proportions: half-widths; smallest n by trying every n -------------------------------------------------------------
wilson_half <- function(p, n, z) z / (1 + z^2 / n) * sqrt(p * (1 - p) / n + z^2 / (4 * n^2))
test <- prop.test(14, 60, correct = FALSE)$conf.int
stopifnot(abs(diff(test) / 2 - wilson_half(14 / 60, 60, z)) < 1e-12)     # R's own Wilson interval
exact_half <- function(p, n, level) { k <- p * n; a <- (1 - level) / 2
  (qbeta(1 - a, k + 1, n - k) - qbeta(a, k, n - k + 1)) / 2 }
stopifnot(abs(diff(binom.test(14, 60)$conf.int) / 2 - exact_half(14 / 60, 60, 0.95)) < 1e-12)
asked <- expand.grid(p = c(0.01, 0.05, 0.22, 0.5, 0.64, 0.93), half_width = c(0.03, 0.1, 0.18), level = c(0.9, 0.95))
out$proportion <- lapply(seq_len(nrow(asked)), function(i) with(asked[i, ], {
  zz <- qnorm(0.5 + level / 2); n <- 1:3000
  list(p = p, half_width = half_width, level = level, wilson = which(wilson_half(p, n, zz) <= half_width)[1],
       wald = ceiling(zz^2 * p * (1 - p) / half_width^2), exact = which(exact_half(p, n, level) <= half_width)[1])}))

# --- S(t): v1 by numerical integration of the formula as it is printed ---------------------------------------------------
v1 <- function(S, t, a, f) { lambda <- -log(S) / t
  K <- function(u) ifelse(u <= f, 1, (f + a - u) / a)
  g <- function(u) lambda * exp(lambda * u) / K(u)
  part <- function(l, u) if (u > l) integrate(g, l, u, rel.tol = 1e-12, subdivisions = 2000)$value else 0
  S^2 * (part(0, min(f, t)) + part(min(f, t), t)) }
asked <- expand.grid(S = c(0.1, 0.4, 0.64, 0.9), t = c(12, 36, 60), a = c(30, 60), f = c(6, 24, 90))
asked <- asked[asked$a + asked$f > asked$t + 1, ]
out$landmark <- lapply(seq_len(nrow(asked)), function(i) with(asked[i, ], {
  v <- v1(S, t, a, f)
  list(survival = S, time = t, accrual = a, follow_up = f, variance_one = v, n = ceiling(z^2 * v / 0.1^2),
       half_width_50 = z * sqrt(v / 50))}))

# --- non-inferiority ------------------------------------------------------------------------------------------------------
cll <- function(s) log(-log(s))
asked <- expand.grid(S1 = c(0.6, 0.7), S0 = c(0.6, 0.64), D = c(0.1, 0.15), v0 = c(0, 0.01, 0.04))
out$ni_landmark <- lapply(seq_len(nrow(asked)), function(i) with(asked[i, ], {
  delta <- cll(S0 - D) - cll(S1); vth <- v1(S1, 36, 60, 24) / (S1 * log(S1))^2
  room <- (delta / (qnorm(0.95) + qnorm(0.8)))^2 - v0
  list(S1 = S1, S0 = S0, margin = D, variance_published = v0, delta = delta, variance_one = vth,
       n = if (room > 0) ceiling(vth / room) else NA)}))
exact_ni <- function(p1, pmax, alpha, power, most = 3000) { n <- 1:most
  x <- qbinom(alpha, n, pmax); x <- ifelse(pbinom(x, n, pmax) > alpha, x - 1, x)
  reached <- pbinom(x, n, p1); first <- which(reached >= power)[1]; safe <- max(which(reached < power)) + 1
  list(p1 = p1, p_max = pmax, alpha = alpha, power = power, n = first, max_events = x[first], alpha_actual = pbinom(x[first], first, pmax),
       power_actual = reached[first], n_safe = safe) }
asked <- expand.grid(p1 = c(0.05, 0.22, 0.3), pmax = c(0.15, 0.37, 0.5), alpha = c(0.025, 0.05), power = c(0.8, 0.9))
asked <- asked[asked$pmax > asked$p1 + 0.05, ]
out$ni_proportion <- lapply(seq_len(nrow(asked)), function(i) with(asked[i, ], exact_ni(p1, pmax, alpha, power)))

# --- the one-sample log-rank test ------------------------------------------------------------------------------------------
exact_power <- function(E, rho, alpha) if (rho < 1) { c <- qpois(alpha, E); c <- ifelse(ppois(c, E) > alpha, c - 1, c); ppois(c, rho * E)
  } else { c <- qpois(1 - alpha, E) + 1; ppois(c - 1, rho * E, lower.tail = FALSE) }     # shown when O >= c
asked <- expand.grid(rho = c(0.4, 0.6, 0.75, 1.5, 2), alpha = c(0.025, 0.05), power = c(0.8, 0.9))
out$one_sample <- lapply(seq_len(nrow(asked)), function(i) with(asked[i, ], {
  za <- qnorm(1 - alpha); zb <- qnorm(power); poisson <- (za + zb * sqrt(rho))^2 / (1 - rho)^2
  grid <- poisson * seq(0.3, 2, length.out = 200001); low <- exact_power(grid, rho, alpha) < power
  list(hazard_ratio = rho, alpha = alpha, power = power, poisson = poisson, square_root = ((za + zb) / (2 * (1 - sqrt(rho))))^2,
       exact_last_short = max(grid[low]), grid_step = grid[2] - grid[1])}))

# --- Wu 2015 (doi 10.1002/pst.1654): Weibull, k 1.22, median 9, hazard ratio 1/1.75, accrual 5, follow-up 3, one-sided 0.05, power 0.8: n = 88.
# Events expected among 88 such patients, against the formula in events.
k <- 1.22; rho <- 1 / 1.75; H0 <- function(t) log(2) * (t / 9)^k
free <- function(u) exp(-rho * H0(u)); K <- function(u) ifelse(u <= 3, 1, (8 - u) / 5)
each <- integrate(function(u) log(2) * k / 9 * (u / 9)^(k - 1) * free(u) * K(u), 0, 3, rel.tol = 1e-12)$value +
  integrate(function(u) log(2) * k / 9 * (u / 9)^(k - 1) * free(u) * K(u), 3, 8, rel.tol = 1e-12)$value
out$wu <- list(n = 88, hazard_ratio = rho, alpha = 0.05, power = 0.8, expected_each = each, expected = 88 * each)

# --- the median of n uncensored exponential patients: survfit's log-log limits are order statistics; their mean logs by integration
order_log <- function(i, n) integrate(function(u) log(-log1p(-u)) * dbeta(u, i, n - i + 1), 0, 1, rel.tol = 1e-10, subdivisions = 2000)$value
out$median <- lapply(c(25, 49, 101), function(n) {
  q <- quantile(survfit(Surv(1:n, rep(1, n)) ~ 1, conf.type = "log-log"), 0.5)
  at <- sapply(q, unname)
  list(n = n, median = at[["quantile"]], lower = at[["lower"]], upper = at[["upper"]],
       upper_over_median = exp(order_log(at[["upper"]], n) - order_log(at[["quantile"]], n)),
       median_over_lower = exp(order_log(at[["quantile"]], n) - order_log(at[["lower"]], n)),
       coverage = pbinom(at[["upper"]] - 1, n, 0.5) - pbinom(at[["lower"]] - 1, n, 0.5))})

# --- simulations, with survfit ---------------------------------------------------------------------------------------------
set.seed(20261122)
ni_power <- function(n, S, S0, D, v0, runs = 6000) {
  lambda <- -log(S) / 36; limit <- cll(S0 - D)
  mean(replicate(runs, {
    life <- rexp(n, lambda); end <- 24 + 60 * runif(n)
    at <- summary(survfit(Surv(pmin(life, end), life <= end) ~ 1), times = 36, extend = TRUE)
    theta <- cll(at$surv); se <- at$std.err / at$surv / abs(log(at$surv))
    (limit + rnorm(1, 0, sqrt(v0)) - theta) / sqrt(se^2 + v0) > qnorm(0.95) })) }
out$simulated <- list(runs = 6000, power_83 = ni_power(83, 0.64, 0.64, 0.15, 0), size_83 = ni_power(83, 0.49, 0.64, 0.15, 0),
                      power_144 = ni_power(144, 0.64, 0.64, 0.15, 0.015))
lr_power <- function(E, n, rho, runs = 40000) {
  mean_expected <- function(l) (1 - exp(-rho * l * 24) * (1 - exp(-rho * l * 60)) / (rho * l * 60)) / rho
  l <- uniroot(function(l) mean_expected(l) - E / n, c(1e-6, 1), tol = 1e-14)$root
  found <- replicate(runs, { life <- rexp(n, rho * l); end <- 24 + 60 * runif(n)
    O <- sum(life <= end); e <- l * sum(pmin(life, end))
    c((O - e) / sqrt((O + e) / 2) < -z, (O - e) / sqrt(e) < -z, ppois(O, e) <= 0.025) })
  as.list(setNames(rowMeans(found), c("wu", "breslow", "exact"))) }
out$simulated$logrank_runs <- 40000
out$simulated$logrank_53 <- lr_power(42.637014373774754, 53, 0.6)

# --- the demonstration centre, from its file: how many patients until the 95% interval of the difference excludes no difference
demo <- read.csv("../../cohorts/demo_centre/demo.csv", na.strings = c("", "-999", "UNK"))
months <- function(to) as.numeric(as.Date(to) - as.Date(demo$pump_date)) / (365.25 / 12)
dead <- !is.na(demo$death_date)
demo$time <- ifelse(dead, months(demo$death_date), months(demo$last_contact_date)); demo$dead <- dead
wilson <- function(p, n, z) { mid <- (p + z^2 / (2 * n)) / (1 + z^2 / n); c(mid - wilson_half(p, n, z), mid + wilson_half(p, n, z)) }
surv_at <- function(setting, t) { at <- summary(survfit(Surv(time, dead) ~ 1, demo[demo$setting == setting, ]), times = t)
  list(s = at$surv, g = (at$std.err / at$surv)^2, n = sum(demo$setting == setting)) }
excludes <- function(x, l, u, x0, l0, u0) x - x0 - sqrt((x - l)^2 + (u0 - x0)^2) > 0 | x - x0 + sqrt((u - x)^2 + (x0 - l0)^2) < 0
needed <- function(test) { n <- 1; while (!test(n)) n <- n + 1; n }
of_curve <- function(setting, t, p0, n0) { here <- surv_at(setting, t); theirs <- wilson(p0, n0, z)
  needed(function(n) { far <- z * sqrt(here$g * here$n / n) / abs(log(here$s)); lim <- exp(-exp(cll(here$s) + c(far, -far)))
    excludes(here$s, lim[1], lim[2], p0, theirs[1], theirs[2]) }) }
of_share <- function(k, n_now, k0, n0) { p <- k / n_now; theirs <- wilson(k0 / n0, n0, z)
  needed(function(n) { lim <- wilson(p, n, z); excludes(p, lim[1], lim[2], k0 / n0, theirs[1], theirs[2]) }) }
unres <- demo[demo$setting == "unresectable", ]
k <- sum(unres$pump_complication == 1); k0 <- 120; n0 <- 544; theirs <- wilson(k0 / n0, n0, z)
chance <- function(n) { x <- 0:n; p <- x / n; mid <- (p + z^2 / (2 * n)) / (1 + z^2 / n); h <- wilson_half(p, n, z)
  sum(dbinom(x, n, k / nrow(unres)) * (p > k0 / n0) * excludes(p, mid - h, mid + h, k0 / n0, theirs[1], theirs[2])) }
out$demo <- list(kemeny2003 = of_curve("adjuvant", 24, 0.89, 96), dangelica2015 = of_curve("unresectable", 38, 0.5, 49),
                 allen2005 = of_share(k, nrow(unres), k0, n0), allen2005_chance_1175 = chance(1175), allen2005_chance_4686 = chance(4686),
                 accrual = list(adjuvant = list(n = sum(demo$setting == "adjuvant"),
                   days = as.numeric(diff(range(as.Date(demo$pump_date[demo$setting == "adjuvant"])))))))

json <- function(x) if (is.list(x)) { body <- sapply(x, json)
    if (is.null(names(x))) paste0("[", paste(body, collapse = ",\n"), "]") else paste0("{", paste0('"', names(x), '": ', body, collapse = ", "), "}")
  } else ifelse(is.na(x), "null", sprintf("%.17g", x))
writeLines(json(out), "precision.json")
