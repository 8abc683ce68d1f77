# Reference values for cox(..., penalty = "firth"): the penalised likelihood maximised by brute force in R.
#
#   cd tests/reference && Rscript firth.R
#
# coxphf is not in Debian, so R's own coxph (survival 3.5-3) is asked for what the penalty is made of, at coefficients held
# fixed (init = b, iter.max = 0), with Efron's and with Breslow's ties:
#
#   log L(b)       its log-likelihood
#   I(b)           the inverse of its variance
#   U(b) = X' (w M)  from its martingale residuals M
#   log L*(b) = log L(b) + log det I(b) / 2,    U*_j(b) = U_j(b) + trace(I^-1 dI/db_j) / 2
#
# with dI/db_j by a central difference of order 8. optim() (BFGS, three starts) finds the maximum, Newton's method on U* (its
# derivative again by differences) polishes it. The profile of a coefficient is the maximum over the others by the same two
# steps; its limits are bracketed from the estimate outwards in steps of half a standard error, found by uniroot(), and polished by
# Newton's method on (U* of the others = 0, 2 (log L*max - log L*) = qchisq). `accuracy` is the last Newton step in standard errors:
# what R's own values are good for. Covariates are standardised first; results are in their own units, and so is the determinant.
#
# writes data/firth_*.csv and firth.json; the tests read firth.json and need no R.

suppressMessages(library(survival))
stopifnot(packageVersion("survival") >= "3.5")
options(digits = 17, warn = 1)

# -- data --------------------------------------------------------------------------------------------------------------
cell <- function(data, name) write.csv(data, file.path("data", paste0("firth_", name, ".csv")), row.names = FALSE, na = "", quote = FALSE)

# Breast cancer, 100 patients: tumour stage, nodes, grade (nobody of grade 0 died), cathepsin D. Heinze and Schemper, Biometrics
# 2001;57:114-119 (doi:10.1111/j.0006-341X.2001.00114.x); the data are those of the R package coxphf.
read01 <- function(text) as.integer(strsplit(gsub("[^01]", "", text), "")[[1]])
breast <- data.frame(
  months = c(1.546053, 3.519737, 8.059211, 8.651316, 12.138158, 12.368421, 13.059211, 14.769737, 18.848684, 20.032895, 20.723684, 21.644737,
             23.355263, 23.684211, 26.611842, 27.960526, 28.355263, 30.427632, 30.526316, 30.921053, 33.092105, 36.907895, 37.269737, 39.901316,
             40.164474, 41.250000, 41.611842, 44.934211, 47.467105, 47.467105, 47.960526, 49.046053, 50.000000, 55.263158, 56.776316, 58.026316,
             58.355263, 58.717105, 59.671053, 60.230263, 60.592105, 62.368421, 62.565789, 63.486842, 64.177632, 64.901316, 67.302632, 70.098684,
             70.328947, rep(72, 51)),
  dead = c(read01("1111111111 1101100000 0000110101 0101001011 1010000010"), rep(0L, 50)),
  tumour = read01("1011111111 1001100110 1110110000 0111111001 1010100001 0010010000 0000000000 0001100110 1001000001 1110010000"),
  nodes = read01("0010110101 1110101000 0000000011 1101001010 1010000010 0110010000 0000000111 1000000001 0000000100 0100100001"),
  grade = read01("1111111111 1111101110 1111110111 1111001111 1111100110 1011111001 1011011011 1010100111 1001110111 1100011010"),
  cathepsin = read01("0111010101 1001100010 0001010000 0101001000 1000001000 0001011001 0000000000 0100010000 1000100010 1100001100"))
stopifnot(nrow(breast) == 100, sum(breast$dead) == 26)
cell(breast, "breast")

