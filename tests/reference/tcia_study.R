# The study of docs/tcia_study.md in R: survival 3.5-3, cmprsk 2.2-11, riskRegression 2022.11.28, Hmisc, mice 3.15.
#
#   cd tests/reference && HAIP_TCIA_WORKBOOK=path/to/workbook.xlsx Rscript tcia_study.R
#
# The workbook is not part of the project (cohorts/tcia_crlm/README.md says where it is); without it nothing is done. What is
# written, tcia_study.json, are estimates, tests and measures of prediction, to 17 significant digits; NA is null.
# What chance decides (mice's imputations, the bootstrap's resamples) is written with its Monte Carlo standard error.

book <- Sys.getenv("HAIP_TCIA_WORKBOOK")
if (!file.exists(book)) {
  message("tcia_study.R: set HAIP_TCIA_WORKBOOK to the workbook's path; tcia_study.json is left as it is.")
  quit(status = 0)
}
suppressMessages({library(survival); library(cmprsk); library(readxl); library(riskRegression); library(mice)})
options(warn = 1)
tight <- coxph.control(eps = 1e-14, toler.chol = 1e-15, iter.max = 100)
x <- as.data.frame(read_excel(book))
never <- function(time, flag) ifelse(flag == 1, time, Inf)
death <- never(x$overall_survival_months, x$vital_status)
liver <- never(x$months_to_liver_DFS_progression, x$progression_or_recurrence_liveronly)
any <- never(x$months_to_DFS_progression, x$progression_or_recurrence)
first <- function(...) {                       # the earliest event; at a tie the first of these (spreadsheet times differ in the last digit)
  at <- cbind(...); earliest <- apply(at, 1, min)
  ifelse(is.finite(earliest), apply(at <= earliest + 1e-9, 1, which.max), 0)
}
seen <- pmin(x$overall_survival_months, x$months_to_liver_DFS_progression, x$months_to_DFS_progression)
site_time <- pmin(liver, any, death, ifelse(is.finite(pmin(liver, any, death)), Inf, seen)); site <- first(liver, any, death)
same <- function(time) aeqSurv(Surv(time, rep(1, length(time))))[, 1]  # times that differ by rounding only are one time
d <- data.frame(os = same(x$overall_survival_months), dead = x$vital_status, site_time = same(site_time), site = site,
                age = x$age, female = x$sex - 1, extrahep = x$extrahep_disease, score = x$clinrisk_score, chemo = x$chemo_before_liver_resection)
d$score[d$score < 0] <- NA                     # -999 is missing
terms <- c("age", "female", "extrahep", "score", "chemo")
complete <- d[!is.na(d$score), ]

cases <- character()
number <- function(x) ifelse(is.na(x), "null", sprintf("%.17g", as.numeric(x)))
put <- function(.case, ...) {
  columns <- list(...)
  body <- paste0('"', names(columns), '": ', sapply(columns, function(v) paste0("[", paste(number(v), collapse = ","), "]")), collapse = ",\n  ")
  cases <<- c(cases, paste0("\"", .case, "\": {\n  ", body, "\n }"))
}
cox <- function(right, data, left = "Surv(os, dead)") coxph(as.formula(paste(left, "~", right)), data, control = tight, x = TRUE, y = TRUE)
fitted_as <- function(name, fit)
  put(name, estimate = coef(fit), std_error = sqrt(diag(vcov(fit))), n = fit$n, n_event = fit$nevent, log_likelihood = fit$loglik)
ratio <- function(name, small, large)
  put(name, statistic = 2 * (large$loglik[2] - small$loglik[2]), df = length(coef(large)) - length(coef(small)),
      p_value = pchisq(2 * (large$loglik[2] - small$loglik[2]), length(coef(large)) - length(coef(small)), lower.tail = FALSE))

# overall survival, each factor on the patients who have it, and together on the complete cases
for (left in c("Surv(os, dead)", "Surv(site_time, site == 1)")) {
  what <- if (left == "Surv(os, dead)") "os" else "hepatic first, cause-specific"
  for (term in terms) fitted_as(paste(what, term), cox(term, d[!is.na(d[[term]]), ], left))
  together <- cox(paste(terms, collapse = " + "), complete, left)
  fitted_as(paste(what, "together"), together)
  for (term in terms) ratio(paste(what, "without", term), cox(paste(setdiff(terms, term), collapse = " + "), complete, left), together)
  zph <- cox.zph(together)$table
  put(paste(what, "proportional hazards"), statistic = zph[, "chisq"], df = zph[, "df"], p_value = zph[, "p"])
}
together <- cox(paste(terms, collapse = " + "), complete)

