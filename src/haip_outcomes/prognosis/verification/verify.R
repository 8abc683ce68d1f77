# The tasks of one report in one R process: Rscript verify.R FOLDER reads tasks.csv and data*.csv there, and writes answers.csv.
# Run to convergence: at its defaults coxph is itself off by up to 4e-6.
suppressPackageStartupMessages(library(survival))
folder <- commandArgs(TRUE)[1]
have_cmprsk <- requireNamespace("cmprsk", quietly = TRUE)
tasks <- read.csv(file.path(folder, "tasks.csv"), colClasses = "character", na.strings = character(0))
control <- coxph.control(eps = 1e-14, toler.chol = 1e-15, iter.max = 100)
z <- qnorm(0.975)
found <- new.env()
found$lines <- list()

say <- function(name, value, quantity = "", outcome = 0, group = 0, term = 0, time = NA) {
  found$lines[[length(found$lines) + 1]] <- paste(task$key, quantity, outcome, group, term, if (is.na(time)) "" else sprintf("%.17g", time), name,
                                                  if (is.na(value)) "NA" else sprintf("%.17g", as.numeric(value)), "", sep = "\t")
}
say_all <- function(values, ...) for (name in names(values)) say(name, values[[name]], ...)
option <- function(name) {
  parts <- strsplit(task$options, ";", fixed = TRUE)[[1]]
  hit <- parts[startsWith(parts, paste0(name, "="))]
  if (length(hit)) substring(hit[1], nchar(name) + 2) else ""
}
asked_times <- function() as.numeric(strsplit(task$times, " ", fixed = TRUE)[[1]])
groups_of <- function(d) if ("group" %in% names(d)) sort(unique(d$group)) else 0
part_of <- function(d, g) if (g == 0) d else d[d$group == g, , drop = FALSE]
happened <- function(d) {
  if (option("reverse") == "yes") return(as.integer(d$state == 0))
  if (option("cause") != "") return(as.integer(d$state == as.integer(option("cause"))))
  as.integer(d$state > 0)
}
outcome_of <- function(d) if ("entry" %in% names(d)) Surv(d$entry, d$time, happened(d)) else Surv(d$time, happened(d))
curve_of <- function(d, conf = "log-log") survfit(outcome_of(d) ~ 1, conf.type = conf)

# several states; with late entry, one row a patient
states_of <- function(d, conf = "log-log") {
  d$state <- factor(d$state, levels = 0:as.integer(option("states")))
  if ("entry" %in% names(d)) {
    d$id <- seq_len(nrow(d))
    survfit(Surv(entry, time, state) ~ 1, data = d, id = id, conf.type = conf)
  } else survfit(Surv(time, state) ~ 1, data = d, conf.type = conf)
}

do_survival_curve <- function(d) for (g in groups_of(d)) {
  at <- summary(curve_of(part_of(d, g)), times = asked_times(), extend = TRUE)
  for (i in seq_along(at$time)) say_all(list(estimate = at$surv[i], std_error = at$std.err[i], conf_low = at$lower[i], conf_high = at$upper[i]), group = g, time = at$time[i])
}

do_median <- function(d) for (g in groups_of(d)) {
  fit <- curve_of(part_of(d, g))
  if (option("method") == "standard-error") {
    keep <- fit$n.event > 0
    t <- c(0, fit$time[keep]); s <- c(1, fit$surv[keep]); e <- c(0, fit$std.err[keep] * fit$surv[keep])
    half <- which(s <= 0.5 + 1e-9)[1]; l <- which(s <= 0.45 + 1e-9)[1]; u <- max(which(s >= 0.55 - 1e-9))
    m <- if (is.na(half)) NA else t[half]
    se <- if (is.na(l) || t[l] == t[u]) NA else e[half] / ((s[u] - s[l]) / (t[l] - t[u]))
    middle <- if (option("estimate") == "curve") quantile(fit, 0.5)$quantile else m  # of a plateau its middle, while the limits are about its beginning
    say_all(list(estimate = middle, std_error = se, conf_low = m - z * se, conf_high = m + z * se), group = g)
  } else {
    q <- quantile(fit, 0.5)
    say_all(list(estimate = q$quantile, conf_low = q$lower, conf_high = q$upper), group = g)
  }
}

