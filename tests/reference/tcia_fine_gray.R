# Reference values for fine_gray() on the public workbook of 197 resected patients: cmprsk 2.2-11 and survival 3.5-3.
#
#   cd tests/reference && HAIP_TCIA_WORKBOOK=path/to/workbook.xlsx Rscript tcia_fine_gray.R
#
# The workbook is not part of the project (cohorts/tcia_crlm/README.md says where it is); without it nothing is done. What is
# written, tcia_fine_gray.json, are coefficients, standard errors and log-likelihoods, to 17 significant digits.

book <- Sys.getenv("HAIP_TCIA_WORKBOOK")
if (!file.exists(book)) {
  message("tcia_fine_gray.R: set HAIP_TCIA_WORKBOOK to the workbook's path; tcia_fine_gray.json is left as it is.")
  quit(status = 0)
}
suppressMessages({library(survival); library(cmprsk); library(readxl)})
x <- as.data.frame(read_excel(book))
never <- function(time, flag) ifelse(flag == 1, time, Inf)
death <- never(x$overall_survival_months, x$vital_status)
liver <- never(x$months_to_liver_DFS_progression, x$progression_or_recurrence_liveronly)
any <- never(x$months_to_DFS_progression, x$progression_or_recurrence)
first <- function(...) {                       # the earliest event; at a tie the first of these (spreadsheet times differ in the last digit)
  at <- cbind(...); earliest <- apply(at, 1, min)
  ifelse(is.finite(earliest), apply(at <= earliest + 1e-9, 1, which.max), 0)
}
seen <- pmin(x$overall_survival_months, x$months_to_liver_DFS_progression)
endpoints <- list(liver = list(pmin(liver, death, ifelse(is.finite(pmin(liver, death)), Inf, seen)), first(liver, death)))
seen <- pmin(seen, x$months_to_DFS_progression)
endpoints$first_site <- list(pmin(liver, any, death, ifelse(is.finite(pmin(liver, any, death)), Inf, seen)), first(liver, any, death))

number <- function(v) paste0("[", paste(sprintf("%.17g", v), collapse = ", "), "]")
cases <- character()
put <- function(name, b, se, loglik)
  cases <<- c(cases, sprintf("\"%s\": {\"estimate\": %s, \"std_error\": %s, \"log_likelihood\": %s}", name, number(b), number(se), number(loglik)))
for (name in names(endpoints)) {
  d <- data.frame(time = aeqSurv(Surv(endpoints[[name]][[1]], rep(1, nrow(x))))[, 1], state = endpoints[[name]][[2]], age = x$age,
                  female = x$sex - 1, extrahep = x$extrahep_disease, score = x$clinrisk_score, chemo = x$chemo_before_liver_resection)
  d <- d[d$score >= 0, ]                       # -999 is missing
  z <- as.matrix(d[, -(1:2)]); sd <- apply(z, 2, sd); z <- scale(z)
  fit <- crr(d$time, d$state, z, gtol = 1e-14, maxiter = 100)
  for (more in 1:2) fit <- crr(d$time, d$state, z, init = fit$coef + c(fit$invinf %*% fit$score), maxiter = 0)
  put(paste(name, "crr"), fit$coef / sd, sqrt(diag(fit$var)) / sd, c(fit$loglik.null, fit$loglik))
  d$id <- seq_len(nrow(d)); d$state <- factor(d$state, 0:max(d$state))
  fit <- coxph(Surv(fgstart, fgstop, fgstatus) ~ age + female + extrahep + score + chemo, finegray(Surv(time, state) ~ ., d), weights = fgwt,
               cluster = id, control = coxph.control(eps = 1e-14, toler.chol = 1e-15, iter.max = 100))
  put(paste(name, "finegray"), coef(fit), sqrt(diag(fit$var)), fit$loglik)
}
writeLines(paste0("{\n", paste(cases, collapse = ",\n"), "\n}"), "tcia_fine_gray.json")