# survival's lung, 49 patients, days in quarters of a year (heavy ties); nobody of arm "c" died
lung <- read.csv("data/cox_lung.csv")
arms <- lung[complete.cases(lung[c("age", "sex", "ph.ecog", "wt.loss")]), ][1:90, ]
arms <- arms[c(which(arms$dead == 1)[1:40], which(arms$dead == 0)), ]
arms$quarters <- ceiling(arms$days / 91.3125)
k <- seq_len(nrow(arms))
arms$arm <- ifelse(arms$dead == 0 & k %% 2 == 0, "c", ifelse(k %% 3 == 0, "b", "a"))
arms$entered <- ifelse(k %% 3 == 0, pmax(0, arms$quarters - 2), 0)
arms$joined <- ifelse(k %% 3 == 0, floor(arms$days / 4), 0)
cell(arms[c("days", "quarters", "entered", "joined", "dead", "age", "sex", "ph.ecog", "wt.loss", "arm", "copies", "share")], "arms")

# fourteen patients: the next to die always has the largest marker among those at risk
monotone <- data.frame(time = c(2, 3, 3, 5, 6, 8, 8, 9, 11, 12, 14, 15, 17, 20), dead = c(1, 1, 0, 1, 0, 1, 1, 0, 1, 0, 1, 0, 0, 0),
                       marker = c(9.7, 9.1, 3.2, 8.8, 2.1, 8.0, 8.0, 4.4, 6.9, 1.7, 6.2, 5.0, 2.8, 0.4),
                       age = c(61, 55, 70, 48, 66, 59, 63, 71, 44, 52, 68, 57, 60, 49), male = c(1, 0, 1, 1, 0, 0, 1, 0, 1, 1, 0, 1, 0, 0))
cell(monotone, "monotone")

# ten patients and three events for four covariates
ten <- data.frame(time = c(1, 2, 3, 4, 5, 6, 7, 8, 9, 10), dead = c(0, 1, 0, 0, 1, 0, 0, 1, 0, 0), a = c(0, 1, 1, 0, 1, 0, 1, 0, 0, 1),
                  b = c(1.2, 0.4, -0.3, 2.2, 0.1, 1.9, -1.4, 0.8, 0.6, -0.2), c = c(1, 0, 0, 1, 0, 0, 1, 1, 0, 1),
                  d = c(3, 1, 4, 1, 5, 9, 2, 6, 5, 3))
cell(ten, "ten")

# survival's test1, which coxph's help page shows; what coxphf itself printed for it is in test_firth.py
cell(data.frame(time = c(4, 3, 1, 1, 2, 2, 3), status = c(1, 1, 1, 0, 1, 1, 0), x = c("x0", "x2", "x1", "x1", "x1", "x0", "x0"),
                sex = c(0, 0, 0, 0, 1, 1, 1)), "test1")

# the demonstration cohort's adjuvant patients: nobody with a clinical risk score of 0 or 1 died
demo <- read.csv("../../cohorts/demo_centre/demo.csv")
demo <- demo[demo$setting == "adjuvant" & demo$risk_score != "" & !is.na(demo$risk_score), ]
end <- as.Date(ifelse(demo$death_date == "", demo$last_contact_date, demo$death_date))
cell(data.frame(days = as.numeric(end - as.Date(demo$pump_date)), dead = as.integer(demo$death_date != ""),
                risk = c("0 or 1", "0 or 1", "2", "3 or more")[pmin(demo$risk_score, 3) + 1], synchronous = demo$synchronous,
                age = demo$age), "demo")

# -- models ------------------------------------------------------------------------------------------------------------
model <- function(name, data, time, status, terms, entry = NULL, strata = NULL, weights = NULL, offset = NULL, reference = list(),
                  cause = NULL, conf_level = 0.95, ties = "efron")
  list(name = name, data = data, time = time, status = status, terms = terms, entry = entry, strata = strata, weights = weights,
       offset = offset, reference = reference, cause = cause, conf_level = conf_level, ties = ties)
both <- function(name, ...) list(model(name, ...), model(paste0(name, "_breslow"), ..., ties = "breslow"))

