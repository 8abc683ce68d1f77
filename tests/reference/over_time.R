# Reference values for charts over time: base R 4.2.2, rms 6.5-0, surveillance 1.20.3.
#
#   cd tests/reference && Rscript over_time.R
#
# writes over_time.json. The tests read that file; they need no R. Nothing here is read from the package: paths by the recursion of
# Steiner and of Biswas and Kalbfleisch, limits by brute force (all 2^N histories of small N) and by simulation, Firth's logistic
# model by maximising the penalised likelihood with optim.

suppressPackageStartupMessages({ library(rms); library(jsonlite); library(surveillance) })

# ---------------------------------------------------------------- Steiner's chart: paths with restart

weights <- function(y, p, R) y * log(R) - log(1 - p + R * p)
path <- function(y, p, R, h) {
  W <- weights(y, p, R); s <- 0; S <- numeric(length(y)); signal <- logical(length(y))
  for (i in seq_along(y)) {
    S[i] <- max(0, s + W[i]); signal[i] <- S[i] >= h - 1e-9
    s <- if (signal[i]) 0 else S[i]
  }
  list(y = y, p = p, R = R, h = h, S = S, signals = which(signal), gap = cumsum(y - p))
}
set.seed(20261122)
paths <- list()
for (R in c(2, 3, 0.5)) for (h in c(1.2, 2.5)) {
  p <- round(runif(70, 0.05, 0.45), 4); y <- rbinom(70, 1, if (R > 1) pmin(p * 1.8, 0.9) else p / 2)
  paths[[length(paths) + 1]] <- path(y, p, R, h)
}

# ---------------------------------------------------------------- exact limits by brute force: all 2^N histories

brute <- function(N, p, R, alpha) {
  Y <- as.matrix(expand.grid(rep(list(0:1), N))); W1 <- log(R) - log(1 - p + R * p); W0 <- -log(1 - p + R * p)
  s <- rep(0, nrow(Y)); top <- s
  for (i in 1:N) { s <- pmax(0, s + ifelse(Y[, i] == 1, W1, W0)); top <- pmax(top, s) }
  k <- rowSums(Y); pr <- p^k * (1 - p)^(N - k); q <- R * p / (1 - p + R * p); pr1 <- q^k * (1 - q)^(N - k)
  top <- round(top, 10); values <- sort(unique(top)); reach <- sapply(values, function(v) sum(pr[top >= v]))
  j <- which(reach <= alpha)[1]
  if (is.na(j)) return(list(N = N, p = p, R = R, alpha = alpha, none = TRUE))
  list(N = N, p = p, R = R, alpha = alpha, none = FALSE, h = values[j], false_alarm = reach[j], below = values[j - 1], false_alarm_below = reach[j - 1],
       detection = sum(pr1[top >= values[j]]))
}
exact <- list()
for (N in c(3, 8, 12, 16)) for (p in c(0.1, 0.22, 0.5)) for (R in c(2, 3, 0.5)) for (alpha in c(0.05, 0.2)) exact[[length(exact) + 1]] <- brute(N, p, R, alpha)
# steps up and down of the same size: p = 1/3, R = 4 gives ln 2 and -ln 2, and every value is a tie
for (N in c(10, 15)) exact[[length(exact) + 1]] <- brute(N, 1 / 3, 4, 0.1)

# ---------------------------------------------------------------- Steiner's limits: surveillance's Markov grid, and simulation with differing risks

runlength <- lapply(list(c(60, 1.5), c(60, 3), c(60, 3.42044270203), c(100, 3.948708924422), c(100, 4.5)), function(a) {
  pi0 <- matrix(c(0.78, 0.22), 2); pi1 <- 2 * 0.22 / (1 + 0.22); pi1 <- matrix(c(1 - pi1, pi1), 2)
  n <- a[1]
  capture.output(found <- LRCUSUM.runlength(mu = matrix(rep(0.22, n), 1), mu0 = matrix(rep(0.22, n), 1), mu1 = matrix(rep(pi1[2, 1], n), 1), h = a[2],
                             dfun = function(y, size, mu, log = FALSE) dbinom(y, 1, mu, log = log), n = rep(1, n), g = 200))
  list(N = n, h = a[2], false_alarm = sum(found$pmf[1:n]))
})
p <- c(0.1, 0.205, 0.31, 0.115, 0.22, 0.325, 0.13, 0.235, 0.34, 0.145); p <- rep(p, 6)
sims <- 200000; set.seed(20261123); s <- rep(0, sims); top <- s
for (i in seq_along(p)) { y <- runif(sims) < p[i]; s <- pmax(0, s + weights(y, p[i], 2)); top <- pmax(top, s) }
top <- sort(top); half <- sqrt(sims * 0.05 * 0.95)
differing <- list(p = p, h = top[sims * 0.95 + 1], h_se = (top[sims * 0.95 + half] - top[sims * 0.95 - half]) / 2,
                  tail = lapply(c(2.5, 3, 3.5), function(h) list(h = h, reach = mean(top >= h))), simulations = sims)

# ---------------------------------------------------------------- Biswas and Kalbfleisch: the definition, max over all k, on a fine path

