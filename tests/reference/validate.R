# The optimism loop in R, for tests/prognosis/test_validate.py: models made in resamples, judged on the resample, on the patients
# themselves and on those not in the resample (out of bag).
#
#   cd tests/reference && Rscript validate.R        writes validate.json
#
# The copies of each patient in each resample are drawn here and written with the answers, so that both sides judge the same resamples.
# Cox models by survival::coxph, run to convergence, Fine-Gray by cmprsk::crr; C by survival::concordance (reverse = TRUE; Uno's with timewt = "n/G2"
# and ymax); AUC, Brier score and IPA by riskRegression::Score; the slope of the log hazard is the coefficient of a coxph on it.

suppressPackageStartupMessages({library(survival); library(cmprsk); library(riskRegression); library(prodlim)})
options(digits = 17)

control <- coxph.control(eps = 1e-14, toler.chol = 1e-15, iter.max = 100)

questions <- list(
  list(name = "lung", data = "cox_lung", time = "days", state = "dead", terms = c("age", "sex", "ph.karno"), times = c(180, 365), resamples = 20),
  list(name = "veteran", data = "cox_veteran", time = "time", state = "status", terms = c("karno", "celltype"), times = c(30, 100, 250), resamples = 20),
  list(name = "gbsg", data = "concordance_gbsg", time = "rfstime", state = "status", terms = c("age", "size", "nodes", "pgr"), times = c(730, 1826), resamples = 10),
  list(name = "melanoma", data = "fine_gray_melanoma", time = "days", state = "state", terms = c("thick", "age"), times = c(1500, 2500), resamples = 20, cause = 1))

made <- function(q, d) {  # a model's log hazards and risks of new patients
  if (is.null(q$cause)) {
    fit <- coxph(as.formula(paste("Surv(time, state) ~", paste0("`", q$terms, "`", collapse = " + "))), data = d, control = control)
    function(new) {
      s <- summary(survfit(fit, newdata = new, se.fit = FALSE), times = q$times, extend = TRUE)$surv
      list(lp = predict(fit, new, type = "lp"), risk = 1 - matrix(t(s), nrow(new), length(q$times)))
    }
  } else {
    x <- as.matrix(d[q$terms])
    fit <- crr(d$time, d$state, x, failcode = q$cause, cencode = 0, gtol = 1e-14, maxiter = 100, variance = FALSE)
    function(new) {
      eta <- drop(as.matrix(new[q$terms]) %*% fit$coef)
      hazard <- cumsum(fit$bfitj)
      at <- sapply(q$times, function(t) c(0, hazard)[1 + sum(fit$uftime <= t)])
      list(lp = eta, risk = 1 - exp(-outer(exp(eta), at)))
    }
  }
}

judged <- function(q, d, told) {
  data <- d[c("time", "state")]
  s <- suppressWarnings(suppressMessages(Score(list(m = told$risk), Hist(time, state) ~ 1, data = data, times = q$times, cause = 1, metrics = c("auc", "brier"),
             null.model = TRUE, se.fit = FALSE, summary = "ipa")))
  of <- function(frame, column) { f <- as.data.frame(frame); f[[column]][f$model == "m"] }
  auc <- of(s$AUC$score, "AUC"); brier <- of(s$Brier$score, "Brier"); ipa <- of(s$Brier$score, "IPA")
  if (!is.null(q$cause)) return(c(rbind(auc, brier, ipa)))
  y <- Surv(d$time, d$state)
  harrell <- unname(concordance(y ~ told$lp, reverse = TRUE)$concordance)
  uno <- unname(concordance(y ~ told$lp, reverse = TRUE, timewt = "n/G2", ymax = max(q$times))$concordance)
  slope <- unname(coef(coxph(y ~ told$lp, control = control)))
  c(harrell, uno, rbind(auc, brier, ipa), slope)
}

answer <- function(q) {
  raw <- read.csv(file.path("data", paste0(q$data, ".csv")))
  raw$time <- raw[[q$time]]; raw$state <- raw[[q$state]]
  d <- raw[complete.cases(raw[c("time", "state", q$terms)]), ]
  n <- nrow(d)
  set.seed(20261122)
  copies <- t(replicate(q$resamples, tabulate(sample.int(n, n, replace = TRUE), n)))
  model <- made(q, d)
  apparent <- judged(q, d, model(d))
  each <- lapply(seq_len(q$resamples), function(b) {
    r <- d[rep(seq_len(n), copies[b, ]), ]
    model <- made(q, r)
    out <- d[copies[b, ] == 0, ]
    list(resample = judged(q, r, model(r)), test = judged(q, d, model(d)), outside = judged(q, out, model(out)))
  })
  c(q, list(n = n, copies = copies, apparent = apparent, resample = do.call(rbind, lapply(each, `[[`, "resample")), test = do.call(rbind, lapply(each, `[[`, "test")),
            outside = do.call(rbind, lapply(each, `[[`, "outside"))))
}

# ---------------------------------------------------------------- JSON, 17 significant digits, no package needed

to_json <- function(value) {
  if (is.null(value)) return("null")
  if (is.list(value)) {
    parts <- vapply(value, to_json, "")
    if (is.null(names(value))) return(paste0("[", paste(parts, collapse = ", "), "]"))
    return(paste0("{", paste0("\"", names(value), "\": ", parts, collapse = ", "), "}"))
  }
  if (is.matrix(value)) return(paste0("[", paste(apply(value, 1, function(row) to_json(as.list(unname(row)))), collapse = ",\n"), "]"))
  text <- if (is.character(value)) paste0("\"", value, "\"") else if (is.logical(value) && !anyNA(value)) tolower(as.character(value)) else
    ifelse(is.na(value), "null", formatC(as.numeric(value), digits = 17, format = "g", width = 1))
  if (length(value) == 1) text else paste0("[", paste(text, collapse = ", "), "]")
}

answers <- lapply(questions, answer)
packages <- vapply(c("survival", "cmprsk", "riskRegression", "prodlim"), function(p) paste(p, packageVersion(p)), "")
writeLines(c("{", paste0("\"version\": ", to_json(paste(c(packages, paste("R", getRversion())), collapse = ", ")), ","),
             paste0("\"questions\": [\n", paste(vapply(answers, to_json, ""), collapse = ",\n"), "\n]"), "}"), "validate.json")
cat(length(answers), "questions,", sum(vapply(answers, function(a) a$resamples, 0)), "resamples\n")