means_of <- function(d, horizon) sapply(groups_of(d), function(g) {
  table <- summary(curve_of(part_of(d, g)), rmean = horizon)$table
  c(table[["rmean"]], table[["se(rmean)"]])
})

do_restricted_mean <- function(d) for (h in asked_times()) {
  m <- means_of(d, h)
  for (j in seq_along(groups_of(d)))
    say_all(list(estimate = m[1, j], std_error = m[2, j], conf_low = m[1, j] - z * m[2, j], conf_high = m[1, j] + z * m[2, j]), group = groups_of(d)[j], time = h)
}

do_restricted_mean_difference <- function(d) for (h in asked_times()) {
  m <- means_of(d, h); ref <- as.integer(option("reference"))
  for (g in setdiff(groups_of(d), ref)) {
    gap <- m[1, g] - m[1, ref]; se <- sqrt(m[2, g]^2 + m[2, ref]^2)
    say_all(list(estimate = gap, std_error = se, conf_low = gap - z * se, conf_high = gap + z * se, statistic = gap / se, p_value = 2 * pnorm(-abs(gap / se))), group = g, time = h)
  }
}

do_logrank <- function(d) {
  test <- if ("strata" %in% names(d)) survdiff(Surv(time, happened(d)) ~ group + strata(strata), data = d) else survdiff(Surv(time, happened(d)) ~ group, data = d)
  df <- max(sum(if (is.matrix(test$exp)) rowSums(test$exp) > 0 else test$exp > 0) - 1, 0)
  say_all(list(statistic = test$chisq, df = df, p_value = if (df > 0) pchisq(test$chisq, df, lower.tail = FALSE) else NA))
}

log_log <- function(p, se) if (p <= 0 || p >= 1) c(NA, NA) else p^exp(c(1, -1) * z * se / (p * log(p)) * -1)

do_cumulative_incidence <- function(d) for (g in groups_of(d)) {
  own <- part_of(d, g)
  if (option("variance") == "infinitesimal-jackknife") {
    at <- summary(states_of(own), times = asked_times(), extend = TRUE)
    for (k in seq_len(as.integer(option("states")))) for (i in seq_along(at$time))
      say_all(list(estimate = at$pstate[i, k + 1], std_error = at$std.err[i, k + 1], conf_low = at$lower[i, k + 1], conf_high = at$upper[i, k + 1]), outcome = k, group = g, time = at$time[i])
  } else {
    if (!have_cmprsk) stop("R has no package cmprsk")
    fit <- cmprsk::cuminc(own$time, own$state, cencode = 0)
    for (k in seq_len(as.integer(option("states")))) {
      step <- fit[[paste("1", k)]]
      for (time in asked_times()) {
        i <- if (is.null(step)) NA else max(which(step$time <= time))
        p <- if (is.na(i)) 0 else step$est[i]; se <- if (is.na(i)) 0 else sqrt(step$var[i])
        limits <- log_log(p, se)
        say_all(list(estimate = p, std_error = se), outcome = k, group = g, time = time)
        if (!anyNA(limits)) say_all(list(conf_low = min(limits), conf_high = max(limits)), outcome = k, group = g, time = time)  # at 0 and 1 there are none
      }
    }
  }
}

do_gray <- function(d) {
  if (!have_cmprsk) stop("R has no package cmprsk")
  test <- if ("strata" %in% names(d)) cmprsk::cuminc(d$time, d$state, d$group, d$strata, cencode = 0)$Tests else cmprsk::cuminc(d$time, d$state, d$group, cencode = 0)$Tests
  for (k in rownames(test)) say_all(list(statistic = test[k, "stat"], df = test[k, "df"], p_value = test[k, "pv"]), outcome = as.integer(k))
}