models <- c(
  both("breast", "firth_breast", "months", "dead", c("tumour", "nodes", "grade", "cathepsin")),
  list(model("breast_90", "firth_breast", "months", "dead", c("grade", "nodes"), conf_level = 0.9)),
  list(model("breast_999", "firth_breast", "months", "dead", c("grade", "nodes"), conf_level = 0.999)),
  list(model("demo", "firth_demo", "days", "dead", c("risk", "synchronous", "age"))),
  both("arms", "firth_arms", "quarters", "dead", c("arm", "age", "sex", "wt.loss")),
  both("arms_strata", "firth_arms", "quarters", "dead", c("arm", "age", "wt.loss"), strata = "sex"),
  both("arms_entry", "firth_arms", "quarters", "dead", c("arm", "age", "sex"), entry = "entered"),
  both("arms_entry_days", "firth_arms", "days", "dead", c("arm", "age", "sex", "ph.ecog"), entry = "joined", reference = list(arm = "c")),
  both("arms_copies", "firth_arms", "quarters", "dead", c("arm", "age"), weights = "copies"),
  both("arms_share", "firth_arms", "quarters", "dead", c("arm", "age"), weights = "share", strata = "sex", entry = "entered"),
  both("arms_offset", "firth_arms", "quarters", "dead", c("arm", "sex"), offset = "share"),
  both("monotone", "firth_monotone", "time", "dead", "marker"),
  both("monotone_three", "firth_monotone", "time", "dead", c("marker", "age", "male")),
  list(model("ten", "firth_ten", "time", "dead", c("a", "b", "c", "d"))),
  list(model("test1_breslow", "firth_test1", "time", "status", c("x", "sex"), ties = "breslow")),
  both("lung", "cox_lung", "months", "dead", c("age", "sex", "ph.ecog", "wt.loss")),
  both("lung_share", "cox_lung", "months", "dead", c("age", "wt.loss"), weights = "share", strata = "sex"),
  both("veteran", "cox_veteran", "time", "status", c("trt", "celltype", "karno", "diagtime", "age", "prior")),
  list(model("veteran_strata", "cox_veteran", "time", "status", c("trt", "karno", "age"), strata = "celltype")),
  list(model("ovarian", "cox_ovarian", "futime", "fustat", c("age", "resid.ds", "rx", "ecog.ps"))),
  list(model("pbc", "cox_pbc", "time", "dead", c("ageday", "sex", "edema", "bili", "albumin", "protime"))),
  list(model("pbc_cause", "cox_pbc", "time", "status", c("ageday", "bili", "sex"), cause = 1)),
  both("heart", "cox_heart", "stop", "event", c("age", "year", "surgery", "transplant"), entry = "start"),
  list(model("heart_strata", "cox_heart", "stop", "event", c("age", "year", "transplant"), entry = "start", strata = "surgery")),
  list(model("bladder", "cox_bladder", "stop", "event", c("rx", "number", "size"), entry = "start", strata = "enum"))
)

# -- the penalised likelihood ------------------------------------------------------------------------------------------
fixed <- coxph.control(iter.max = 0, eps = 1e-14, toler.chol = 1e-15)

rows_of <- function(m) {
  data <- read.csv(file.path("data", paste0(m$data, ".csv")))
  for (column in names(data)) if (is.character(data[[column]])) {
    data[[column]] <- factor(data[[column]], levels = sort(unique(data[[column]]), method = "radix"))
    if (!is.null(m$reference[[column]])) data[[column]] <- relevel(data[[column]], ref = m$reference[[column]])
  }
  data <- data[complete.cases(data[m$terms]), ]
  event <- if (is.null(m$cause)) data[[m$status]] else as.numeric(data[[m$status]] == m$cause)
  x <- model.matrix(as.formula(paste("~", paste(m$terms, collapse = "+"))), data)[, -1, drop = FALSE]
  ones <- rep(1, nrow(data))
  list(x = scale(x), scale = apply(x, 2, sd), n = nrow(data), n_event = sum(event),
       y = if (is.null(m$entry)) Surv(data[[m$time]], event) else Surv(data[[m$entry]], data[[m$time]], event),
       strata = if (!is.null(m$strata)) as.integer(factor(data[[m$strata]])),
       offset = if (is.null(m$offset)) 0 * ones else data[[m$offset]],
       weights = if (is.null(m$weights)) ones else as.numeric(data[[m$weights]]),
       fit = if (is.null(m$entry)) coxph.fit else agreg.fit, ties = m$ties)
}

