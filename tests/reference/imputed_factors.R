# Reference values for imputed_factors(): pooled models of given completed frames, and complete cases.
#
#   cd tests/reference && Rscript imputed_factors.R
#
# Debian's R 4.2.2 with mice 3.15.0 (its D1 asks mitml 0.4.4), survival 3.5-3, cmprsk 2.2-11. The frames are ours (data/imputed_factors_pbc.csv, imputed_factors_frames.py),
# so R and we pool the same fits. mice's D3 "does not support the Cox model": Meng and Rubin's formula is worked out here from coxph at held coefficients.
#
# writes imputed_factors.json; the tests read it and need no R.

suppressMessages({library(survival); library(mice); library(cmprsk); library(jsonlite)})
options(digits = 17, warn = 1)
long <- read.csv("data/imputed_factors_pbc.csv", check.names = FALSE)
holes <- read.csv("data/imputation_pbc_mar.csv", na.strings = "")
order_of <- function(d) { d$oedema <- factor(d$oedema, levels = c("lasting", "none", "treated")); d$died <- as.integer(d$state == 2); d }
long <- order_of(long); holes <- order_of(holes)
sets <- split(long, long$.imp); m <- length(sets)
tight <- coxph.control(eps = 1e-14, toler.chol = 1e-15, iter.max = 100)
singles <- c("age", "lbili", "albumin", "stage", "oedema", "spiders")
models <- c(setNames(as.list(singles), singles), list(multivariable = c("age", "lbili", "albumin", "oedema"), passive = c("lbili", "albumin", "lbili:albumin")))
formula_of <- function(terms) as.formula(paste("Surv(months, died) ~", paste(if (length(terms)) terms else "1", collapse = " + ")))
# an interaction's main effects stand with it: it can't be tested by leaving them out, so only the interaction is
cox_on <- function(d, terms) coxph(formula_of(terms), d, control = tight)
complete_case <- function(fit, terms, d) {
  s <- summary(fit); b <- coef(fit)
  kept <- d[complete.cases(d[unique(unlist(strsplit(terms, ":")))]), ]
  tests <- lapply(setNames(terms, terms), function(t) {
    own <- fit$assign[[t]]; smaller <- coxph(formula_of(setdiff(terms, t)), kept, control = tight)
    l1 <- fit$loglik[2]; l0 <- if (length(terms) == 1) fit$loglik[1] else smaller$loglik[2]
    list(k = length(own), wald = drop(b[own] %*% solve(vcov(fit)[own, own, drop = FALSE], b[own])), ratio = 2 * (l1 - l0)) })
  list(names = names(b), estimate = unname(b), std_error = unname(sqrt(diag(vcov(fit)))), p_value = unname(s$coefficients[, "Pr(>|z|)"]),
       low = unname(b - qnorm(.975) * sqrt(diag(vcov(fit)))), high = unname(b + qnorm(.975) * sqrt(diag(vcov(fit)))), n = fit$n, n_event = fit$nevent, tests = tests)
}
summary_of <- function(p) { s <- summary(p, type = "all", conf.int = TRUE); list(names = as.character(s$term), estimate = s$estimate, std_error = s$std.error, df = s$df,
  statistic = s$statistic, p_value = s$p.value, low = s[["2.5 %"]], high = s[["97.5 %"]], between = s$b, fmi = s$fmi) }