# each factor's columns are one matrix m1, m2, ...
factors_of <- function() as.integer(strsplit(option("factors"), " ", fixed = TRUE)[[1]])
model_of <- function(d, left_out = 0, init = NULL, iterations = 100, bend = NULL) {
  factors <- factors_of()
  used <- setdiff(unique(factors), left_out)
  frame <- data.frame(row = seq_len(nrow(d)))
  for (f in used) frame[[paste0("m", f)]] <- as.matrix(d[, paste0("x", which(factors == f)), drop = FALSE])
  if (!is.null(bend)) frame$bend <- bend
  frame$y <- outcome_of(d)
  if ("strata" %in% names(d)) frame$s <- d$strata
  right <- paste(c(if (length(used)) paste0("m", used) else "1", if (!is.null(bend)) "bend", if ("strata" %in% names(d)) "strata(s)"), collapse = " + ")
  ties <- if (option("ties") == "breslow") "breslow" else "efron"
  limits <- control
  limits$iter.max <- iterations
  arguments <- list(as.formula(paste("y ~", right)), data = frame, ties = ties, control = limits, x = TRUE)
  if (!is.null(init)) arguments$init <- init
  do.call(coxph, arguments)
}
say_coefficients <- function(b, se, p = 2 * pnorm(-abs(b / se))) for (j in seq_along(b))
  say_all(list(estimate = b[j], std_error = se[j], conf_low = b[j] - z * se[j], conf_high = b[j] + z * se[j], statistic = b[j] / se[j], p_value = p[j]), term = j)

do_cox <- function(d) {
  if (option("penalty") == "firth") return(do_firth(d))
  fit <- model_of(d)
  if (anyNA(coef(fit))) stop("a coefficient can't be estimated")
  say_coefficients(coef(fit), sqrt(diag(fit$var)))
}

do_cox_over_time <- function(d) do_cox(d)
do_subgroup <- function(d) do_cox(d)

# Firth: Newton on log L + log det(I) / 2 with R's own L and I (Efron), derivatives by central differences
firth_of <- function(d) {
  p <- length(factors_of()); x <- columns_of(d) + 0; y <- outcome_of(d); fitter <- if (ncol(y) == 3) agreg.fit else coxph.fit
  at <- control; at$iter.max <- 0
  ties <- if (option("ties") == "breslow") "breslow" else "efron"
  inner <- function(b) suppressWarnings(fitter(x, y, d$strata, init = b, control = at, method = ties, rownames = NULL, resid = FALSE))  # what coxph calls
  penalised <- function(b) { fit <- inner(b); fit$loglik[2] - 0.5 * as.numeric(determinant(as.matrix(fit$var))$modulus) }
  climb <- function(f, b) {
    if (!length(b)) return(list(b = b, f = f(b)))
    for (turn in 1:60) {
      h <- 1e-3; n <- length(b); g <- numeric(n); H <- matrix(0, n, n); unit <- diag(n); before <- f(b)
      for (i in 1:n) {
        e <- unit[i, ]; far <- c(f(b - 2 * h * e), f(b + 2 * h * e))
        g[i] <- (far[1] - 8 * f(b - h * e) + 8 * f(b + h * e) - far[2]) / (12 * h)
        H[i, i] <- (far[1] - 2 * before + far[2]) / (4 * h^2)
        for (j in seq_len(i - 1))
          H[i, j] <- H[j, i] <- (f(b + h * (e + unit[j, ])) - f(b + h * (e - unit[j, ])) - f(b - h * (e - unit[j, ])) + f(b - h * (e + unit[j, ]))) / (4 * h^2)
      }
      step <- solve(-H, g); scale <- 1
      while (f(b + scale * step) < before - 1e-12 && scale > 1e-6) scale <- scale / 2
      b <- b + scale * step
      if (max(abs(step)) < 1e-9) break
    }
    list(b = b, f = f(b))
  }
  top <- climb(penalised, rep(0, p))
  held <- function(j, value, start) climb(function(r) { b <- numeric(p); b[j] <- value; b[-j] <- r; penalised(b) }, start)
  list(top = top, held = held, fit = suppressWarnings(model_of(d, init = top$b, iterations = 0)), p = p)
}
do_firth <- function(d) {
  found <- firth_of(d); top <- found$top
  se <- sqrt(diag(as.matrix(found$fit$var)))
  for (j in if (task$verb == "subgroup") which(factors_of() == 1) else seq_len(found$p)) {  # of a subgroup the factor, which stands first
    drop <- 2 * (top$f - found$held(j, 0, top$b[-j])$f)
    away <- function(value) top$f - found$held(j, value, top$b[-j])$f - qchisq(0.95, 1) / 2
    limit <- function(side) {
      for (reach in c(4, 30)) {  # near first: far out each profile takes many steps
        root <- tryCatch(uniroot(away, sort(top$b[j] + c(0, side * reach * se[j])), tol = 1e-9)$root, error = function(e) NULL)
        if (!is.null(root)) return(root)
      }
    }
    low <- limit(-1); high <- limit(1)
    numbers <- list(estimate = top$b[j], std_error = se[j], p_value = pchisq(drop, 1, lower.tail = FALSE))
    if (!is.null(low)) numbers$conf_low <- low
    if (!is.null(high)) numbers$conf_high <- high
    say_all(numbers, term = j)
  }
}

