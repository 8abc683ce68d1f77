# R's survival and cmprsk. One process a measurement:
#   Rscript r.R FOLDER TRIAL ENOUGH_SECONDS MOST_REPEATS LONG_SECONDS
# It prints the lines that worker.py prints: READY, RUN wall cpu [megabytes], NUMBERS name values, DONE.

arguments <- commandArgs(trailingOnly = TRUE)
folder <- arguments[1]; trial <- arguments[2]
enough <- as.numeric(arguments[3]); most <- as.integer(arguments[4]); long <- as.numeric(arguments[5])

suppressPackageStartupMessages({
  library(survival)
  if (grepl("cmprsk", trial)) library(cmprsk)
  if (grepl("mice", trial)) library(mice)
})

read_npy <- function(name) {
  file <- file(file.path(folder, paste0(name, ".npy")), "rb")
  on.exit(close(file))
  start <- readBin(file, "raw", 10)
  header <- rawToChar(readBin(file, "raw", as.integer(start[9]) + 256 * as.integer(start[10])))
  shape <- as.integer(regmatches(sub(".*shape'", "", header), gregexpr("[0-9]+", sub(".*shape'", "", header)))[[1]])
  values <- if (grepl("<f8", header)) readBin(file, "double", prod(shape), 8) else readBin(file, "integer", prod(shape), 4)
  if (length(shape) == 2) matrix(values, shape[1]) else values   # written in column order
}

x <- read_npy("x")
colnames(x) <- paste0("x", seq_len(ncol(x)))
state <- read_npy("state")
whole <- data.frame(x, time = read_npy("time"), status = as.integer(state > 0), state = state,
                    group = factor(read_npy("group")), marker = read_npy("marker"),
                    event = factor(state, 0:2, c("censored", "1", "2")), row = seq_along(state))
covariates <- colnames(x)
samples <- if (grepl("bootstrap", trial)) read_npy("resamples")
rm(x, state)

at <- c(90.5, 365.5, 730.5, 1095.5, 1825.5, 2555.5, 3285.5)   # AT of trial.py
stepped <- function(time, values, start) c(start, values)[findInterval(at, time) + 1]
right <- paste(covariates, collapse = " + ")
cox_formula <- as.formula(paste("Surv(time, status) ~", right))
bare <- function(x, y) survival:::coxph.fit(x, y, strata = NULL, offset = NULL, init = NULL, control = coxph.control(),
                                            method = "efron", rownames = NULL, resid = FALSE)
coefficients_of <- function(fit) list(estimate = unname(coef(fit)), std_error = unname(sqrt(diag(fit$var))))
spread_of <- function(b) list(std_error = apply(b, 1, sd))

