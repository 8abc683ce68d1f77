# Reference values for factors_over_time(): what R's survival 3.5-3 and cmprsk 2.2-11 say of columns known after time zero.
#
#   Rscript tests/reference/later.R
#
# writes data/later_*.csv with the dates (a row a patient), makes the rows (start, stop] of each patient with survival's tmerge, fits every
# model run to convergence, and writes later.json (17 digits). The tests read dates and later.json; they need no R.

library(survival)
library(cmprsk)
here <- dirname(sub("^--file=", "", grep("^--file=", commandArgs(FALSE), value = TRUE)[1]))
if (length(here)) setwd(here)
MONTH <- 365.25 / 12
ZERO <- as.Date("1970-01-01")
CONTROL <- coxph.control(eps = 1e-14, toler.chol = 1e-15, iter.max = 100)
out <- list()

cell <- function(data, name) {
  write.csv(data, file.path("data", name), row.names = FALSE, na = "", quote = FALSE)
  read.csv(file.path("data", name), na.strings = "")
}
dated <- function(days) ifelse(is.na(days), NA, as.character(ZERO + days))

told <- function(fit) {
  found <- list(estimate = unname(coef(fit)), std_error = unname(sqrt(diag(vcov(fit)))), log_likelihood = fit$loglik[2],
                log_likelihood_null = fit$loglik[1], n_event = fit$nevent)
  zph <- tryCatch(cox.zph(fit)$table, error = function(e) NULL)
  if (!is.null(zph)) found$zph <- list(statistic = unname(zph[, 1]), p_value = unname(zph[, 3]))
  found
}
fitted <- function(formula, data) {
  call <- substitute(coxph(formula, data, control = CONTROL), list(formula = formula, data = data))  # cox.zph looks for both by name
  told(eval(call))
}

# the rows of each patient: from just before time zero (-1: an event on day 0 counts), or from the entry
rows <- function(data, changes, start = -1) {
  data$begin <- start
  made <- tmerge(data, data, id = id, tstart = begin, tstop = futime, event = event(futime, status))
  for (name in names(changes)) {
    data$when <- data[[changes[[name]]]]
    made <- tmerge(made, data[!is.na(data$when), ], id = id, value = tdc(when))
    names(made)[names(made) == "value"] <- name
    made[[name]] <- ifelse(is.na(made[[name]]), 0, made[[name]])
  }
  made
}
# what had been known by the start of follow-up is known from the start (tmerge leaves what comes before its rows out of the count)
from_start <- function(made, data, changes, start) {
  for (name in names(changes)) {
    early <- data$id[!is.na(data[[changes[[name]]]]) & data[[changes[[name]]]] <= pmax(start, 0)]
    made[[name]][made$id %in% early] <- 1
  }
  made
}

# ---------------------------------------------------------------- Stanford heart transplants, from the dates of jasa

heart <- data.frame(id = seq_len(nrow(jasa)), accept = jasa$accept.dt, transplanted = jasa$tx.date, last = jasa$fu.date, dead = jasa$fustat,
                    age = as.numeric(jasa$age), surgery = jasa$surgery)
heart$entered <- heart$accept + ifelse(heart$id %% 3 == 0, heart$id %% 40, 0)
heart$entered <- as.Date(ifelse(heart$entered >= heart$last, heart$accept, heart$entered), origin = ZERO)
heart <- cell(transform(heart, accept = as.character(accept), transplanted = as.character(transplanted), last = as.character(last),
                        entered = as.character(entered)), "later_heart.csv")
days <- function(column) as.numeric(as.Date(heart[[column]]) - as.Date(heart$accept))
heart$futime <- days("last"); heart$status <- heart$dead; heart$tx <- days("transplanted"); heart$entry <- days("entered")
heart$ever <- as.integer(!is.na(heart$tx))

made <- from_start(rows(heart, c(transplant = "tx")), heart, c(transplant = "tx"), -1)
out$heart <- fitted(Surv(tstart, tstop, event) ~ transplant + age + surgery, made)
out$heart_alone <- fitted(Surv(tstart, tstop, event) ~ transplant, made)
out$heart_strata <- fitted(Surv(tstart, tstop, event) ~ transplant + age + strata(surgery), made)
out$heart_naive <- fitted(Surv(futime, status) ~ ever + age + surgery, heart)
out$heart_rows <- list(rows = nrow(made), at_risk = sum((made$tstop - pmax(made$tstart, 0))[made$transplant == 1]) / MONTH,
                       events = sum(made$event[made$transplant == 1]), last_day = sum(heart$tx == heart$futime, na.rm = TRUE))
# the data set that survival ships: a day is added to every time, so that a transplant on day 0 comes after the death on that day, and the one who
# died on the day of the transplant was transplanted half a day before
out$heart_shipped <- told(coxph(Surv(start, stop, event) ~ transplant + age + surgery, survival::heart, control = CONTROL))

entry <- pmax(heart$entry, 0); begin <- ifelse(heart$entry > 0, heart$entry, -1)
stays <- heart$futime > 0  # who died on day 0 has not been under observation after the entry
late <- from_start(rows(heart[stays, ], c(transplant = "tx"), begin[stays]), heart[stays, ], c(transplant = "tx"), begin[stays])
out$heart_entry <- fitted(Surv(tstart, tstop, event) ~ transplant + age + surgery, late)