say_chisq <- function(gap, df, f) say_all(list(statistic = gap, df = df, p_value = pchisq(gap, df, lower.tail = FALSE)), term = f)
do_likelihood_ratio <- function(d) {
  factors <- factors_of(); asked <- if (option("tested") != "") as.integer(option("tested")) else unique(factors)
  if (option("penalty") == "firth") {
    found <- firth_of(d)
    for (f in asked) { j <- which(factors == f); say_chisq(2 * (found$top$f - found$held(j, 0, found$top$b[-j])$f), length(j), f) }
    return(invisible())
  }
  full <- model_of(d)
  for (f in asked) say_chisq(2 * (tail(full$loglik, 1) - tail(model_of(d, left_out = f)$loglik, 1)), sum(factors == f), f)
}

# Harrell's restricted cubic spline: truncated powers that are straight beyond the outer knots
do_linearity <- function(d) {
  f <- as.integer(option("tested")); x <- d[[paste0("x", which(factors_of() == f))]]
  t <- as.numeric(strsplit(option("knots"), " ", fixed = TRUE)[[1]]); k <- length(t); c3 <- function(u) pmax(u, 0)^3
  bend <- sapply(seq_len(k - 2), function(j)
    (c3(x - t[j]) - c3(x - t[k - 1]) * (t[k] - t[j]) / (t[k] - t[k - 1]) + c3(x - t[k]) * (t[k - 1] - t[j]) / (t[k] - t[k - 1])) / (t[k] - t[1])^2)
  say_chisq(2 * (tail(model_of(d, bend = as.matrix(bend))$loglik, 1) - tail(model_of(d)$loglik, 1)), k - 2, f)
}

# survival of one row of covariates, from the model's own baseline
columns_of <- function(d) as.matrix(d[, paste0("x", seq_along(factors_of())), drop = FALSE])
fit_of <- function(d) if (option("penalty") == "firth") firth_of(d)$fit else model_of(d)
say_predicted <- function(fit, x) {
  factors <- factors_of(); row <- data.frame(row = 1)
  for (f in unique(factors)) row[[paste0("m", f)]] <- matrix(x[factors == f], nrow = 1)
  at <- summary(survfit(fit, newdata = row, conf.type = "log-log"), times = asked_times(), extend = TRUE)
  for (i in seq_along(at$time)) say_all(list(estimate = at$surv[i], std_error = at$std.err[i], conf_low = at$lower[i], conf_high = at$upper[i]), time = at$time[i])
}
do_profile <- function(d) say_predicted(fit_of(d), as.numeric(strsplit(option("profile"), " ", fixed = TRUE)[[1]]))

