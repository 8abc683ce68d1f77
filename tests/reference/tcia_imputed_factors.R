# mice's own imputation of the public workbook of 197 resected patients (29 without clinical risk score), pooled: mice 3.15.0, survival 3.5-3.
#
#   cd tests/reference && HAIP_TCIA_WORKBOOK=path/to/workbook.xlsx Rscript tcia_imputed_factors.R
#
# The workbook is not part of the project (cohorts/tcia_crlm/README.md says where it is); without it nothing is done. What is written, tcia_imputed_factors.json, are pooled
# estimates of m = 200 imputations, no patient's value. No random number is shared with us: the tests compare within Monte Carlo error.

book <- Sys.getenv("HAIP_TCIA_WORKBOOK")
if (!file.exists(book)) {
  message("tcia_imputed_factors.R: set HAIP_TCIA_WORKBOOK to the workbook's path; tcia_imputed_factors.json is left as it is.")
  quit(status = 0)
}
suppressMessages({library(survival); library(mice); library(readxl); library(jsonlite)})
options(warn = 1, digits = 17)
x <- as.data.frame(read_excel(book))
columns <- c("age", "sex", "extrahep_disease", "clinrisk_score", "chemo_before_liver_resection")
covariates <- x[columns]; covariates$clinrisk_score[covariates$clinrisk_score == -999] <- NA
stopifnot(sum(is.na(covariates)) == 29)
never <- function(time, flag) ifelse(flag == 1, time, Inf)
death <- never(x$overall_survival_months, x$vital_status)
liver <- never(x$months_to_liver_DFS_progression, x$progression_or_recurrence_liveronly)
any <- never(x$months_to_DFS_progression, x$progression_or_recurrence)
first <- function(...) { at <- cbind(...); earliest <- apply(at, 1, min); ifelse(is.finite(earliest), apply(at <= earliest + 1e-9, 1, which.max), 0) }
seen <- pmin(x$overall_survival_months, x$months_to_liver_DFS_progression, x$months_to_DFS_progression)
outcomes <- list(os = list(time = x$overall_survival_months, state = x$vital_status),
                 first_site = list(time = pmin(liver, any, death, ifelse(is.finite(pmin(liver, any, death)), Inf, seen)), state = first(liver, any, death)))
hazard <- function(time, event) { b <- basehaz(coxph(Surv(time, event) ~ 1, ties = "breslow")); b$hazard[match(time, b$time)] }
pooled_of <- function(outcome, cause, seed) {
  d <- covariates; time <- outcome$time; states <- setdiff(sort(unique(outcome$state)), 0)
  for (k in states) { d[[paste0("event", k)]] <- as.integer(outcome$state == k); d[[paste0("hazard", k)]] <- hazard(time, outcome$state == k) }
  imp <- mice(d, m = 200, maxit = 10, method = "pmm", printFlag = FALSE, seed = seed)
  own <- as.integer(outcome$state == cause)
  sets <- lapply(1:200, function(i) complete(imp, i))
  multi <- as.formula(paste("Surv(time, own) ~", paste(columns, collapse = " + ")))
  told <- function(f) { s <- summary(pool(as.mira(lapply(sets, function(z) { z$time <- time; z$own <- own; coxph(f, z) }))), type = "all")
    list(term = as.character(s$term), estimate = s$estimate, std_error = s$std.error, within = s$ubar, between = s$b) }
  list(multivariable = told(multi), univariable = told(Surv(time, own) ~ clinrisk_score), imputed_mean = mean(unlist(imp$imp$clinrisk_score)))
}
out <- list(os = pooled_of(outcomes$os, 1, 81), liver_first = pooled_of(outcomes$first_site, 1, 82), mice = as.character(packageVersion("mice")))
writeLines(toJSON(out, digits = 17, auto_unbox = TRUE, na = "null"), "tcia_imputed_factors.json")
