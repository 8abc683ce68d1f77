# Reference values for time_dependent_auc(), brier_score(), integrated_brier(), calibration() and decision_curve():
# riskRegression 2022.11.28 (Score), prodlim (jackknife), geepack (geese), Hmisc (rcspline.eval) and survival 3.5-3.
#
#   Rscript tests/reference/validation.R
#
# reads data sets that other scripts wrote (data/*.csv) and writes validation.json. The tests read validation.json; they need no R.
# The predicted risks are formulas of one covariate, the same here and in the tests: 1 - exp(-a t exp(b (x - c))). What they are is beside
# the point; good, bad and tied ones are wanted. "grid" rounds them to a twentieth, so that many are tied and some are 0.
#
# Two things of R's are stepped around, because they are slips of its own (riskRegression 2022.11.28): with competing events the influence
# function of the AUC takes the event coded 1 for the case whatever `cause` is, and knows no third event. So the event asked about is
# coded 1 here, and all others 2. And geese inverts D'D, which loses half the digits of a spline's covariance: it is computed by QR.

suppressMessages({ library(riskRegression); library(prodlim); library(survival); library(geepack); library(Hmisc) })
here <- dirname(sub("^--file=", "", grep("^--file=", commandArgs(FALSE), value = TRUE)[1]))
setwd(here)

ask <- function(name, data, time, state, times, x, z, keep = NULL, cause = 1, grid = FALSE, knots = 4, calibrated = TRUE, a, b, c, za, zb, zc)
  list(name = name, data = data, time = time, state = state, times = times, x = x, z = z, keep = keep, cause = cause, grid = grid,
       knots = knots, calibrated = calibrated, abc = c(a, b, c), zabc = c(za, zb, zc))

questions <- list(
  ask("aml", "curves_aml", "time", "status", c(10, 20, 30), "row", "arm", a = 0.02, b = -0.05, c = 10, za = 0.025, zb = 0.6, zc = 0.5,
      calibrated = FALSE),
  ask("lung_months", "cox_lung", "months", "dead", c(5, 10, 20), "age", "ph.ecog", a = 0.05, b = 0.03, c = 60, za = 0.04, zb = 0.5, zc = 1),
  ask("lung_days", "cox_lung", "days", "dead", c(180, 365, 730), "age", "ph.karno", a = 0.0018, b = 0.02, c = 62, za = 0.0016, zb = -0.02, zc = 80),
  ask("lung_grid", "cox_lung", "months", "dead", c(6, 12), "age", "ph.karno", a = 0.05, b = 0.05, c = 60, za = 0.05, zb = -0.03, zc = 80, grid = TRUE,
      calibrated = FALSE),
  ask("veteran", "cox_veteran", "time", "status", c(30, 100, 250), "karno", "age", a = 0.008, b = -0.03, c = 60, za = 0.008, zb = 0.01, zc = 60),
  ask("gbsg", "concordance_gbsg", "rfstime", "status", c(365, 1000, 1826, 2500), "nodes", "pgr", a = 0.0004, b = 0.06, c = 5, za = 0.0004, zb = -0.002, zc = 100),
  ask("flchain", "cox_flchain", "futime", "death", c(1000, 3000, 4500), "age", "kappa", a = 0.00006, b = 0.1, c = 65, za = 0.00007, zb = 0.2, zc = 1.4,
      calibrated = FALSE),
  ask("melanoma", "fine_gray_melanoma", "days", "state", c(1000, 1500, 2500), "thick", "age", a = 0.0001, b = 0.15, c = 3, za = 0.0001, zb = 0.01, zc = 52),
  ask("melanoma_other", "fine_gray_melanoma", "days", "state", c(1500, 3000), "age", "thick", cause = 2, a = 0.00003, b = 0.05, c = 52, za = 0.00003,
      zb = 0.05, zc = 3),
  ask("transplant", "fine_gray_transplant", "days", "state", c(50, 200, 600), "age", "year", a = 0.005, b = -0.005, c = 50, za = 0.005, zb = -0.1, zc = 1994),
  ask("pbc_death", "fine_gray_pbc", "days", "state", c(1000, 2500, 3600), "albumin", "bili", cause = 2, a = 0.0001, b = -1.2, c = 3.5, za = 0.0001,
      zb = 0.12, zc = 3, knots = 3),
  ask("mgus_death_months", "fine_gray_mgus", "months", "state", c(24, 60, 120), "age", "hgb", cause = 2, a = 0.006, b = 0.06, c = 70, za = 0.006,
      zb = -0.1, zc = 13),
  ask("mgus_grid", "fine_gray_mgus", "months", "state", c(60, 120, 240), "mspike", "age", a = 0.001, b = 0.8, c = 1.2, za = 0.001, zb = 0.01, zc = 70,
      grid = TRUE, calibrated = FALSE),
  ask("paquid", "fine_gray_paquid", "years", "state", c(3, 6, 10), "mmse", "dsst", a = 0.02, b = -0.1, c = 25, za = 0.02, zb = -0.03, zc = 25))