# 100 points are the range of the factor that moves the risk furthest; of a total the typical patient is predicted: the mean of those who have it where totals are
# at most ten, else the covariates' regression on the linear predictor
do_nomogram <- function(d) {
  fit <- fit_of(d); b <- coef(fit); x <- columns_of(d); factors <- factors_of(); numeric <- strsplit(option("numeric"), " ", fixed = TRUE)[[1]] == "1"
  reach <- sapply(unique(factors), function(f) { j <- which(factors == f); range(if (numeric[j[1]]) b[j] * x[, j] else c(0, b[j])) })
  score <- as.numeric(x %*% b); wanted <- sum(reach[1, ]) + as.numeric(option("points")) * max(reach[2, ] - reach[1, ]) / 100
  same <- abs(score - wanted) < 1e-7
  S <- cov(x) * (nrow(x) - 1) / nrow(x)
  typical <- if (length(unique(round(score - mean(score), 9))) <= 10 && any(same)) colMeans(x[same, , drop = FALSE])
    else colMeans(x) + as.numeric(S %*% b) / as.numeric(t(b) %*% S %*% b) * (wanted - mean(score))
  say_predicted(fit, typical)
}

say_wald <- function(b, V) {
  factors <- factors_of()
  for (f in unique(factors)) {
    j <- which(factors == f); value <- as.numeric(b[j] %*% solve(V[j, j, drop = FALSE], b[j]))
    say_all(list(statistic = value, df = length(j), p_value = pchisq(value, length(j), lower.tail = FALSE)), term = f)
  }
}
do_wald <- function(d) { fit <- model_of(d); say_wald(coef(fit), as.matrix(fit$var)) }

do_cox_zph <- function(d) {
  table <- cox.zph(model_of(d), transform = "km")$table
  for (f in rownames(table)) say_all(list(statistic = table[f, "chisq"], df = table[f, "df"], p_value = table[f, "p"]), term = if (f == "GLOBAL") -1 else as.integer(sub("m", "", f)))
}

do_cox_concordance <- function(d) say("estimate", concordance(model_of(d))$concordance)

# crr stops up to 2e-8 from its maximum, where its step-halving sees no more gain; begun at that of finegray's rows (the same equation) it has no way to go
crr_of <- function(d) {
  if (!have_cmprsk) stop("R has no package cmprsk")
  columns <- as.matrix(d[, paste0("x", seq_along(factors_of())), drop = FALSE]); cause <- as.integer(option("cause"))
  long <- finegray(Surv(time, factor(state, levels = 0:as.integer(option("states")))) ~ ., data = cbind(d[, c("time", "state")], row = seq_len(nrow(d))), etype = as.character(cause))
  begin <- coxph(Surv(fgstart, fgstop, fgstatus) ~ columns[row, , drop = FALSE], data = long, weights = fgwt, ties = "breslow", control = control)
  cmprsk::crr(d$time, d$state, columns, failcode = cause, cencode = 0, gtol = 1e-14, maxiter = 100, init = coef(begin))
}
do_fine_gray <- function(d) { fit <- crr_of(d); say_coefficients(fit$coef, sqrt(diag(fit$var))) }
do_fine_gray_wald <- function(d) { fit <- crr_of(d); say_wald(fit$coef, fit$var) }

