# Reference values for propensity scores, weights, balance, weighted curves and weighted Cox models: what R says.
#
#   cd tests/reference && Rscript weighting.R
#
# base R's glm run to convergence; weights written out here; survival 3.5: coxph run to convergence and survfit, both with the weights and robust
# variance. Balance: weighted means and variances written out here (stats::cov.wt for the variances, which is the same formula).
# E-values: the formulas of VanderWeele and Ding 2017, written out here.
# Weights are kept of every tenth patient, with their sum.
# Writes data/weighting_*.csv and weighting.json; the tests read these and need no R.

library(survival)
stopifnot(packageVersion("survival") >= "3.5")
options(digits = 17)
run <- coxph.control(eps = 1e-14, toler.chol = 1e-15, iter.max = 100)
cell <- function(data, name) write.csv(data, file.path("data", name), row.names = FALSE, na = "", quote = FALSE)

# gbsg: hormones were chosen, not drawn by lot, for some; heavy ties (whole months)
g <- survival::gbsg
g <- data.frame(month = pmax(round(g$rfstime / 30.4375), 1), dead = g$status, hormon = ifelse(g$hormon == 1, "yes", "no"), age = g$age,
                meno = ifelse(g$meno == 1, "post", "pre"), size = g$size, grade = c("one", "two", "three")[g$grade], nodes = g$nodes, er = g$er,
                centre = (seq_len(nrow(g)) * 7) %% 11)
cell(g, "weighting_gbsg.csv")
# colon, deaths only: observation against levamisole with 5-FU; some values of differ and nodes are missing
k <- survival::colon[survival::colon$etype == 2 & survival::colon$rx != "Lev", ]
k <- data.frame(day = k$time, dead = k$status, arm = ifelse(k$rx == "Obs", 0, 1), sex = ifelse(k$sex == 1, "male", "female"), age = k$age,
                obstruct = k$obstruct, nodes = k$nodes, differ = k$differ, extent = paste0("e", k$extent), centre = (seq_len(nrow(k)) * 5) %% 13)
cell(k, "weighting_colon.csv")
# rotterdam, every third: chemotherapy, chosen by age and nodes: little overlap; late entry for some
r <- survival::rotterdam[seq(1, nrow(survival::rotterdam), 3), ]
r <- data.frame(entry = ifelse(seq_len(nrow(r)) %% 4 == 0, pmin(6, r$dtime / 60.875), 0), month = r$dtime / 30.4375, dead = r$death, chemo = r$chemo, age = r$age,
                size = gsub("[<>=]", "", as.character(r$size)), nodes = r$nodes, pgr = r$pgr, centre = (seq_len(nrow(r)) * 3) %% 17)
cell(r, "weighting_rotterdam.csv")

weights_of <- function(e, z, what) switch(what,
  ATE = ifelse(z == 1, 1 / e, 1 / (1 - e)), stabilised = ifelse(z == 1, mean(z) / e, (1 - mean(z)) / (1 - e)),
  ATT = ifelse(z == 1, 1, e / (1 - e)), overlap = ifelse(z == 1, 1 - e, e),
  cut99 = { w <- ifelse(z == 1, 1 / e, 1 / (1 - e)); pmin(w, quantile(w, 0.99)) },
  cutboth = { w <- ifelse(z == 1, 1 / e, 1 / (1 - e)); q <- quantile(w, c(0.05, 0.9)); pmin(pmax(w, q[1]), q[2]) },
  attcut = { w <- ifelse(z == 1, 1, e / (1 - e)); ifelse(z == 1, 1, pmin(w, quantile(w[z == 0], 0.95))) })