# ---------------------------------------------------------------- answers

risks <- function(x, abc, times, grid) {
  r <- sapply(times, function(t) 1 - exp(-abc[1] * t * exp(abc[2] * (x - abc[3]))))
  if (grid) r <- pmin(round(r * 20) / 20, 1)
  r
}

observed <- function(time, state, several, at) {  # estimate, standard error and log-log limits, as survfit gives them
  if (max(time) < at && any(state[time == max(time)] == 0)) return(rep(NA, 4))
  if (several) {
    fit <- survfit(Surv(time, factor(state, 0:2)) ~ 1, conf.type = "log-log")
    s <- summary(fit, times = at, extend = TRUE)
    p <- s$pstate[1, 2]; se <- s$std.err[1, 2]
  } else {
    s <- summary(survfit(Surv(time, state) ~ 1), times = at, extend = TRUE)
    p <- 1 - s$surv; se <- s$std.err
  }
  w <- qnorm(0.975) * se / (p * log(p))  # F ^ exp(-+)
  if (!several) {
    q <- 1 - p; w <- qnorm(0.975) * se / (q * log(q))
    return(c(p, se, 1 - q^exp(w), 1 - q^exp(-w)))
  }
  if (p == 0) c(p, se, NA, NA) else c(p, se, p^exp(-w), p^exp(w))
}

calibrated <- function(data, m, r, at) {
  several <- any(data$state > 1)
  f <- prodlim(Hist(time, state) ~ 1, data = data)
  q <- if (several) as.numeric(jackknife(f, times = at, cause = 1)) else 1 - as.numeric(jackknife(f, times = at))
  cll <- log(-log(1 - r))
  control <- geese.control(epsilon = 1e-13, maxit = 500)
  frame <- data.frame(q = q, cll = cll, id = seq_along(q))
  level <- geese(q ~ offset(cll), data = frame, id = id, scale.fix = TRUE, family = gaussian, mean.link = "cloglog", corstr = "independence",
                 control = control, b = 0)
  slope <- geese(q ~ cll, data = frame, id = id, scale.fix = TRUE, family = gaussian, mean.link = "cloglog", corstr = "independence",
                 control = control, b = c(0, 1))
  basis <- rcspline.eval(cll, nk = m$knots, inclx = TRUE, norm = 2)
  colnames(basis) <- paste0("s", seq_len(ncol(basis)))
  wide <- cbind(frame, basis)
  bent <- geese(as.formula(paste("q ~", paste(colnames(basis), collapse = "+"))), data = wide, id = id, scale.fix = TRUE, family = gaussian,
                mean.link = "cloglog", corstr = "independence", control = control, b = c(slope$beta, rep(0, m$knots - 2)))
  eta <- seq(sort(r)[5], sort(r, decreasing = TRUE)[5], length.out = 11)
  made <- cbind(1, rcspline.eval(log(-log(1 - eta)), knots = attr(basis, "knots"), inclx = TRUE, norm = 2))
  lp <- as.numeric(made %*% bent$beta); 
  full <- cbind(1, basis); at_rows <- as.numeric(full %*% bent$beta)
  slopes <- qr(exp(at_rows - exp(at_rows)) * full)
  step <- backsolve(qr.R(slopes), crossprod(qr.Q(slopes), q - 1 + exp(-exp(at_rows))))
  stopifnot(abs(step) < 1e-7 * max(abs(bent$beta)))  # geese can run off, as from risks by bilirubin, whose lowest bunch
  back <- backsolve(qr.R(slopes), t(made)[slopes$pivot, ], transpose = TRUE)  # of the rows asked for
  se <- sqrt(colSums(crossprod(crossprod(qr.Q(slopes) * (q - 1 + exp(-exp(at_rows)))), back) * back))
  smooth <- 1 - exp(-exp(as.numeric(cbind(1, basis) %*% bent$beta)))
  away <- abs(smooth - r)
  whole <- observed(data$time, data$state, several, at)
  breaks <- unique(quantile(r, 1:4 / 5, names = FALSE))
  group <- findInterval(r, breaks, left.open = TRUE)
  groups <- t(sapply(sort(unique(group)), function(g) c(sum(group == g), mean(r[group == g]), observed(data$time[group == g], data$state[group == g], several, at))))
  list(at = at, pseudo_sum = sum(q), pseudo_squares = sum(q^2), pseudo = head(q, 40), intercept = c(unname(level$beta), sqrt(level$vbeta)),
       slope = c(unname(slope$beta[2]), sqrt(slope$vbeta[2, 2])), curve = cbind(eta, 1 - exp(-exp(lp)), 1 - exp(-exp(lp - qnorm(.975) * se)),
       1 - exp(-exp(lp + qnorm(.975) * se))), distances = c(mean(away), median(away), quantile(away, 0.9, names = FALSE)),
       observed = whole, expected = mean(r), groups = groups)
}