# two treatments: x1 is 1 for the treated, the other columns are the confounders
weights_of <- function(d) {
  if (option("model") != "weighted") return(rep(1, nrow(d)))
  choice <- d[, grep("^x", names(d)), drop = FALSE]
  e <- unname(fitted(glm(x1 ~ ., family = binomial, data = choice, control = glm.control(epsilon = 1e-14, maxit = 100))))
  switch(option("estimand"), ATE = ifelse(d$x1 == 1, 1 / e, 1 / (1 - e)), ATT = ifelse(d$x1 == 1, 1, e / (1 - e)), overlap = ifelse(d$x1 == 1, 1 - e, e), stop("no such estimand"))
}
between <- function(gap, se, ...) say_all(list(estimate = gap, std_error = se, conf_low = gap - z * se, conf_high = gap + z * se, statistic = gap / se, p_value = 2 * pnorm(-abs(gap / se))), ...)
surv_of <- function(d, happened) if ("entry" %in% names(d)) Surv(d$entry, d$time, happened) else Surv(d$time, happened)
do_treatment_ratio <- function(d) for (k in seq_len(as.integer(option("states")))) {
  y <- surv_of(d, as.integer(d$state == k)); columns <- as.matrix(d[, grep("^x", names(d)), drop = FALSE])
  fit <- if (option("model") == "weighted") { w <- weights_of(d); coxph(y ~ x1, data = d, weights = w, cluster = seq_len(nrow(d)), control = control) }
    else if (option("model") == "adjusted") coxph(y ~ columns, control = control) else coxph(y ~ x1, data = d, control = control)
  b <- coef(fit)[[1]]; se <- sqrt(fit$var[1, 1])
  if (is.na(b)) stop("the coefficient can't be estimated")
  between(b, se, outcome = k, term = 1)
}
do_treatment_risk <- function(d) {
  weighted <- option("model") == "weighted"; several <- as.integer(option("states")); d$w <- weights_of(d); d$id <- seq_len(nrow(d))
  if (several > 1 && !weighted && !("entry" %in% names(d))) {
    if (!have_cmprsk) stop("R has no package cmprsk")
    fit <- cmprsk::cuminc(d$time, d$state, d$x1, cencode = 0)
    step <- function(g, k, time) { one <- fit[[paste(g, k)]]; i <- if (is.null(one)) NA else max(which(one$time <= time)); if (is.na(i)) c(0, 0) else c(one$est[i], one$var[i]) }
    for (k in seq_len(several)) for (time in asked_times()) {
      a <- step(1, k, time); b <- step(0, k, time)
      between(a[1] - b[1], sqrt(a[2] + b[2]), outcome = k, term = 1, time = time)
    }
    return(invisible())
  }
  d$y <- if (several > 1) surv_of(d, factor(d$state, levels = 0:several)) else surv_of(d, as.integer(d$state == 1))
  risks <- lapply(1:0, function(g) {
    own <- d[d$x1 == g, ]
    fit <- if (weighted) survfit(y ~ 1, data = own, weights = w, id = id, robust = TRUE)
      else if (several > 1) survfit(y ~ 1, data = own, id = id) else survfit(y ~ 1, data = own)
    at <- summary(fit, times = asked_times(), extend = TRUE)
    if (several > 1) list(p = at$pstate[, -1, drop = FALSE], se = at$std.err[, -1, drop = FALSE]) else list(p = matrix(1 - at$surv), se = matrix(at$std.err))
  })
  for (k in seq_len(several)) for (i in seq_along(asked_times()))
    between(risks[[1]]$p[i, k] - risks[[2]]$p[i, k], sqrt(risks[[1]]$se[i, k]^2 + risks[[2]]$se[i, k]^2), outcome = k, term = 1, time = asked_times()[i])
}
do_treatment_mean <- function(d) for (h in asked_times()) {
  d$w <- weights_of(d); d$id <- seq_len(nrow(d))
  m <- sapply(1:0, function(g) {
    own <- d[d$x1 == g, ]; own$y <- surv_of(own, as.integer(own$state == 1))
    if (option("model") != "weighted") { table <- summary(survfit(y ~ 1, data = own), rmean = h)$table; return(c(table[["rmean"]], table[["se(rmean)"]])) }
    f <- survfit(y ~ 1, data = own, weights = w, id = id, robust = TRUE, influence = 1)
    inside <- f$time < h; width <- diff(c(0, f$time[inside], h))
    move <- cbind(0, f$influence.surv[, inside, drop = FALSE]) %*% width
    c(sum(c(1, f$surv[inside]) * width), sqrt(sum(move^2)))
  })
  between(m[1, 1] - m[1, 2], sqrt(m[2, 1]^2 + m[2, 2]^2), outcome = 1, term = 1, time = h)
}

