# Reference values for reference models, their expected events, and shrunken estimates: what R says.
#
#   cd tests/reference && Rscript case_mix.R
#
# survival 3.5: coxph run to convergence on one half of a data set, predict(type = "expected", se.fit = TRUE) on the other half.
# glm run to convergence, predict(type = "response"). Firth's logistic regression: brglm2 (type = "AS_mean", which is Firth's penalty
# for a logistic model), then the intercept found again by glm with an offset (FLIC). Beta-binomial and gamma-Poisson: Newton's method
# written here, on the logarithms of the parameters, with R's digamma and trigamma.
# Writes data/case_mix_*.csv and case_mix.json; the tests read these and need no R.

suppressMessages({library(survival); library(brglm2); library(Hmisc)})
stopifnot(packageVersion("survival") >= "3.5")
options(digits = 17)
run <- coxph.control(eps = 1e-14, toler.chol = 1e-15, iter.max = 100)
cell <- function(data, name) write.csv(data, file.path("data", name), row.names = FALSE, na = "", quote = FALSE)
found <- list()

# ---------------------------------------------------------------- times: lung, heavy ties (whole months), some enter late
lung <- survival::lung
lung <- data.frame(days = lung$time, dead = lung$status - 1, age = lung$age, sex = ifelse(lung$sex == 1, "male", "female"), ecog = lung$ph.ecog,
                   entered = 0)
lung <- lung[!is.na(lung$ecog), ]
lung$days <- pmax(lung$days %/% 30, 1) * 30
odd <- seq_len(nrow(lung)) %% 3 == 1
lung$entered[odd] <- pmax((lung$days[odd] %/% 90 - 1) * 30, 0)
lung$half <- ifelse(seq_len(nrow(lung)) %% 2 == 1, "learn", "new")
cell(lung, "case_mix_lung.csv")
lung <- read.csv("data/case_mix_lung.csv")
lung$sex <- factor(lung$sex)
bends <- function(age) { m <- rcspline.eval(age, knots = c(50, 60, 70), inclx = TRUE, norm = 2); colnames(m) <- NULL; m }
lung$age1 <- bends(lung$age)[, 1]; lung$age2 <- bends(lung$age)[, 2]
learn <- lung[lung$half == "learn", ]; new <- lung[lung$half == "new", ]
hazard <- function(formula, learn, new) {
  fit <- coxph(formula, data = learn, ties = "efron", control = run)
  p <- predict(fit, newdata = new, type = "expected", se.fit = TRUE)
  list(coefficients = unname(coef(fit)), covariance = unname(vcov(fit)), expected = unname(p$fit), std_error = unname(p$se.fit), n = fit$n, n_event = fit$nevent,
       observed = new$dead)
}
plain <- Surv(days, dead) ~ age + sex + ecog
found$cox_plain <- hazard(plain, learn, new)
found$cox_entry <- hazard(Surv(entered, days, dead) ~ age + sex, learn, new)
# predict()'s standard errors are wrong with delayed entry in survival 3.5-3 (it takes the variance at entry for that at exit): survfit() from
# the entry on instead, whose last step up to the exit has the standard error of H(exit) - H(entry)
fit <- coxph(Surv(entered, days, dead) ~ age + sex, data = learn, ties = "efron", control = run)
found$cox_entry$std_error <- sapply(seq_len(nrow(new)), function(i) {
  s <- survfit(fit, newdata = new[i, ], start.time = new$entered[i] + 1e-6)
  k <- sum(s$time <= new$days[i])
  if (k == 0) 0 else s$std.err[k]
})
found$cox_spline <- hazard(Surv(days, dead) ~ age1 + age2 + sex, learn, new)
cut <- function(d, h) { d$dead <- ifelse(d$days > h, 0, d$dead); d$days <- pmin(d$days, h); d }
found$cox_horizon <- hazard(Surv(days, dead) ~ age + sex, cut(learn, 365), cut(new, 365))

