# Reference values for multiple imputation: impute(), pool(), pool_estimates() and their tests.
#
#   cd tests/reference && Rscript imputation.R
#
# Debian's R 4.2.2 with mice 3.15.0 (and what its D1 asks of mitml 0.4.4), survival 3.5-3, nnet. Three kinds of values:
#
#   exact        pool.scalar, pool, D1 and D3 on fits that are given in full (imputed data in data/imputation_completed.csv). mice's D3
#                "does not support the Cox model": there Meng and Rubin's formula is worked out here from coxph at held coefficients (init, iter.max = 0).
#   one model    augment with glm and nnet::multinom, nelsonaalen, on given data
#   in the mean  mice(m = 400, maxit = 10) on data with values deleted (data/imputation_*.csv): means imputed, and Cox models pooled; no
#                random number is shared, so the tests compare within Monte Carlo error.
#
# writes data/imputation_*.csv and imputation.json; the tests read those and need no R.

suppressMessages({library(survival); library(mice); library(nnet); library(jsonlite)})
options(digits = 17, warn = 1)
cell <- function(data, name) write.csv(data, file.path("data", paste0("imputation_", name, ".csv")), row.names = FALSE, na = "", quote = FALSE)
hazard <- function(time, event) { b <- basehaz(coxph(Surv(time, event) ~ 1, ties = "breslow")); b$hazard[match(time, b$time)] }
out <- list()

# -- Rubin's rules on numbers ---------------------------------------------------------------------------------------------
set.seed(61)
out$scalar <- lapply(1:40, function(i) {
  m <- sample(c(2, 3, 5, 20, 50), 1); q <- rnorm(m, 1, runif(1, 0, 2)); u <- runif(m, 0.05, 3)
  if (i %% 8 == 0) q <- rep(q[1], m)
  n <- if (i %% 3 == 0) Inf else sample(c(4, 12, 40, 400), 1)
  p <- pool.scalar(q, u, n = n, k = if (is.finite(n)) 2 else 1)
  list(estimate = q, variance = u, df_complete = if (is.finite(n)) n - 2 else "Inf", qbar = p$qbar, ubar = p$ubar, b = p$b, t = p$t, df = p$df, r = p$r, fmi = p$fmi)
})

# -- data with values deleted ------------------------------------------------------------------------------------------------
base <- survival::lung
lung <- data.frame(months = base$time / 30.4375, dead = as.integer(base$status == 2), age = base$age, male = as.integer(base$sex == 1),
                   ecog = base$ph.ecog, karno = base$ph.karno, wtloss = base$wt.loss)
lung <- lung[complete.cases(lung), ]
cell(lung, "lung_whole")
set.seed(62)   # MCAR: a quarter of three columns
mcar <- lung
for (v in c("age", "ecog", "wtloss")) mcar[sample(nrow(lung), round(nrow(lung) / 4)), v] <- NA
cell(mcar, "lung_mcar")
set.seed(63)   # MAR: more often missing in men, and in those who died early
mar <- lung
early <- lung$dead == 1 & lung$months < 9
for (v in c("ecog", "wtloss", "karno")) mar[runif(nrow(lung)) < plogis(-2.2 + 1.8 * early + 0.7 * lung$male), v] <- NA
cell(mar, "lung_mar")
b <- survival::pbc   # competing: transplant 1, death 2; levels with and without an order
pbc <- data.frame(months = b$time / 30.4375, state = b$status, age = b$age, male = as.integer(b$sex == "m"), lbili = log(b$bili), albumin = b$albumin,
                  stage = b$stage, oedema = c("none", "treated", "lasting")[match(b$edema, c(0, 0.5, 1))], spiders = b$spiders)
pbc <- pbc[1:312, ][complete.cases(pbc[1:312, ]), ]
cell(pbc, "pbc_whole")
set.seed(64)
holes <- pbc
dead <- pbc$state == 2
for (v in c("lbili", "albumin", "stage", "oedema", "spiders")) holes[runif(nrow(pbc)) < plogis(-2.0 + 1.0 * dead + 0.02 * (pbc$age - 50)), v] <- NA
cell(holes, "pbc_mar")

# -- the outcome as predictors ----------------------------------------------------------------------------------------------
out$nelsonaalen <- list(lung = hazard(lung$months, lung$dead), pbc_transplant = hazard(pbc$months, pbc$state == 1), pbc_death = hazard(pbc$months, pbc$state == 2))
veteran <- survival::veteran
stopifnot(max(abs(nelsonaalen(veteran, time, status) - basehaz(coxph(Surv(time, status) ~ 1, data = veteran))$hazard[
  match(veteran$time, basehaz(coxph(Surv(time, status) ~ 1, data = veteran))$time)])) < 1e-12)