decided <- function(data, m, r, at) {
  several <- any(data$state > 1)
  t(sapply(c(0.05, 0.1, 0.2, 0.3, 0.5), function(p) {
    chosen <- r >= p
    share <- mean(chosen)
    f <- if (any(chosen)) observed(data$time[chosen], data$state[chosen], several, at)[1] else 0
    all <- observed(data$time, data$state, several, at)[1]
    c(p, sum(chosen), share * f - share * (1 - f) * p / (1 - p), all - (1 - all) * p / (1 - p))
  }))
}

answer <- function(m) {
  raw <- read.csv(file.path("data", paste0(m$data, ".csv")))
  raw$row <- seq_len(nrow(raw))
  x <- if (is.character(raw[[m$x]])) as.numeric(factor(raw[[m$x]])) - 1 else raw[[m$x]]
  z <- if (is.character(raw[[m$z]])) as.numeric(factor(raw[[m$z]])) - 1 else raw[[m$z]]
  fine <- complete.cases(x, z, raw[[m$time]], raw[[m$state]])
  data <- data.frame(time = raw[[m$time]], state = raw[[m$state]])[fine, ]
  data$time <- aeqSurv(Surv(data$time, data$state > 0))[, 1]  # times that differ by rounding are one, as survival has it
  data$state <- ifelse(data$state == 0, 0, ifelse(data$state == m$cause, 1, 2))
  one <- risks(x[fine], m$abc, m$times, m$grid); two <- risks(z[fine], m$zabc, m$times, m$grid)
  s <- suppressMessages(Score(list(one = one, two = two), Hist(time, state) ~ 1, data = data, times = m$times, cause = 1,
             metrics = c("auc", "brier"), conservative = FALSE, null.model = TRUE, contrasts = TRUE, summary = c("ibs", "ipa")))
  auc <- as.data.frame(s$AUC$score); brier <- as.data.frame(s$Brier$score)
  of <- function(frame, who, columns) as.matrix(frame[frame$model == who, columns])
  dauc <- as.data.frame(s$AUC$contrasts); dbrier <- as.data.frame(s$Brier$contrasts)
  pair <- function(frame, column) as.matrix(frame[frame$model == "two" & frame$reference == "one", c(column, "se")])
  out <- c(m, list(n = nrow(data), auc = of(auc, "one", c("AUC", "se")), brier = of(brier, "one", c("Brier", "se", "IBS", "IPA")),
                   null = of(brier, "Null model", c("Brier", "se", "IBS")), auc_two = of(auc, "two", c("AUC", "se")),
                   auc_difference = pair(dauc, "delta.AUC"), brier_difference = pair(dbrier, "delta.Brier")))
  middle <- (length(m$times) + 1) %/% 2
  if (m$calibrated) out$calibration <- calibrated(data, m, one[, middle], m$times[middle])
  out$decision <- decided(data, m, one[, middle], m$times[middle])
  out
}

# ---------------------------------------------------------------- JSON, 17 significant digits, no package needed

to_json <- function(value) {
  if (is.null(value)) return("null")
  if (is.list(value)) {
    parts <- vapply(value, to_json, "")
    if (is.null(names(value))) return(paste0("[", paste(parts, collapse = ", "), "]"))
    return(paste0("{", paste0("\"", names(value), "\": ", parts, collapse = ", "), "}"))
  }
  if (is.matrix(value)) return(paste0("[", paste(apply(value, 1, function(row) to_json(as.list(unname(row)))), collapse = ", "), "]"))
  text <- if (is.character(value)) paste0("\"", value, "\"") else if (is.logical(value) && !anyNA(value)) tolower(as.character(value)) else
    ifelse(is.na(value), "null", formatC(as.numeric(value), digits = 17, format = "g", width = 1))
  if (length(value) == 1) text else paste0("[", paste(text, collapse = ", "), "]")
}

answers <- lapply(questions, answer)
packages <- vapply(c("riskRegression", "prodlim", "geepack", "Hmisc", "survival"), function(p) paste(p, packageVersion(p)), "")
writeLines(c("{", paste0("\"version\": ", to_json(paste(c(packages, paste("R", getRversion())), collapse = ", ")), ","),
             paste0("\"questions\": [\n", paste(vapply(answers, to_json, ""), collapse = ",\n"), "\n]"), "}"), "validation.json")
cat(length(answers), "questions of", length(unique(vapply(questions, `[[`, "", "data"))), "data sets\n")