at <- function(rows, b, residuals = FALSE)
  rows$fit(rows$x, rows$y, rows$strata, rows$offset, b, fixed, rows$weights, rows$ties, NULL, residuals)

information <- function(rows, b) solve(at(rows, b)$var)

penalised <- function(rows, b) {
  fit <- at(rows, b)
  det <- determinant(as.matrix(fit$var))
  if (!all(is.finite(fit$var)) || det$sign <= 0) return(-Inf)
  fit$loglik[1] - as.numeric(det$modulus) / 2
}

score <- function(rows, b, h = 0.01) {
  fit <- at(rows, b, TRUE)
  u <- as.numeric(t(rows$x) %*% (rows$weights * fit$residuals))
  for (j in seq_along(b)) {
    slope <- 0
    for (k in 1:4) {
      step <- replace(numeric(length(b)), j, k * h)
      slope <- slope + c(4 / 5, -1 / 5, 4 / 105, -1 / 280)[k] * (information(rows, b + step) - information(rows, b - step)) / h
    }
    u[j] <- u[j] + sum(fit$var * slope) / 2
  }
  u
}

bend <- function(rows, b, free, h = 1e-3) {                       # the derivative of U* by a difference of order 4
  out <- sapply(free, function(j) {
    e <- replace(numeric(length(b)), j, h)
    (8 * (score(rows, b + e) - score(rows, b - e)) - (score(rows, b + 2 * e) - score(rows, b - 2 * e))) / (12 * h)
  })
  matrix(out, nrow = length(b))
}

polish <- function(rows, b, free) {                               # Newton on U*[free] = 0; how far the last step went
  last <- Inf
  for (turn in 1:15) {
    step <- solve(-bend(rows, b, free)[free, , drop = FALSE], score(rows, b)[free])
    se <- sqrt(diag(at(rows, b)$var))[free]
    size <- max(abs(step / se))
    if (size > 1) stop("polishing wandered off")
    if (turn > 3 && size >= last / 2) break                       # only rounding is left
    b[free] <- b[free] + step
    last <- size
    if (size < 1e-14) break
  }
  list(b = b, accuracy = last)
}

climb <- function(rows, b, free, to_the_end = TRUE) {             # a general optimiser, coefficients not `free` held fixed
  if (!length(free)) return(list(b = b, value = penalised(rows, b), accuracy = 0))
  whole <- function(part) replace(b, free, part)
  found <- optim(b[free], function(part) -penalised(rows, whole(part)), method = "BFGS", control = list(reltol = 1e-13, maxit = 500))
  if (!to_the_end) return(list(b = whole(found$par), value = -found$value))
  done <- polish(rows, whole(found$par), free)
  done$value <- penalised(rows, done$b)
  stopifnot(done$value >= -found$value - 1e-7)
  done
}

limit <- function(rows, best, j, side, drop, se) {                # where the profile has fallen by drop / 2
  free <- setdiff(seq_along(best$b), j)
  inside <- best$b
  fall <- function(b) 2 * (best$value - penalised(rows, b)) - drop
  profile <- function(value, from) climb(rows, replace(from, j, value), free, FALSE)$b
  for (k in 1:400) {
    outside <- profile(best$b[j] + side * se * k / 2, inside)
    if (fall(outside) > 0) break
    inside <- outside
  }
  stopifnot(fall(outside) > 0)
  root <- uniroot(function(value) fall(profile(value, inside)), sort(c(inside[j], outside[j])), tol = 1e-5 * se)$root
  b <- profile(root, inside)
  last <- Inf
  for (turn in 1:15) {                                            # Newton on the whole system
    u <- score(rows, b)
    system <- rbind(bend(rows, b, seq_along(b))[free, , drop = FALSE], -2 * u)
    step <- solve(system, -c(u[free], fall(b)))
    size <- max(abs(step / sqrt(diag(at(rows, b)$var))))
    if (turn > 3 && size >= last / 2) break
    b <- b + step
    last <- size
    if (size < 1e-14) break
  }
  stopifnot(abs(b[j] - root) < 1e-2 * se)
  list(value = b[j], accuracy = last)
}