# -- one logistic and one multinomial model with the added rows ------------------------------------------------------------
x <- as.matrix(data.frame(age = pbc$age, lbili = pbc$lbili, albumin = pbc$albumin, dead = as.integer(pbc$state == 2)))
one_model <- function(y, name) {
  ry <- !is.na(y); filled <- y; filled[!ry] <- levels(y)[1]
  aug <- mice:::augment(filled, ry, x, !ry)
  used <- aug$ry
  xx <- cbind(1, as.matrix(aug$x))[used, ]; yy <- aug$y[used]; w <- aug$w[used]
  if (nlevels(y) == 2) {
    fit <- suppressWarnings(glm.fit(xx, as.integer(yy) - 1, w, family = quasibinomial(), control = glm.control(epsilon = 1e-15, maxit = 100)))
    p <- fit$fitted.values; information <- t(xx) %*% (xx * (w * p * (1 - p)))
    return(list(coefficients = matrix(fit$coefficients, 1), information = information, weight = aug$w[length(aug$w)], added = nrow(aug$x) - length(y), lacks = which(!ry) - 1))
  }
  fit <- multinom(yy ~ xx - 1, weights = w, trace = FALSE, maxit = 10000, reltol = 1e-16, abstol = 1e-16, Hess = TRUE)
  list(coefficients = coef(fit), information = fit$Hessian, weight = aug$w[length(aug$w)], added = nrow(aug$x) - length(y), lacks = which(!ry) - 1)
}
set.seed(65)
gone <- sample(nrow(pbc), 50)
spiders <- factor(pbc$spiders); spiders[gone] <- NA
perfect <- factor(as.integer(pbc$albumin > 3.5)); perfect[gone] <- NA      # told perfectly by a predictor
oedema <- factor(pbc$oedema); oedema[gone] <- NA
out$models <- list(spiders = one_model(spiders), perfect = one_model(perfect), oedema = one_model(oedema))
cell(data.frame(x, spiders = as.integer(spiders) - 1, perfect = as.integer(perfect) - 1, oedema = as.integer(oedema) - 1), "models")

# -- fits to given imputations, pooled ---------------------------------------------------------------------------------------
set.seed(66)
mar$hazard <- hazard(mar$months, mar$dead)
given <- mar[c("dead", "hazard", "age", "male", "ecog", "karno", "wtloss")]
imp <- mice(given, m = 8, maxit = 5, method = "pmm", printFlag = FALSE)
long <- complete(imp, "long"); long$months <- rep(mar$months, 8)
long$ecog3 <- factor(pmin(long$ecog, 2), labels = c("full", "symptoms", "bed"))
cell(long[c(".imp", "months", "dead", "age", "male", "ecog3", "karno", "wtloss")], "completed")
sets <- split(long, long$.imp)
tight <- coxph.control(eps = 1e-14, toler.chol = 1e-15, iter.max = 100)
full <- Surv(months, dead) ~ age + male + ecog3 + wtloss
summary_of <- function(p) { s <- summary(p, type = "all", conf.int = TRUE); list(term = as.character(s$term), estimate = s$estimate, std_error = s$std.error, df = s$df,
  statistic = s$statistic, p_value = s$p.value, low = s[["2.5 %"]], high = s[["97.5 %"]], within = s$ubar, between = s$b, riv = s$riv, fmi = s$fmi, dfcom = s$dfcom) }