landmark <- function(data, at, changes) {
  left <- data[data$futime / MONTH >= at & data$entry / MONTH < at, ]
  for (name in names(changes)) left[[name]] <- as.integer(!is.na(left[[changes[[name]]]]) & left[[changes[[name]]]] / MONTH <= at)
  left$time <- left$futime / MONTH - at
  left
}
heart$entry0 <- heart$entry; heart$entry <- -1
for (at in c(1, 3)) {
  left <- landmark(heart, at, c(transplant = "tx"))
  out[[paste0("heart_landmark_", at)]] <- c(fitted(Surv(time, status) ~ transplant + age + surgery, left), n = nrow(left), n_known = sum(left$transplant))
}
left <- landmark(heart, 1, c(transplant = "tx"))
left$status <- ifelse(left$time > 6, 0, left$status); left$time <- pmin(left$time, 6)
out$heart_horizon <- c(fitted(Surv(time, status) ~ transplant + age + surgery, left), n = nrow(left))

# ---------------------------------------------------------------- primary biliary cirrhosis: two columns, three ends

first <- function(column) {
  seen <- pbcseq[!is.na(pbcseq[[column]]) & pbcseq[[column]] == 1, ]
  tapply(seen$day, seen$id, min)
}
base <- pbcseq[!duplicated(pbcseq$id), ]
pbc <- data.frame(id = base$id, futime = base$futime, status = base$status, age = round(base$age, 6), sex = as.character(base$sex), albumin = base$albumin)
pbc$ascites <- first("ascites")[as.character(pbc$id)]
pbc$spiders <- first("spiders")[as.character(pbc$id)]
second <- pbcseq[duplicated(pbcseq$id), ]
second <- second[!duplicated(second$id), ]
pbc$bili <- second$bili[match(pbc$id, second$id)]
pbc$bili_day <- second$day[match(pbc$id, second$id)]
pbc <- cell(transform(pbc, ascites = dated(ascites), spiders = dated(spiders), bili_day = dated(bili_day), start = as.character(ZERO), last = dated(futime),
                      futime = NULL), "later_pbc.csv")
since <- function(column) as.numeric(as.Date(pbc[[column]]) - ZERO)
pbc$futime <- since("last"); pbc$asc <- since("ascites"); pbc$spi <- since("spiders"); pbc$bil <- since("bili_day")
pbc$male <- as.integer(pbc$sex == "m")
pbc$entry <- -1
ends <- pbc$status
for (cause in 1:2) {
  pbc$status <- as.integer(ends == cause)
  changes <- c(ascites1 = "asc", spiders1 = "spi")
  made <- from_start(rows(pbc, changes), pbc, changes, rep(-1, nrow(pbc)))
  out[[paste0("pbc_cause_", cause)]] <- fitted(Surv(tstart, tstop, event) ~ ascites1 + spiders1 + age + male, made)
  left <- landmark(pbc, 12, changes)
  out[[paste0("pbc_landmark_", cause)]] <- c(fitted(Surv(time, status) ~ ascites1 + spiders1 + age + male, left), n = nrow(left))
}
pbc$status <- ends
left <- landmark(pbc, 12, c(ascites1 = "asc", spiders1 = "spi"))
x <- as.matrix(left[, c("ascites1", "spiders1", "age", "male")])
# crr's step-halving may stop on rounding: standardised covariates and two Newton steps of its own score and information go to the end (see fine_gray.R)
centre <- colMeans(x); spread <- apply(x, 2, sd)
asked <- list(ftime = aeqSurv(Surv(left$time, rep(1, nrow(left))))[, 1], fstatus = left$status, cov1 = scale(x, centre, spread), failcode = 2, cencode = 0,
              gtol = 1e-14, maxiter = 100)
fg <- do.call(crr, asked)
for (more in 1:2) fg <- do.call(crr, utils::modifyList(asked, list(maxiter = 0, init = unname(fg$coef + c(fg$invinf %*% fg$score)))))
out$pbc_crr <- list(estimate = unname(fg$coef / spread), std_error = unname(sqrt(diag(fg$var)) / spread), n = nrow(left))
left$end <- factor(left$status, 0:2); left$sexed <- left$male
grown <- finegray(Surv(time, end) ~ ascites1 + spiders1 + age + id + sexed + strata(male), data = left, etype = "2")
out$pbc_finegray <- told(coxph(Surv(fgstart, fgstop, fgstatus) ~ ascites1 + spiders1 + age + strata(sexed) + cluster(id), grown, weights = fgwt,
                                control = CONTROL))[c("estimate", "std_error")]

numeric <- pbc[pbc$futime / MONTH >= 12, ]
numeric$time <- numeric$futime / MONTH - 12
numeric$dead <- as.integer(numeric$status == 2)
known <- numeric[!is.na(numeric$bil) & numeric$bil / MONTH <= 12, ]
out$pbc_number <- c(fitted(Surv(time, dead) ~ bili + age, known), n = nrow(known), left_out = nrow(numeric) - nrow(known))

number <- function(x) ifelse(is.na(x), "null", formatC(x, digits = 17, format = "g", width = 1))
to_json <- function(x) if (is.list(x)) paste0("{", paste0("\"", names(x), "\": ", vapply(x, to_json, ""), collapse = ", "), "}") else
  if (length(x) == 1) number(x) else paste0("[", paste(number(x), collapse = ", "), "]")
writeLines(paste0("{\n", paste0("\"", names(out), "\": ", vapply(out, to_json, ""), collapse = ",\n"), "\n}"), "later.json")