difference <- function(x, z, w, share) {
  one <- function(who) { p <- w[who] / sum(w[who]); m <- sum(p * x[who]); c(m, if (share) m * (1 - m) else cov.wt(cbind(x[who]), wt = p)$cov[1]) }
  a <- one(z == 1); b <- one(z == 0)
  list(treated = a[1], comparison = b[1], spread = sqrt((a[2] + b[2]) / 2), d = (a[1] - b[1]) / sqrt((a[2] + b[2]) / 2), ratio = if (share) NA else a[2] / b[2])
}
study <- function(d, z, formula, times, numbers, levels, surv) {
  d$z <- z; d$row <- seq_along(z)
  fit <- glm(formula, family = binomial, data = d, control = glm.control(epsilon = 1e-14, maxit = 100))
  # glm's covariance is that of the step before the last: once more from where it ended, so that it belongs to its coefficients
  fit <- glm(formula, family = binomial, data = d, start = coef(fit), control = glm.control(epsilon = 1e-14, maxit = 100))
  e <- unname(fitted(fit)); s <- summary(fit)$coefficients
  out <- list(names = names(coef(fit)), coefficients = unname(coef(fit)), std_error = unname(s[, 2]), p_value = unname(s[, 4]), covariance = unname(vcov(fit)), scores = e)
  for (what in c("ATE", "stabilised", "ATT", "overlap", "cut99", "cutboth", "attcut")) {
    w <- weights_of(e, z, what); d$w <- w
    one <- list(weights = w[seq(1, length(w), 10)], total = sum(w), effective = c(sum(w[z == 0])^2 / sum(w[z == 0]^2), sum(w[z == 1])^2 / sum(w[z == 1]^2)))
    one$balance <- list()
    for (name in numbers) one$balance[[name]] <- list(before = difference(d[[name]], z, 1 + 0 * w, FALSE), after = difference(d[[name]], z, w, FALSE))
    for (name in levels) for (level in sort(unique(d[[name]]))) {
      x <- as.numeric(d[[name]] == level)
      one$balance[[paste(name, level)]] <- list(before = difference(x, z, 1 + 0 * w, TRUE), after = difference(x, z, w, TRUE))
    }
    f <- update(surv, . ~ z)
    for (ties in c("efron", "breslow")) {
      c1 <- coxph(f, data = d, weights = w, cluster = row, ties = ties, control = run)
      c2 <- coxph(f, data = d, weights = w, cluster = centre, ties = ties, control = run)
      one[[ties]] <- list(coef = unname(coef(c1)), robust = sqrt(vcov(c1)[1]), naive = sqrt(c1$naive.var[1]), clustered = sqrt(vcov(c2)[1]))
    }
    more <- coxph(update(surv, . ~ z + age + nodes), data = d, weights = w, cluster = row, control = run)
    one$doubly <- list(coef = unname(coef(more)), robust = unname(sqrt(diag(vcov(more)))))
    sf <- survfit(f, data = d, weights = w, id = row, robust = TRUE, conf.type = "log-log")
    q <- summary(sf, times = times, extend = TRUE)
    one$curve <- list(group = as.integer(sub("z=", "", as.character(q$strata))), time = q$time, surv = q$surv, std_error = q$std.err, lower = q$lower, upper = q$upper, n_risk = q$n.risk)
    one$median <- matrix(unname(summary(sf)$table[, c("median", "0.95LCL", "0.95UCL")]), 2)
    out[[what]] <- one
  }
  out
}
found <- list()
g <- read.csv("data/weighting_gbsg.csv")
found$gbsg <- study(g, as.numeric(g$hormon == "yes"), z ~ age + meno + size + grade + nodes + er, c(12, 24, 36, 60, 84), c("age", "size", "nodes", "er"), c("meno", "grade"), Surv(month, dead) ~ 1)
k <- read.csv("data/weighting_colon.csv"); k <- k[!is.na(k$nodes) & !is.na(k$differ), ]
found$colon <- study(k, k$arm, z ~ sex * age + obstruct + nodes + differ + extent, c(200, 500, 1000, 2000), c("age", "nodes", "differ"), c("sex", "extent"), Surv(day, dead) ~ 1)
r <- read.csv("data/weighting_rotterdam.csv", colClasses = c(size = "character"))
found$rotterdam <- study(r, r$chemo, z ~ age + size + nodes + pgr, c(12, 36, 60, 120), c("age", "nodes", "pgr"), "size", Surv(entry, month, dead) ~ 1)

rr <- function(x, kind, rare) if (rare || kind == "risk_ratio") x else if (kind == "odds_ratio") sqrt(x) else (1 - 0.5^sqrt(x)) / (1 - 0.5^sqrt(1 / x))
e <- function(x) { x <- max(x, 1 / x); x + sqrt(x * (x - 1)) }
cases <- list(list(0.56, 0.46, 0.69, "hazard_ratio", FALSE), list(0.56, 0.46, 0.69, "hazard_ratio", TRUE), list(2.4, 1.1, 5.0, "hazard_ratio", FALSE),
              list(1.3, 0.9, 1.9, "hazard_ratio", FALSE), list(0.86, 0.75, 0.99, "odds_ratio", FALSE), list(3.9, 1.8, 8.7, "risk_ratio", FALSE), list(1, 0.5, 2, "hazard_ratio", FALSE))
found$e_values <- setNames(lapply(cases, function(one) {
  v <- sapply(one[1:3], rr, kind = one[[4]], rare = one[[5]])
  list(given = unlist(one[1:3]), kind = one[[4]], rare = as.integer(one[[5]]), e_value = e(v[1]), limit = if (v[2] <= 1 && v[3] >= 1) 1 else e(if (v[1] > 1) v[2] else v[3]))
}), paste0("case", seq_along(cases)))
# 17 significant digits, no package needed
to_json <- function(value) {
  if (is.list(value)) return(paste0("{", paste0("\"", names(value), "\": ", vapply(value, to_json, ""), collapse = ", "), "}"))
  if (is.matrix(value)) return(paste0("[", paste(apply(value, 1, to_json), collapse = ", "), "]"))
  text <- if (is.character(value)) paste0("\"", value, "\"") else ifelse(is.finite(value), formatC(as.numeric(value), digits = 17, format = "g", width = 1), "null")
  if (length(value) == 1) text else paste0("[", paste(text, collapse = ", "), "]")
}
writeLines(paste0("{\n", paste0("\"", names(found), "\": ", vapply(found, to_json, ""), collapse = ",\n"), "\n}"), "weighting.json")