weibull <- function(t, shape, scale) (t / scale)^shape
bk <- function(entry, time, death, H, end, theta) {
  stop <- pmin(time, end - entry); counted <- death == 1 & time <= stop + 1e-9
  Lam <- function(s) sapply(s, function(d) sum(H(pmax(0, pmin(d - entry, stop)))))
  days <- sort((entry + stop)[counted]); N <- seq_along(days); L <- Lam(days)
  # G(s) = theta N(s) - c Lam(s) - min over k <= s of the same; its lowest points are at 0 and just before each death
  after <- theta * N - (exp(theta) - 1) * L; before <- after - theta
  low <- cummin(c(0, before)); low <- low[-1]
  list(entry = entry, time = time, death = death, end = end, theta = theta, day = days, expected = L, before = before - low, after = after - low,
       total = Lam(end))
}
set.seed(20261124)
survival <- lapply(1:4, function(j) {
  entry <- round(sort(runif(30, 0, 48)), 3); x <- round(rweibull(30, 1.3, 30), 3); follow <- round(runif(30, 20, 70), 3)
  out <- bk(entry, pmin(x, follow), as.integer(x <= follow), function(t) weibull(t, 1.2, 45), c(60, 72, 90, 130)[j], log(c(2, 1.5, 3, 2)[j]))
  out$shape <- 1.2; out$scale <- 45; out
})
entry <- seq(0.5, 59.5, 1); sims <- 20000; set.seed(20261125); lambda <- log(2) / 38
top <- replicate(sims, {
  x <- rexp(60, lambda); t <- pmin(x, 84 - entry)
  max(0, bk(entry, t, as.integer(x <= 84 - entry), function(t) lambda * t, 84, log(2))$after)
})
top <- sort(top); half <- sqrt(sims * 0.05 * 0.95)
survival_limit <- list(entry = entry, median = 38, end = 84, h = top[sims * 0.95 + 1], h_se = (top[sims * 0.95 + half] - top[sims * 0.95 - half]) / 2,
                       simulations = sims)

# ---------------------------------------------------------------- learning curves

firth <- function(x, y, held = NULL) {
  value <- function(b) { eta <- drop(x %*% b); w <- plogis(eta) * plogis(-eta)
    sum(y * plogis(eta, log.p = TRUE) + (1 - y) * plogis(-eta, log.p = TRUE)) + 0.5 * as.numeric(determinant(t(x) %*% (w * x))$modulus) }
  if (is.null(held)) {
    o <- optim(c(0, 0), function(b) -value(b), method = "BFGS", control = list(reltol = 1e-16, maxit = 5000))
    for (i in 1:20) o <- optim(o$par, function(b) -value(b), method = "Nelder-Mead", control = list(reltol = 1e-16, maxit = 5000))
    list(b = o$par, value = -o$value)
  } else optimize(function(a) value(c(a, held)), c(-60, 60), maximum = TRUE, tol = 1e-12)$objective
}
set.seed(20261126)
learning <- lapply(list(c(20, 0.5, 0), c(45, 0.6, -0.3), c(60, 0.5, -0.35), c(100, 0.3, 0), c(30, 0.1, 0)), function(a) {
  n <- a[1]; i <- 1:n; y <- rbinom(n, 1, plogis(qlogis(a[2]) + a[3] * log2(i)))
  x <- cbind(1, log2(i)); f <- firth(x, y); quantile <- qchisq(0.95, 1)
  rest <- function(v) 2 * (f$value - firth(x, y, v)) - quantile
  se <- 1; limits <- c(uniroot(rest, c(f$b[2] - 8, f$b[2]), tol = 1e-11)$root, uniroot(rest, c(f$b[2], f$b[2] + 8), tol = 1e-11)$root)
  ml <- glm(y ~ log2(i), binomial, control = glm.control(epsilon = 1e-14, maxit = 100))
  ml <- glm(y ~ log2(i), binomial, start = coef(ml), control = glm.control(epsilon = 1e-14, maxit = 100))  # vcov is of the weights one step before the last
  knots <- as.numeric(quantile(i, c(.1, .5, .9))); basis <- rcs(i, knots)
  bent <- glm(y ~ basis[, 1] + basis[, 2], binomial, control = glm.control(epsilon = 1e-14, maxit = 100))
  at <- unique(round(seq(1, n, length = 7), 1))
  kernel <- sapply(at, function(c0) { w <- exp(-((i - c0) / 8)^2 / 2); sum(w * y) / sum(w) })
  eff <- sapply(at, function(c0) { w <- exp(-((i - c0) / 8)^2 / 2); sum(w)^2 / sum(w^2) })
  z <- qnorm(.975); mid <- kernel + z^2 / (2 * eff); half <- z * sqrt(kernel * (1 - kernel) / eff + z^2 / (4 * eff^2))
  list(y = y, at = at, kernel = kernel, effective = eff, low = (mid - half) / (1 + z^2 / eff), high = (mid + half) / (1 + z^2 / eff),
       firth = f$b, firth_value = f$value, limits = limits, penalised_lr = 2 * (f$value - firth(x, y, 0)),
       ml = as.numeric(coef(ml)), ml_se = as.numeric(sqrt(diag(vcov(ml)))), ml_loglik = as.numeric(logLik(ml)), ml_lr = ml$null.deviance - ml$deviance,
       knots = knots, basis = unclass(basis)[, 1:2], rcs = as.numeric(coef(bent)), rcs_loglik = as.numeric(logLik(bent)),
       rcs_lr = bent$null.deviance - bent$deviance)
})

write(toJSON(list(about = "Rscript over_time.R", versions = list(R = as.character(getRversion()), rms = as.character(packageVersion("rms")),
  surveillance = as.character(packageVersion("surveillance"))), paths = paths, exact = exact, runlength = runlength, differing = differing,
  survival = survival, survival_limit = survival_limit, learning = learning), auto_unbox = TRUE, digits = I(17), na = "null"), "over_time.json")