# Each takes the patients and gives list(call, numbers); all that `call` does is timed.
trials <- list(
  coxph = function(d) list(function() coxph(cox_formula, d, ties = "efron"), coefficients_of),
  coxph.fit = function(d) {
    x <- as.matrix(d[covariates])
    list(function() bare(x, Surv(d$time, d$status)),
         function(fit) list(estimate = unname(fit$coefficients), std_error = sqrt(diag(fit$var))))
  },
  cmprsk.crr = function(d) {
    x <- as.matrix(d[covariates])
    list(function() cmprsk::crr(d$time, d$state, x, failcode = 1, cencode = 0),
         function(fit) list(estimate = unname(fit$coef), std_error = sqrt(diag(fit$var))))
  },
  finegray = function(d) {
    wide <- as.formula(paste("Surv(time, event) ~", right, "+ row"))
    narrow <- as.formula(paste("Surv(fgstart, fgstop, fgstatus) ~", right))
    list(function() coxph(narrow, finegray(wide, d, etype = "1"), weights = fgwt, cluster = row), coefficients_of)
  },
  cmprsk.gray = function(d) list(function() cmprsk::cuminc(d$time, d$state, d$group),
                                 function(fit) list(statistic = fit$Tests["1", "stat"])),
  cmprsk.cuminc = function(d) list(function() cmprsk::cuminc(d$time, d$state), function(fit)
    list(estimate = c(stepped_pairs(fit[["1 1"]]$time, fit[["1 1"]]$est), stepped_pairs(fit[["1 2"]]$time, fit[["1 2"]]$est)),
         std_error = sqrt(c(stepped_pairs(fit[["1 1"]]$time, fit[["1 1"]]$var), stepped_pairs(fit[["1 2"]]$time, fit[["1 2"]]$var))))),
  survfit.states = function(d) list(function() survfit(Surv(time, event) ~ 1, d), function(fit)
    list(estimate = c(stepped(fit$time, fit$pstate[, 2], 0), stepped(fit$time, fit$pstate[, 3], 0)),
         std_error = c(stepped(fit$time, fit$std.err[, 2], 0), stepped(fit$time, fit$std.err[, 3], 0)))),
  survfit = function(d) list(function() survfit(Surv(time, status) ~ 1, d, conf.type = "log-log"), function(fit) {
    survival <- stepped(fit$time, fit$surv, 1)
    list(estimate = survival, std_error = stepped(fit$time, fit$std.err * fit$surv, 0), conf_low = stepped(fit$time, fit$lower, 1))
  }),
  concordance = function(d) list(function() concordance(Surv(time, status) ~ marker, d, reverse = TRUE), function(found)
    list(estimate = unname(found$concordance), std_error = unname(sqrt(found$var)))),
  survdiff = function(d) list(function() survdiff(Surv(time, status) ~ group, d), function(found) list(statistic = found$chisq)),
  mice.pool = function(d) {
    n <- nrow(d); p <- length(covariates)
    gaps <- outer(seq_len(n) - 1, seq_len(p) - 1, function(i, j) (i * 7919 + j * 104729) %% 101 < 20)   # gaps() of patients.py
    list(function() {
      given <- d[covariates]
      given[gaps] <- NA
      for (name in covariates) if (all(given[[name]] %in% c(0, 1, NA))) given[[name]] <- factor(given[[name]])
      given$status <- d$status
      given$hazard <- nelsonaalen(data.frame(time = d$time, status = d$status), time, status)
      imputed <- mice(given, m = 50, maxit = 10, printFlag = FALSE, seed = 1)
      fits <- lapply(complete(imputed, "all"), function(one) coxph(cox_formula, cbind(one[covariates], time = d$time, status = d$status), ties = "efron"))
      pool(as.mira(fits))
    }, function(found) { rows <- summary(found); list(estimate = rows$estimate, std_error = rows$std.error) })
  },
  bootstrap.coxph = function(d) list(function()
    apply(samples, 1, function(rows) coef(coxph(cox_formula, d[rows + 1, ], ties = "efron"))), spread_of),
  bootstrap.coxph.fit = function(d) {
    x <- as.matrix(d[covariates]); y <- Surv(d$time, d$status)
    list(function() apply(samples, 1, function(rows) bare(x[rows + 1, ], y[rows + 1])$coefficients), spread_of)
  }
)
stepped_pairs <- function(time, values) stepped(time, values, 0)   # cuminc gives both ends of each step: the later one counts

say <- function(...) { cat(..., "\n", sep = ""); flush(stdout()) }
memory <- function(field) {
  line <- grep(paste0("^", field, ":"), readLines("/proc/self/status"), value = TRUE)
  as.numeric(gsub("[^0-9]", "", line)) / 1024
}
measured <- function(call) {
  before <- proc.time(); begin <- Sys.time()
  result <- call()
  wall <- as.numeric(difftime(Sys.time(), begin, units = "secs"))
  cpu <- sum((proc.time() - before)[c("user.self", "sys.self")])
  list(result = result, wall = wall, cpu = cpu)
}

few <- trials[[trial]](whole[seq_len(min(300, nrow(whole))), ])
if (!grepl("bootstrap", trial)) for (again in 1:3) few[[2]](few[[1]]())   # R compiles a function on its second call
rm(few)
one <- trials[[trial]](whole)
invisible(gc()); invisible(gc())
say("READY")
cat("5", file = "/proc/self/clear_refs")
resident <- memory("VmRSS")
run <- measured(one[[1]])
say(sprintf("RUN %.9g %.9g %.6g", run$wall, run$cpu, memory("VmHWM") - resident))
numbers <- one[[2]](run$result)
for (name in names(numbers)) say("NUMBERS ", name, " ", paste(sprintf("%.17g", numbers[[name]]), collapse = " "))
spent <- run$wall; repeats <- 1
while (repeats < most && run$wall < long && (repeats < 3 || spent < enough)) {
  run$result <- NULL
  invisible(gc())
  run <- measured(one[[1]])
  say(sprintf("RUN %.9g %.9g", run$wall, run$cpu))
  spent <- spent + run$wall; repeats <- repeats + 1
}
say("DONE")