# ---------------------------------------------------------------- yes or no: birth weight
birth <- MASS::birthwt
birth <- data.frame(low = birth$low, age = birth$age, weight = birth$lwt, race = c("white", "black", "other")[birth$race], smoke = birth$smoke,
                    half = ifelse(seq_len(nrow(birth)) %% 2 == 1, "learn", "new"))
cell(birth, "case_mix_birth.csv")
birth <- read.csv("data/case_mix_birth.csv")
birth$race <- factor(birth$race, levels = c("white", "black", "other"))
yes_no <- function(formula, learn, new) {
  fit <- glm(formula, binomial, learn, control = glm.control(epsilon = 1e-15, maxit = 100))
  X <- model.matrix(delete.response(terms(fit)), new)
  p <- unname(predict(fit, new, type = "response"))
  # glm's covariance is that of its last but one step: the inverse information at the coefficients instead
  Z <- model.matrix(fit); q <- fitted(fit)
  V <- solve(crossprod(Z * sqrt(q * (1 - q))))
  g <- colSums(X * (p * (1 - p)))
  list(coefficients = unname(coef(fit)), covariance = unname(V), expected = p, variance = sum(g * (V %*% g)), log_likelihood = as.numeric(logLik(fit)))
}
half <- split(birth, birth$half)
found$glm <- yes_no(low ~ age + weight + race + smoke, half$learn, half$new)

firth <- function(formula, learn, new) {
  fit <- glm(formula, binomial, learn, method = "brglmFit", type = "AS_mean", control = list(epsilon = 1e-13, maxit = 5000))
  X <- model.matrix(fit); y <- fit$y
  b <- coef(fit)
  # brglm2 stops at a score of 1e-10: Newton on Firth's score (information in the place of its derivative) to the last digit
  for (i in 1:500) {
    p <- plogis(drop(X %*% b)); w <- p * (1 - p); V <- solve(crossprod(X * sqrt(w)))
    h <- w * rowSums((X %*% V) * X)
    step <- drop(V %*% crossprod(X, y - p + h * (0.5 - p)))
    b <- b + step
    if (max(abs(step)) < 1e-14) break
  }
  stopifnot(max(abs(b - coef(fit))) < 1e-6)
  p <- plogis(drop(X %*% b)); I <- crossprod(X * sqrt(p * (1 - p)))
  value <- sum(y * log(p) + (1 - y) * log(1 - p)) + as.numeric(determinant(I)$modulus) / 2
  eta <- drop(X %*% b)
  again <- glm(y ~ 1 + offset(eta), family = binomial, control = glm.control(epsilon = 1e-15, maxit = 100))
  flic <- b; flic[1] <- b[1] + coef(again)[1]
  list(firth = unname(b), coefficients = unname(flic), penalised_log_likelihood = value,
       expected = unname(plogis(drop(model.matrix(delete.response(terms(fit)), new) %*% flic))))
}
found$firth <- firth(low ~ age + weight + race + smoke, half$learn, half$new)
# a level with no event at all: nobody black among the learners has it
empty <- half$learn[!(half$learn$race == "black" & half$learn$low == 1), ]
empty$row <- as.integer(rownames(empty))
found$firth_empty <- c(firth(low ~ weight + race, empty, half$new), list(rows = empty$row))

# the published example: 79 patients with endometrial cancer, neovascularisation separates (Heinze and Schemper 2002, doi 10.1002/sim.1047)
data("endometrial", package = "brglm2")
cell(endometrial, "case_mix_endometrial.csv")
found$endometrial <- firth(HG ~ NV + PI + EH, endometrial, endometrial)

