# Reference values for profiles() and nomogram(): survival 3.5-3 (survfit of a coxph for new patients, quantile) and rms 6.5-0 (nomogram).
#
#   Rscript tests/reference/prediction.R
#
# reads data sets that other scripts wrote (data/cox_lung.csv, data/cox_pbc.csv) and writes prediction.json, 17 digits. The tests read prediction.json; they need no R.
# coxph runs to convergence; cph is given the coefficients of such a coxph, so that its own convergence (1e-4) plays no part.

suppressMessages({ library(rms); library(jsonlite) })
stopifnot(packageVersion("survival") >= "3.5", packageVersion("rms") >= "6.5")
here <- dirname(sub("^--file=", "", grep("^--file=", commandArgs(FALSE), value = TRUE)[1]))
setwd(here)
options(digits = 17, warn = 1)
tight <- coxph.control(eps = 1e-14, toler.chol = 1e-15, iter.max = 100)
lung <- read.csv("data/cox_lung.csv"); lung$sex <- factor(lung$sex)
pbc <- read.csv("data/cox_pbc.csv"); pbc$sex <- factor(pbc$sex); pbc$trt <- factor(pbc$trt); pbc$edema <- factor(pbc$edema)
set <- function(data, ...) { d <- data[, c(...)]; data[complete.cases(d), ] }

# -- predicted survival of profiles ----------------------------------------------------------------------------------
predicted <- function(name, data, terms, formula, newdata, times, keep) {
  patients <<- set(data, keep)
  fit <- coxph(formula, patients, control = tight)
  curves <- lapply(seq_len(nrow(newdata)), function(i) {
    curve <- survfit(fit, newdata[i, , drop = FALSE], conf.type = "log-log")
    at <- summary(curve, times = times)
    middle <- quantile(curve, 0.5)
    list(survival = at$surv, std_error = at$std.err, low = at$lower, high = at$upper,
         median = c(middle$quantile, middle$lower, middle$upper))
  })
  list(name = name, terms = terms, newdata = newdata, times = times, curves = curves)
}
profiles <- list(
  predicted("lung", lung, c("age", "sex", "ph.ecog"), Surv(days, dead) ~ age + sex + ph.ecog,
            data.frame(age = c(50, 62, 75, 82), sex = c("female", "male", "female", "male"), ph.ecog = c(0, 1, 2, 3)), c(90, 365, 730),
            c("age", "sex", "ph.ecog")),
  predicted("lung_interaction", lung, c("age", "sex*wt.loss"), Surv(months, dead) ~ age + sex * wt.loss,
            data.frame(age = c(50, 70), sex = c("female", "male"), wt.loss = c(-5, 30)), c(6, 12, 24), c("age", "sex", "wt.loss")),
  predicted("pbc_strata", pbc, c("sex", "bili", "edema"), Surv(time, dead) ~ sex + bili + edema + strata(trt),
            data.frame(sex = c("f", "m", "f"), bili = c(0.5, 2, 20), edema = factor(c(0, 0.5, 1)), trt = factor(c(1, 2, 1))), c(365, 1826, 3000),
            c("sex", "bili", "edema", "trt")))

# -- nomograms ----------------------------------------------------------------------------------------------------------
drawn <- function(name, data, terms, plain, special, values, times, keep) {
  patients <<- set(data, keep)
  dd <<- datadist(patients); options(datadist = "dd")
  exact <- coxph(plain, patients, control = tight)
  fit <- cph(special, patients, x = TRUE, y = TRUE, surv = TRUE, eps = 1e-12, tol = 1e-14, iter.max = 100)
  stopifnot(max(abs(unname(coef(fit)) - unname(coef(exact)))) < 1e-7)
  mean <- sum(exact$means * coef(exact))
  fit$coefficients[] <- coef(exact); fit$center <- mean
  made <- do.call(nomogram, c(list(fit), values, list(lp = TRUE, maxscale = 100)))
  sets <- made[!names(made) %in% c("total.points", "lp") & !grepl("^fun|^Fun|Linear", names(made))]
  rulers <- lapply(names(sets), function(one) { r <- sets[[one]]; list(name = one, values = as.character(r[[1]]), points = r$points) })
  lp <- made$lp
  at <- summary(survfit(exact, conf.type = "none"), times = times)$surv  # of the mean patient
  scores <- lp$x.real
  list(name = name, terms = terms, values = values, rulers = rulers, total = lp$x, linear_predictor = scores, times = times,
       survival = outer(scores, seq_along(times), function(l, k) at[k] ^ exp(l)))
}
fine <- function(x) seq(min(x), max(x), length.out = 201)
whole <- set(lung, "age", "sex", "ph.ecog", "wt.loss")
knots <- c(48, 59, 66, 75)
nomograms <- list(
  drawn("levels", lung, c("sex", "ph.ecog"), Surv(days, dead) ~ sex + ph.ecog, Surv(days, dead) ~ sex + ph.ecog, list(ph.ecog = c(0, 1, 2, 3)),
        c(180, 365), c("sex", "ph.ecog")),
  drawn("number", lung, c("age", "sex", "ph.ecog"), Surv(days, dead) ~ age + sex + ph.ecog, Surv(days, dead) ~ age + sex + ph.ecog,
        list(age = c(40, 50, 60, 70, 80), ph.ecog = c(0, 1, 2, 3)), c(180, 365), c("age", "sex", "ph.ecog")),
  drawn("spline", lung, c("age", "sex", "wt.loss"), Surv(days, dead) ~ rcspline.eval(age, knots = knots, inclx = TRUE) + sex + wt.loss,
        Surv(days, dead) ~ rcs(age, knots) + sex + wt.loss,
        list(age = with(set(lung, "age", "sex", "wt.loss"), fine(age)), wt.loss = c(-10, 0, 20, 40)), c(180, 365), c("age", "sex", "wt.loss")),
  drawn("interaction", lung, c("sex*wt.loss", "ph.ecog"), Surv(days, dead) ~ sex + wt.loss + ph.ecog + sex:wt.loss, Surv(days, dead) ~ sex * wt.loss + ph.ecog,
        list(wt.loss = c(-20, 0, 20, 40, 60), sex = c("female", "male"), ph.ecog = c(0, 1, 2, 3)), c(180, 365), c("sex", "wt.loss", "ph.ecog")))

write(toJSON(list(profiles = profiles, nomograms = nomograms), digits = NA, auto_unbox = TRUE, na = "null", null = "null"), "prediction.json")