d3 <- function(terms, drop) {
  smaller <- setdiff(terms, drop); k <- length(cox_on(sets[[1]], terms)$assign[[drop]]); held <- coxph.control(iter.max = 0)
  fits <- lapply(sets, cox_on, terms)
  mean1 <- rowMeans(matrix(sapply(fits, coef), ncol = m)); own <- sapply(fits, function(f) f$loglik[2])
  at1 <- sapply(sets, function(d) coxph(formula_of(terms), d, init = mean1, control = held)$loglik[2])
  if (!length(smaller)) { own0 <- at0 <- sapply(fits, function(f) f$loglik[1]) } else {
    nulls <- lapply(sets, cox_on, smaller); own0 <- sapply(nulls, function(f) f$loglik[2])
    mean0 <- rowMeans(matrix(sapply(nulls, coef), ncol = m)); at0 <- sapply(sets, function(d) coxph(formula_of(smaller), d, init = mean0, control = held)$loglik[2]) }
  dM <- mean(2 * (own - own0)); dL <- mean(2 * (at1 - at0)); r <- (m + 1) / (k * (m - 1)) * (dM - dL); v <- k * (m - 1)
  w <- if (v > 4) 4 + (v - 4) * (1 + (1 - 2 / v) / r)^2 else v * (1 + 1 / k) * (1 + 1 / r)^2 / 2
  f <- dL / (k * (1 + r)); list(statistic = f, df = k, df_residual = w, p_value = pf(f, k, w, lower.tail = FALSE), r = r)
}
d1 <- function(terms, drop) {
  smaller <- setdiff(terms, drop); fits <- lapply(sets, cox_on, terms); dfcom <- max(fits[[1]]$nevent - length(coef(fits[[1]])), 1)
  if (length(smaller)) { d <- D1(as.mira(fits), as.mira(lapply(sets, cox_on, smaller)), dfcom = dfcom)$result }
  else { d <- mitml::testEstimates; q <- lapply(fits, coef); u <- lapply(fits, vcov)
    d <- mitml::testConstraints(qhat = q, uhat = u, constraints = names(q[[1]]), df.com = dfcom, method = "D1")$test[1, ] ; d <- d[c(1, 2, 3, 4, 5)] }
  list(statistic = unname(d[1]), df = unname(d[2]), df_residual = unname(d[3]), p_value = unname(d[4]), r = unname(d[5]))
}
out <- list(cause_specific = lapply(models, function(terms) {
  fits <- lapply(sets, cox_on, terms)
  tested <- if (any(grepl(":", terms))) terms[grepl(":", terms)] else terms
  list(complete = complete_case(cox_on(holes, terms), terms, holes), pooled = summary_of(pool(as.mira(fits), dfcom = max(fits[[1]]$nevent - length(coef(fits[[1]])), 1))),
       D1 = lapply(setNames(tested, tested), function(t) d1(terms, t)), D3 = lapply(setNames(tested, tested), function(t) d3(terms, t)))
}))
# Fine and Gray, transplant first: crr on each frame, pooled coefficient by coefficient
fg <- function(d) { x <- model.matrix(~ lbili + albumin, d)[, -1]; f <- crr(d$months, d$state, x, failcode = 2, cencode = 0, gtol = 1e-12, maxiter = 100); list(b = unname(f$coef), u = unname(diag(f$var))) }
found <- lapply(sets, fg); k <- 2; dfcom <- sum(holes$state == 2) - k
out$fine_gray <- list(complete = fg(holes[complete.cases(holes[c("lbili", "albumin")]), ]), pooled = lapply(1:2, function(j) {
  p <- pool.scalar(sapply(found, function(f) f$b[j]), sapply(found, function(f) f$u[j]), n = dfcom + k, k = k); list(estimate = p$qbar, t = p$t, df = p$df, fmi = p$fmi) }))
pattern <- md.pattern(holes[c("lbili", "albumin", "stage", "oedema", "spiders")], plot = FALSE)
counts <- as.integer(rownames(pattern)); keep <- !is.na(counts)
lacks <- apply(pattern[keep, -ncol(pattern)], 1, function(r) paste(sort(colnames(pattern)[-ncol(pattern)][r == 0]), collapse = "+"))
out$patterns <- list(without = unname(lacks), n = counts[keep])
by_column <- lapply(c("lbili", "albumin", "stage", "oedema", "spiders"), function(v) { s <- survdiff(Surv(months, died) ~ is.na(holes[[v]]), holes)
  g <- is.na(holes[[v]]); list(term = v, n = as.integer(sum(g)), n_event = sum(holes$died[g]), time = sum(holes$months[g]), p = pchisq(s$chisq, 1, lower.tail = FALSE)) })
out$by_column <- by_column
out$versions <- list(R = R.version.string, mice = as.character(packageVersion("mice")), survival = as.character(packageVersion("survival")), cmprsk = as.character(packageVersion("cmprsk")))
writeLines(toJSON(out, digits = 17, auto_unbox = TRUE, na = "null", matrix = "rowmajor"), "imputed_factors.json")