# ---------------------------------------------------------------- shrinkage
newton <- function(at, slope) {
  for (i in 1:200) {
    f <- slope(at)
    J <- sapply(1:2, function(j) { h <- 1e-5; e <- replace(c(0, 0), j, h)
      (8 * (slope(at + e) - slope(at - e)) - (slope(at + 2 * e) - slope(at - 2 * e))) / (12 * h) })
    step <- solve(J, f); at <- at - step
    if (max(abs(step)) < 1e-13) break
  }
  exp(at)
}
beta_binomial <- function(k, n) {
  slope <- function(at) { a <- exp(at[1]); b <- exp(at[2])
    c(a * sum(digamma(a + k) - digamma(a) + digamma(a + b) - digamma(a + b + n)),
      b * sum(digamma(b + n - k) - digamma(b) + digamma(a + b) - digamma(a + b + n))) }
  m <- sum(k) / sum(n)
  start <- optim(log(c(60 * m, 60 * (1 - m))), function(at) -sum(lbeta(exp(at[1]) + k, exp(at[2]) + n - k) - lbeta(exp(at[1]), exp(at[2]))))$par
  p <- newton(start, slope)
  list(events = k, size = n, prior = p, log_likelihood = sum(lbeta(p[1] + k, p[2] + n - k) - lbeta(p[1], p[2])),
       estimate = (p[1] + k) / (sum(p) + n), low = qbeta(.025, p[1] + k, p[2] + n - k), high = qbeta(.975, p[1] + k, p[2] + n - k))
}
gamma_poisson <- function(o, e) {
  slope <- function(at) { a <- exp(at[1]); b <- exp(at[2])
    c(a * sum(digamma(a + o) - digamma(a) + log(b / (b + e))), sum(a - (a + o) * b / (b + e))) }
  value <- function(at) -sum(dnbinom(o, size = exp(at[1]), prob = exp(at[2]) / (exp(at[2]) + e), log = TRUE))
  p <- newton(optim(log(c(4, 4)), value)$par, slope)
  list(events = o, size = e, prior = p, log_likelihood = -value(log(p)), estimate = (p[1] + o) / (p[2] + e),
       low = qgamma(.025, p[1] + o, p[2] + e), high = qgamma(.975, p[1] + o, p[2] + e), above = pgamma(1, p[1] + o, p[2] + e, lower.tail = FALSE))
}
found$beta_binomial <- beta_binomial(c(14, 9, 23, 5, 2, 31, 12, 4, 19, 7, 11, 3), c(60, 41, 102, 35, 20, 96, 48, 33, 64, 51, 28, 22))
found$gamma_poisson <- gamma_poisson(c(3, 14, 2, 25, 8, 1, 19, 9), c(7.1, 8.3, 5.2, 14.9, 9.6, 3.8, 10.2, 9.9))
found$beta_binomial_2 <- beta_binomial(c(0, 12, 3, 25, 1), c(30, 41, 22, 60, 18))
found$gamma_poisson_2 <- gamma_poisson(c(0, 31, 4, 12, 60), c(4.2, 18.5, 9.1, 11.7, 41.3))

# ---------------------------------------------------------------- funnel limits with an estimated expectation: negative binomial
line <- function(q, E, V) {
  s <- E^2 / V
  r <- qnbinom(q - 1e-12, size = s, mu = E)
  (r - (pnbinom(r, size = s, mu = E) - q) / dnbinom(r, size = s, mu = E)) / E
}
E <- c(3.3, 12.5, 40.1); V <- c(1.1, 4.7, 0.9)
found$estimated <- list(E = E, V = V, low = pmax(0, line(.025, E, V)), high = line(.975, E, V), outer_low = pmax(0, line(.001, E, V)), outer_high = line(.999, E, V))

# 17 significant digits, no package needed
to_json <- function(value) {
  if (is.list(value)) return(paste0("{", paste0("\"", names(value), "\": ", vapply(value, to_json, ""), collapse = ", "), "}"))
  if (is.matrix(value)) return(paste0("[", paste(apply(value, 1, to_json), collapse = ", "), "]"))
  text <- formatC(as.numeric(value), digits = 17, format = "g", width = 1)
  if (length(value) == 1) text else paste0("[", paste(text, collapse = ", "), "]")
}
writeLines(paste0("{\n", paste0("\"", names(found), "\": ", vapply(found, to_json, ""), collapse = ",\n"), "\n}"), "case_mix.json")