cox_d3 <- function(formula, smaller, drop) {
  fits <- lapply(sets, function(d) coxph(formula, d, control = tight)); nulls <- lapply(sets, function(d) coxph(smaller, d, control = tight))
  m <- length(fits); k <- length(drop); held <- coxph.control(iter.max = 0)
  mean1 <- rowMeans(sapply(fits, coef)); mean0 <- if (length(coef(nulls[[1]])) == 1) mean(sapply(nulls, coef)) else rowMeans(sapply(nulls, coef))
  at <- function(f, b) sapply(sets, function(d) coxph(f, d, init = b, control = held)$loglik[2])
  own <- sapply(fits, function(f) f$loglik[2]); own0 <- sapply(nulls, function(f) f$loglik[2])
  dM <- mean(2 * (own - own0)); dL <- mean(2 * (at(formula, mean1) - at(smaller, mean0)))
  r <- (m + 1) / (k * (m - 1)) * (dM - dL); v <- k * (m - 1)
  w <- if (v > 4) 4 + (v - 4) * (1 + (1 - 2 / v) / r)^2 else v * (1 + 1 / k) * (1 + 1 / r)^2 / 2
  f <- dL / (k * (1 + r)); list(statistic = f, df = k, df_residual = w, p_value = pf(f, k, w, lower.tail = FALSE), r = r)
}
d1_of <- function(fits, nulls, dfcom) { d <- D1(fits, nulls, dfcom = dfcom)$result; list(statistic = d[1], df = d[2], df_residual = d[3], p_value = d[4], r = d[5]) }
fits <- as.mira(lapply(sets, function(d) coxph(full, d, control = tight)))
nulls <- list(ecog3 = Surv(months, dead) ~ age + male + wtloss, wtloss = Surv(months, dead) ~ age + male + ecog3)
dfcom <- max(sum(mar$dead) - 5, 1)
out$cox <- list(pooled = summary_of(pool(fits)), dfcom = dfcom,
  D1 = lapply(nulls, function(f) d1_of(fits, as.mira(lapply(sets, function(d) coxph(f, d, control = tight))), dfcom)),
  D3 = list(ecog3 = cox_d3(full, nulls$ecog3, 1:2), wtloss = cox_d3(full, nulls$wtloss, 1)))
cox_d4 <- function(formula, smaller, k, strata = ~ strata(.imp), ties = "efron") {
  fits <- lapply(sets, function(d) coxph(formula, d, control = tight, ties = ties)); nulls <- lapply(sets, function(d) coxph(smaller, d, control = tight, ties = ties))
  m <- length(fits); stacked <- function(f) coxph(update(f, as.formula(paste(". ~ . +", as.character(strata)[2]))), long, control = tight, ties = ties)$loglik[2] / m
  d <- mean(2 * (sapply(fits, function(f) f$loglik[2]) - sapply(nulls, function(f) f$loglik[2]))); s <- 2 * (stacked(formula) - stacked(smaller))
  r <- (m + 1) / (k * (m - 1)) * (d - s); v <- k * (m - 1) * (1 + 1 / r)^2; f <- s / (k * (1 + r))
  list(statistic = f, df = k, df_residual = v, p_value = pf(f, k, v, lower.tail = FALSE), r = r)
}
out$cox$D4 <- list(ecog3 = cox_d4(full, nulls$ecog3, 2), wtloss = cox_d4(full, nulls$wtloss, 1))
out$stratified <- list(D4 = cox_d4(Surv(months, dead) ~ age + ecog3 + strata(male), Surv(months, dead) ~ age + strata(male), 2, ~ strata(.imp, male), "breslow"))
strat <- as.mira(lapply(sets, function(d) coxph(Surv(months, dead) ~ age + ecog3 + strata(male), d, ties = "breslow", control = tight)))
out$stratified$pooled <- summary_of(pool(strat))

# D3's and D1's arithmetic on models that mice knows
glms <- as.mira(lapply(sets, function(d) glm(dead ~ age + male + ecog3 + wtloss, binomial, d, control = glm.control(epsilon = 1e-14))))
small <- as.mira(lapply(sets, function(d) glm(dead ~ age + male + wtloss, binomial, d, control = glm.control(epsilon = 1e-14))))
d3 <- D3(glms, small)
out$logistic <- list(estimates = t(sapply(getfit(glms), coef)), covariances = lapply(getfit(glms), vcov), dfcom = pool(glms)$pooled$dfcom[1], pooled = summary_of(pool(glms)),
  D1 = d1_of(glms, small, pool(glms)$pooled$dfcom[1]), deviances = d3$deviances,
  D3 = list(statistic = d3$result[1], df = d3$result[2], df_residual = d3$result[3], p_value = d3$result[4], r = d3$result[5]))

# mice's polyreg keeps the coefficients where they are most likely; the proper draw, from the normal approximation that its logreg uses too
mice.impute.properpoly <- function(y, ry, x, wy = NULL, ...) {
  if (is.null(wy)) wy <- !ry
  aug <- mice:::augment(y, ry, x, wy)
  xx <- cbind(1, as.matrix(aug$x)); yy <- aug$y[aug$ry]; x1 <- xx[aug$ry, , drop = FALSE]; w1 <- aug$w[aug$ry]
  fit <- multinom(yy ~ x1 - 1, weights = w1, trace = FALSE, maxit = 500, Hess = TRUE)
  b <- matrix(MASS::mvrnorm(1, as.vector(t(coef(fit))), solve(fit$Hessian)), nrow(coef(fit)), byrow = TRUE)
  p <- cbind(1, exp(xx[aug$wy, , drop = FALSE] %*% t(b))); p <- p / rowSums(p)
  factor(levels(y)[1 + rowSums(runif(nrow(p)) > t(apply(p, 1, cumsum))[, -ncol(p), drop = FALSE])], levels(y))
}