# is age straight? restricted cubic splines with four knots where Hmisc puts them
basis <- Hmisc::rcspline.eval(d$age, nk = 4, inclx = TRUE); d$age1 <- basis[, 2]; d$age2 <- basis[, 3]
put("knots of age", estimate = attr(basis, "knots"))
ratio("os age bends", cox("age", d), cox("age + age1 + age2", d))

# the declared interaction: chemotherapy and the risk score
joint <- cox(paste(c(terms, "chemo:score"), collapse = " + "), complete)
fitted_as("os with chemo*score", joint)
ratio("os chemo*score", together, joint)

# hepatic-first recurrence, subdistribution hazards (crr, converged)
subdistribution <- function(name, data, terms) {
  z <- as.matrix(data[, terms, drop = FALSE]); sd <- apply(z, 2, sd); z <- scale(z)
  fit <- crr(data$site_time, data$site, z, gtol = 1e-14, maxiter = 100)
  for (more in 1:2) fit <- crr(data$site_time, data$site, z, init = fit$coef + c(fit$invinf %*% fit$score), maxiter = 0)
  put(name, estimate = fit$coef / sd, std_error = sqrt(diag(fit$var)) / sd, log_likelihood = c(fit$loglik.null, fit$loglik))
}
for (term in terms) subdistribution(paste("hepatic first, subdistribution", term), d[!is.na(d[[term]]), ], term)
subdistribution("hepatic first, subdistribution together", complete, terms)

# what the model predicts for the patients it was built on
times <- c(36, 60)
found <- Score(list(model = together), Surv(os, dead) ~ 1, data = data.frame(complete), times = times, metrics = c("auc", "brier"), null.model = TRUE, se.fit = TRUE)
auc <- found$AUC$score; brier <- found$Brier$score
put("apparent", times = times, auc = auc$AUC, auc_se = auc$se, brier = brier$Brier[brier$model == "model"], brier_se = brier$se[brier$model == "model"],
    null_brier = brier$Brier[brier$model == "Null model"], harrell = concordance(together)$concordance,
    uno = concordance(together, timewt = "n/G2")$concordance)
for (t in times) {
  s <- summary(survfit(together, newdata = data.frame(age = 60, female = 0, extrahep = 0, score = 0:5, chemo = 1), conf.type = "log-log"), times = t)
  put(paste("profiles at", t), estimate = as.vector(s$surv), std_error = as.vector(s$std.err), conf_low = as.vector(s$lower), conf_high = as.vector(s$upper))
}

# optimism of the C index by the bootstrap of the model (1,000 resamples of R's own)
set.seed(20261122)
optimism <- replicate(1000, {
  rows <- sample(nrow(complete), replace = TRUE); boot <- complete[rows, ]
  fit <- coxph(as.formula(paste("Surv(os, dead) ~", paste(terms, collapse = " + "))), boot)
  eta <- as.vector(as.matrix(complete[, terms]) %*% coef(fit))
  slope <- coef(coxph(Surv(os, dead) ~ eta, complete))
  c(concordance(fit)$concordance - concordance(Surv(os, dead) ~ eta, complete, reverse = TRUE)$concordance, 1 - slope)
})
put("optimism", harrell = mean(optimism[1, ]), harrell_mc = sd(optimism[1, ]) / sqrt(1000), slope = mean(optimism[2, ]), slope_mc = sd(optimism[2, ]) / sqrt(1000))

# 29 missing risk scores, imputed: predictive mean matching with the event and its cumulative hazard in the model
data <- d[, c("os", "dead", terms)]
data$hazard <- nelsonaalen(data, os, dead)
imputed <- mice(data[, c("dead", "hazard", terms)], m = 1000, maxit = 10, method = "pmm", seed = 20261122, printFlag = FALSE)
fits <- with(imputed, coxph(Surv(data$os, data$dead) ~ age + female + extrahep + score + chemo))
pooled <- pool(fits)$pooled
put("imputed together", estimate = pooled$estimate, within = pooled$ubar, between = pooled$b, std_error = sqrt(pooled$t), df = pooled$df, mc = sqrt(pooled$b / 1000))
writeLines(paste0("{\n ", paste(cases, collapse = ",\n "), "\n}"), "tcia_study.json")