fit_model <- function(m) {
  begin <- Sys.time()
  rows <- rows_of(m)
  p <- ncol(rows$x)
  free <- seq_len(p)
  set.seed(1)
  starts <- list(numeric(p), rnorm(p, sd = 0.3), rnorm(p, sd = 0.6))
  found <- lapply(starts, function(start) climb(rows, start, free))
  best <- found[[1]]
  se <- sqrt(diag(at(rows, best$b)$var))
  for (other in found) stopifnot(max(abs(other$b - best$b) / se) < 1e-8)  # the same maximum from everywhere
  null <- penalised(rows, numeric(p))
  drop <- qchisq(m$conf_level, 1)
  reduced <- lapply(free, function(j) climb(rows, replace(best$b, j, 0), setdiff(free, j)))
  statistic <- sapply(reduced, function(one) 2 * (best$value - one$value))
  low <- lapply(free, function(j) limit(rows, best, j, -1, drop, se[j]))
  high <- lapply(free, function(j) limit(rows, best, j, 1, drop, se[j]))
  units <- sum(log(rows$scale))                                   # log det I of the covariates in their own units
  one <- function(found, name) as.list(unname(sapply(found, function(each) each[[name]])))
  cat(sprintf("%-26s %3d patients, %3d events, %d coefficients: accuracy %.0e, limits %.0e; %.0f s\n", m$name, rows$n, rows$n_event, p,
              best$accuracy, max(unlist(c(one(low, "accuracy"), one(high, "accuracy")))), as.numeric(Sys.time() - begin, units = "secs")))
  list(name = m$name, data = m$data, time = m$time, status = m$status, terms = as.list(m$terms), entry = m$entry, strata = m$strata,
       weights = m$weights, offset = m$offset, reference = m$reference, cause = m$cause, conf_level = m$conf_level, ties = m$ties,
       n = rows$n, n_event = rows$n_event, coefficients = as.list(unname(best$b / rows$scale)),
       std_error = as.list(unname(se / rows$scale)), covariance = unname(at(rows, best$b)$var / outer(rows$scale, rows$scale)),
       log_likelihood = best$value + units, log_likelihood_null = null + units,
       low = as.list(unlist(one(low, "value")) / unname(rows$scale)), high = as.list(unlist(one(high, "value")) / unname(rows$scale)),
       statistic = as.list(statistic), p_value = as.list(pchisq(statistic, 1, lower.tail = FALSE)),
       accuracy = best$accuracy, accuracy_limits = max(unlist(c(one(low, "accuracy"), one(high, "accuracy")))))
}

# -- JSON, 17 significant digits ---------------------------------------------------------------------------------------
to_json <- function(value) {
  if (is.null(value)) return("null")
  if (is.list(value)) {
    parts <- vapply(value, to_json, "")
    if (is.null(names(value))) return(paste0("[", paste(parts, collapse = ", "), "]"))
    return(paste0("{", paste0("\"", names(value), "\": ", parts, collapse = ", "), "}"))
  }
  if (is.matrix(value)) return(paste0("[", paste(apply(value, 1, function(row) to_json(as.list(row))), collapse = ", "), "]"))
  text <- if (is.character(value)) paste0("\"", value, "\"") else formatC(as.numeric(value), digits = 17, format = "g", width = 1)
  if (length(value) == 1) text else paste0("[", paste(text, collapse = ", "), "]")
}

results <- lapply(models, fit_model)
writeLines(c("{", paste0("\"version\": ", to_json(paste("survival", packageVersion("survival"), "R", getRversion())), ","),
             paste0("\"models\": [\n", paste(vapply(results, to_json, ""), collapse = ",\n"), "\n]}")), "firth.json")