# the share with the event, or free of it; at 0 and 1, where log-log has no limits, the exact binomial edge
do_probability <- function(d) for (time in asked_times()) {
  cause <- option("cause"); events <- option("events") == "yes"
  at <- summary(if (cause == "") curve_of(d) else states_of(d), times = time, extend = TRUE)
  k <- as.integer(cause) + 1
  value <- if (cause == "") c(at$surv, at$lower, at$upper) else c(at$pstate[1, k], at$lower[1, k], at$upper[1, k])
  if (min(value[1], 1 - value[1]) < 1e-9) {
    there <- sum(d$time >= time & (if ("entry" %in% names(d)) d$entry < time | d$entry <= 0 else TRUE)) + sum(d$state > 0 & d$time < time)
    edge <- 0.025^(1 / max(there, 1))
    value[2:3] <- if (value[1] > 0.5) c(edge, 1) else c(0, 1 - edge)
  }
  if ((cause == "") == events) value <- c(1 - value[1], 1 - value[3], 1 - value[2])
  say_all(list(estimate = value[1], conf_low = value[2], conf_high = value[3]), time = time)
}

do_crossing <- function(d) {
  fit <- states_of(d); k <- as.integer(option("cause")) + 1
  first <- function(x) { there <- which(x >= 0.5 - 1e-9); if (length(there)) fit$time[there[1]] else NA }
  say_all(list(estimate = first(fit$pstate[, k]), conf_low = first(fit$upper[, k]), conf_high = first(fit$lower[, k])))
}

share <- function(k, n, quantity) {
  test <- if (n > 0) binom.test(k, n) else NULL
  say_all(list(estimate = if (n > 0) k / n else NA, conf_low = if (n > 0) test$conf.int[1] else NA, conf_high = if (n > 0) test$conf.int[2] else NA), quantity = quantity)
}
do_proportion <- function(d) {
  x <- as.numeric(d$value[d$value != ""])
  k <- sum(x == 1)
  share(if (option("complement") != "") length(x) - k else k, length(x), if (option("beside") != "") "" else "proportion")
}
do_early_deaths <- function(d) share(as.integer(option("k")), as.integer(option("n")), if (option("beside") != "") "" else "proportion")
do_days <- function(d) {
  x <- sort(as.numeric(d$value[d$value != ""])); r <- qbinom(0.025, length(x), 0.5); head <- if (option("beside") != "") "" else "median"
  q <- quantile(x, c(0.25, 0.5, 0.75), type = 7, names = FALSE)
  say_all(list(estimate = q[2], conf_low = if (r > 0) x[r] else NA, conf_high = if (r > 0) x[length(x) + 1 - r] else NA), quantity = head)
  if (head == "median") { say("estimate", q[1], quantity = "lower quartile"); say("estimate", q[3], quantity = "upper quartile") }
}
do_characteristic <- function(d) {
  if (option("numbers") == "") return(invisible())
  for (g in c(0, if ("group" %in% names(d)) setdiff(sort(unique(d$group)), 0))) {
    q <- quantile(as.numeric(part_of(d, g)$value), c(0.25, 0.5, 0.75), type = 7, names = FALSE, na.rm = TRUE)
    for (j in 1:3) say("estimate", q[j], quantity = c("lower quartile", "median", "upper quartile")[j], group = g)
  }
}

for (i in seq_len(nrow(tasks))) {
  task <- as.list(tasks[i, ])
  before <- length(found$lines)
  tryCatch({
    d <- if (task$file == "") NULL else read.csv(file.path(folder, task$file), na.strings = "NA")
    suppressWarnings(get(paste0("do_", task$verb))(d))
  }, error = function(e) {
    found$lines <- found$lines[seq_len(before)]
    found$lines[[before + 1]] <- paste(task$key, "", 0, 0, 0, "", "error", "", gsub("[\t\r\n]", " ", conditionMessage(e)), sep = "\t")
  })
}
writeLines(c(paste("key", "quantity", "outcome", "group", "term", "time", "name", "value", "message", sep = "\t"), unlist(found$lines)), file.path(folder, "answers.csv"))
cat(paste0("R ", getRversion(), ", survival ", packageVersion("survival"), if (have_cmprsk) paste0(", cmprsk ", packageVersion("cmprsk")) else ""), "\n")