stack_glm <- function(f) as.numeric(logLik(glm(f, binomial, long, control = glm.control(epsilon = 1e-14)))) / 8
d4 <- mitml::testModels(getfit(glms), getfit(small), method = "D4", data = sets)$test
out$logistic$D4 <- c(list(own = sapply(getfit(glms), logLik), own_null = sapply(getfit(small), logLik), stacked = stack_glm(dead ~ age + male + ecog3 + wtloss),
  stacked_null = stack_glm(dead ~ age + male + wtloss)), list(statistic = d4[1], df = d4[2], df_residual = d4[3], p_value = d4[4], r = d4[5]))

# -- mice itself, in the mean ------------------------------------------------------------------------------------------------
M <- 400   # "monotone": fewest gaps first, as impute does; between-variances of karno and ecog, which tell each other, depend on the order a little
in_the_mean <- function(data, outcome, method, formulas, seed, polr = character()) {
  work <- data
  for (v in polr) work[[v]] <- factor(work[[v]])
  imp <- mice(work[setdiff(names(work), outcome)], m = M, maxit = 10, visitSequence = "monotone", method = method, printFlag = FALSE, seed = seed)
  long <- complete(imp, "long"); for (v in outcome) long[[v]] <- rep(work[[v]], M)
  sets <- split(long, long$.imp)
  drawn <- list()
  for (v in names(imp$imp)) if (nrow(imp$imp[[v]])) {
    values <- imp$imp[[v]]
    if (is.factor(work[[v]])) for (l in levels(work[[v]])) { s <- colMeans(sapply(values, function(c) as.character(c) == l)); drawn[[paste0(v, "=", l)]] <- list(mean = mean(s), sd = sd(s)) }
    else { s <- colMeans(values); q <- apply(values, 2, sd); drawn[[v]] <- list(mean = mean(s), sd = sd(s), inner = mean(q), inner_sd = sd(q)) }
  }
  pooled <- lapply(formulas, function(f) summary_of(pool(as.mira(lapply(sets, function(d) coxph(as.formula(f), d))))))
  list(drawn = drawn, pooled = pooled)
}
mcar$hazard <- hazard(mcar$months, mcar$dead)
whole <- "Surv(months, dead) ~ age + male + ecog + karno + wtloss"
pmm <- function(d, gone) setNames(ifelse(colSums(is.na(d)) > 0, "pmm", ""), names(d))[setdiff(names(d), gone)]
norm <- function(d, gone) setNames(ifelse(colSums(is.na(d)) > 0, "norm", ""), names(d))[setdiff(names(d), gone)]
out$M <- M
out$mice <- list(
  lung_mcar = in_the_mean(mcar, "months", pmm(mcar, "months"), list(death = whole), 71),
  lung_mar = in_the_mean(mar, "months", pmm(mar, "months"), list(death = whole), 72),
  lung_mar_linear = in_the_mean(mar, "months", norm(mar, "months"), list(death = whole), 73))
holes$transplanted <- as.integer(holes$state == 1); holes$died <- as.integer(holes$state == 2)
holes$h1 <- hazard(holes$months, holes$transplanted); holes$h2 <- hazard(holes$months, holes$died)
method <- c(age = "", male = "", lbili = "pmm", albumin = "pmm", stage = "pmm", oedema = "properpoly", spiders = "logreg", transplanted = "", died = "", h1 = "", h2 = "")
holes$stage <- factor(holes$stage, ordered = TRUE)
out$mice$pbc_mar <- in_the_mean(holes, c("months", "state"), method, list(death = "Surv(months, died) ~ age + male + lbili + albumin + spiders + oedema",
  transplant = "Surv(months, transplanted) ~ age + lbili + albumin"), 74, c("oedema", "spiders"))
whole_fit <- function(f, d) { s <- coxph(as.formula(f), d); list(estimate = unname(coef(s)), std_error = unname(sqrt(diag(vcov(s))))) }
out$whole <- list(lung = whole_fit(whole, lung), lung_mar_complete_cases = whole_fit(whole, mar))
out$versions <- list(R = R.version.string, mice = as.character(packageVersion("mice")), mitml = as.character(packageVersion("mitml")), survival = as.character(packageVersion("survival")))
writeLines(toJSON(out, digits = 17, auto_unbox = TRUE, na = "null", matrix = "rowmajor"), "imputation.json")
