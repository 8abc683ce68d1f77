# Reference values for cox(), proportional_hazards() and concordance(): what R survival 3.5-3 says.
#
#   Rscript tests/reference/cox.R
#
# writes data/cox_*.csv, reads them back (so that R and Python see the same digits), fits every model of `models`
# run to convergence, and writes cox.json. The tests read cox.json; they need no R.

library(survival)
here <- dirname(sub("^--file=", "", grep("^--file=", commandArgs(FALSE), value = TRUE)[1]))
setwd(here)

# ---------------------------------------------------------------- data sets

cell <- function(data, name, columns) write.csv(data[, columns], file.path("data", name), row.names = FALSE, na = "", quote = FALSE)

lung <- transform(survival::lung, days = time, months = round(time / 30.4375), dead = status - 1,
                  sex = ifelse(sex == 1, "male", "female"))
lung$copies <- 1 + seq_len(nrow(lung)) %% 3
lung$share <- 0.5 + (seq_len(nrow(lung)) %% 4) / 4
cell(lung, "cox_lung.csv", c("days", "months", "dead", "age", "sex", "ph.ecog", "ph.karno", "wt.loss", "copies", "share"))

cell(survival::veteran, "cox_veteran.csv", c("time", "status", "trt", "celltype", "karno", "diagtime", "age", "prior"))
cell(survival::ovarian, "cox_ovarian.csv", c("futime", "fustat", "age", "resid.ds", "rx", "ecog.ps"))

pbc <- transform(survival::pbc, dead = as.integer(status == 2), ageday = round(age * 365.25))
cell(pbc, "cox_pbc.csv", c("time", "status", "dead", "ageday", "sex", "trt", "edema", "bili", "chol", "albumin", "copper",
                           "protime", "stage"))

colon <- survival::colon
colon$rx <- gsub("+", "_", as.character(colon$rx), fixed = TRUE)
cell(colon, "cox_colon.csv", c("id", "etype", "time", "status", "rx", "sex", "age", "obstruct", "nodes", "differ", "node4"))

heart <- transform(survival::heart, transplant = as.integer(as.character(transplant)))
cell(heart, "cox_heart.csv", c("start", "stop", "event", "age", "year", "surgery", "transplant", "id"))

cgd <- transform(survival::cgd, treat = gsub(" ", "_", as.character(treat)), hos = gsub("[^A-Za-z]", "_", as.character(hos.cat)))
cell(cgd, "cox_cgd.csv", c("id", "tstart", "tstop", "status", "treat", "inherit", "age", "steroids", "propylac", "sex", "hos"))

rats <- survival::rats
rats$sex <- ifelse(rats$sex == "f", "female", "male")
cell(rats, "cox_rats.csv", c("litter", "rx", "time", "status", "sex"))

bladder <- survival::bladder2
cell(bladder, "cox_bladder.csv", c("id", "rx", "number", "size", "start", "stop", "event", "enum"))
cell(survival::flchain, "cox_flchain.csv", c("futime", "death", "age", "kappa"))

# one patient's covariate is 1,778 where the others' are below 27: risks differ by e^760 at the maximum
extreme <- data.frame(
  time = c(6, 1, 1, 3, 11, 4, 8, 2, 7, 3, 10, 1, 7, 8, 2, 2), event = c(0, 1, 0, 1, 0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1),
  x = c(0.0940985, 2.1767410, 0.0410065, 1.1908007, 26.6630729, 5.8994311, 1778.0411793, 0.0002075, 2.6231582, 3.0443188,
        22.2114938, 0.4680679, 0.0976389, 9.1855639, 0.0752818, 0.0279572),
  z = c(0, 1, 0, 1, 0, 0, 2, 2, 2, 2, 1, 0, 1, 1, 0, 0),
  group = c("b", "c", "b", "c", "a", "c", "b", "b", "c", "a", "c", "a", "c", "a", "a", "b"),
  stratum = c(0, 1, 2, 1, 0, 2, 2, 1, 0, 1, 0, 2, 1, 1, 2, 1))
cell(extreme, "cox_extreme.csv", names(extreme))

# ---------------------------------------------------------------- models

model <- function(name, data, time, status, terms, entry = NULL, strata = NULL, weights = NULL, cluster = NULL,
                  reference = list(), keep = NULL, cause = NULL, ties = "efron", robust = NULL, residuals = TRUE, offset = NULL)
  list(name = name, data = data, time = time, status = status, terms = terms, entry = entry, strata = strata,
       weights = weights, cluster = cluster, reference = reference, keep = keep, cause = cause, ties = ties,
       robust = robust, residuals = residuals, offset = offset)

both <- function(name, ...) list(model(name, ...), model(paste0(name, "_breslow"), ..., ties = "breslow"))

models <- c(
  both("lung_days", "lung", "days", "dead", c("age", "sex", "ph.ecog", "wt.loss"), reference = list(sex = "male")),
  both("lung_months", "lung", "months", "dead", c("age", "sex", "ph.ecog", "wt.loss"), reference = list(sex = "male")),
  both("lung_strata", "lung", "months", "dead", c("age", "ph.karno"), strata = "sex"),
  both("lung_interaction", "lung", "months", "dead", c("sex*age", "ph.ecog")),
  both("lung_copies", "lung", "months", "dead", c("age", "sex"), weights = "copies"),
  both("lung_share", "lung", "months", "dead", c("age", "sex"), weights = "share"),
  both("lung_share_strata", "lung", "months", "dead", c("age", "wt.loss"), weights = "share", strata = "sex"),
  both("lung_robust", "lung", "months", "dead", c("age", "sex"), robust = TRUE),
  both("veteran", "veteran", "time", "status", c("trt", "celltype", "karno", "diagtime", "age", "prior")),
  both("veteran_strata", "veteran", "time", "status", c("trt", "karno", "age"), strata = "celltype"),
  both("veteran_interaction", "veteran", "time", "status", c("trt*celltype", "karno"), reference = list(celltype = "large")),
  list(model("ovarian", "ovarian", "futime", "fustat", c("age", "resid.ds", "rx", "ecog.ps"))),
  both("pbc", "pbc", "time", "dead", c("ageday", "sex", "edema", "bili", "albumin", "copper", "protime", "stage")),
  both("pbc_strata", "pbc", "time", "dead", c("ageday", "bili", "chol", "protime"), strata = "sex"),
  list(model("pbc_cause", "pbc", "time", "status", c("ageday", "bili", "sex"), cause = 1)),
  both("colon_death", "colon", "time", "status", c("rx", "sex", "age", "obstruct", "nodes", "differ"), keep = list(etype = 2),
       reference = list(rx = "Obs"), residuals = FALSE),
  both("colon_marginal", "colon", "time", "status", c("rx", "nodes", "age"), strata = "etype", cluster = "id",
       reference = list(rx = "Obs"), residuals = FALSE),
  both("heart", "heart", "stop", "event", c("age", "year", "surgery", "transplant"), entry = "start"),
  both("heart_strata", "heart", "stop", "event", c("age", "year", "transplant"), entry = "start", strata = "surgery"),
  both("heart_id", "heart", "stop", "event", c("age", "transplant"), entry = "start", cluster = "id"),
  both("cgd", "cgd", "tstop", "status", c("treat", "inherit", "age", "steroids"), entry = "tstart", cluster = "id",
       reference = list(treat = "placebo")),
  both("cgd_strata", "cgd", "tstop", "status", c("treat", "inherit", "age"), entry = "tstart", strata = "hos", cluster = "id",
       reference = list(treat = "placebo")),
  both("rats", "rats", "time", "status", c("rx", "sex"), cluster = "litter"),
  both("rats_strata", "rats", "time", "status", c("rx"), strata = "sex", cluster = "litter"),
  both("bladder", "bladder", "stop", "event", c("rx", "number", "size"), entry = "start", strata = "enum", cluster = "id"),
  both("extreme", "extreme", "time", "event", c("x", "z", "group"), strata = "stratum"),
  both("lung_offset", "lung", "months", "dead", c("age", "sex"), offset = "share"),
  both("lung_offset_strata_weights", "lung", "months", "dead", c("age", "wt.loss"), offset = "share", weights = "copies", strata = "sex"),
  both("heart_offset", "heart", "stop", "event", c("age", "transplant"), entry = "start", offset = "surgery", cluster = "id"),
  list(model("flchain", "flchain", "futime", "death", c("age", "kappa"), residuals = FALSE))
)

# ---------------------------------------------------------------- fits, run to convergence

control <- coxph.control(eps = 1e-14, toler.chol = 1e-15, iter.max = 100)

load_data <- function(m) {
  data <- read.csv(file.path("data", paste0("cox_", m$data, ".csv")))
  for (column in names(m$keep)) data <- data[data[[column]] == m$keep[[column]], ]
  for (column in names(data)) if (is.character(data[[column]])) {
    data[[column]] <- factor(data[[column]], levels = sort(unique(data[[column]]), method = "radix"))
    if (!is.null(m$reference[[column]])) data[[column]] <- relevel(data[[column]], ref = m$reference[[column]])
  }
  for (column in names(data)) if (is.integer(data[[column]])) data[[column]] <- as.numeric(data[[column]])
  data$.event <- if (is.null(m$cause)) data[[m$status]] else as.numeric(data[[m$status]] == m$cause)
  data
}

surv_text <- function(m) paste0("Surv(", if (!is.null(m$entry)) paste0(m$entry, ", "), m$time, ", .event)")

fit_model <- function(m) {
  data <- load_data(m)
  right <- c(m$terms, if (!is.null(m$strata)) paste0("strata(", m$strata, ")"),
             if (!is.null(m$offset)) paste0("offset(", m$offset, ")"))
  arguments <- list(formula = as.formula(paste(surv_text(m), "~", paste(right, collapse = " + "))), data = data,
                    ties = m$ties, control = control, x = TRUE)
  if (!is.null(m$weights)) arguments$weights <- data[[m$weights]]
  if (!is.null(m$cluster)) arguments$cluster <- data[[m$cluster]]
  if (!is.null(m$robust)) arguments$robust <- m$robust
  fit <- do.call(coxph, arguments)
  p <- length(coef(fit))
  out <- c(m, list(
    coefficients = unname(coef(fit)), covariance = unname(fit$var), std_error = unname(sqrt(diag(fit$var))),
    naive_std_error = unname(sqrt(diag(if (is.null(fit$naive.var)) fit$var else fit$naive.var))),
    log_likelihood = fit$loglik, score = fit$score, wald = unname(fit$wald.test), robust_score = if (!is.null(fit$rscore)) as.numeric(fit$rscore), aic = AIC(fit),
    n = fit$n, n_event = fit$nevent, concordance = unname(fit$concordance)))
  out$zph <- lapply(c(km = "km", rank = "rank", identity = "identity", log = "log"), function(transform) {
    if (transform == "log" && any(fit$y[, ncol(fit$y) - 1] <= 0)) return(NULL)
    table <- cox.zph(fit, transform = transform)$table
    list(term = rownames(table), statistic = unname(table[, 1]), df = unname(table[, 2]), p_value = unname(table[, 3]))
  })
  out$zph <- Filter(Negate(is.null), out$zph)
  # predicted survival of three patients and of somebody with 0 everywhere (coxph's baseline), with limits on two scales
  used <- data[complete.cases(data[c(m$terms[!grepl("[*:]", m$terms)], unlist(strsplit(m$terms[grepl("[*:]", m$terms)], "[*:]")))]), ]
  who <- used[c(1, nrow(used) %/% 2, nrow(used)), ]
  times <- unname(quantile(used[[m$time]][used$.event == 1], c(0.1, 0.5, 0.9), type = 1))
  times <- c(times[1] / 2, times, 2 * max(used[[m$time]]))
  out$predicted_rows <- as.numeric(match(rownames(who), rownames(data)))
  out$predicted_times <- times
  for (scale in c("log-log", "plain")) {
    curves <- lapply(1:3, function(i) summary(survfit(fit, newdata = who[i, ], conf.type = scale), times = times, extend = TRUE))
    if (scale == "log-log") {
      out$predicted <- lapply(curves, function(one) as.numeric(one$surv))
      out$predicted_se <- lapply(curves, function(one) as.numeric(one$std.err))
    }
    out[[paste0("predicted_low_", sub("-", "", scale))]] <- lapply(curves, function(one) as.numeric(one$lower))
    out[[paste0("predicted_high_", sub("-", "", scale))]] <- lapply(curves, function(one) as.numeric(one$upper))
  }
  nobody <- basehaz(fit, centered = FALSE)
  levels <- if (is.null(nobody$strata)) factor(rep("", nrow(nobody))) else factor(nobody$strata)
  out$baseline <- lapply(split(nobody, levels), function(one)
    approx(c(-1, one$time), c(0, one$hazard), xout = times, method = "constant", rule = 2, f = 0)$y)
  if (m$residuals) {
    out$martingale <- unname(residuals(fit, "martingale"))
    out$deviance <- unname(residuals(fit, "deviance"))
    out$score_residuals <- matrix(residuals(fit, "score"), ncol = p)
    out$dfbeta <- matrix(residuals(fit, "dfbeta", weighted = TRUE), ncol = p)
    schoenfeld <- matrix(residuals(fit, "schoenfeld"), ncol = p)
    out$schoenfeld <- schoenfeld
    out$schoenfeld_time <- as.numeric(if (p == 1) names(residuals(fit, "schoenfeld")) else rownames(residuals(fit, "schoenfeld")))
  }
  out
}

marker <- function(name, data, time, status, marker, entry = NULL, strata = NULL, cluster = NULL)
  list(name = name, data = data, time = time, status = status, marker = marker, entry = entry, strata = strata, cluster = cluster)

markers <- list(
  marker("lung_age", "lung", "months", "dead", "age"),
  marker("lung_ecog", "lung", "months", "dead", "ph.ecog"),
  marker("lung_karno_by_sex", "lung", "months", "dead", "ph.karno", strata = "sex"),
  marker("lung_days", "lung", "days", "dead", "wt.loss"),
  marker("veteran_karno", "veteran", "time", "status", "karno", strata = "celltype"),
  marker("pbc_bili", "pbc", "time", "dead", "bili"),
  marker("heart_age", "heart", "stop", "event", "age", entry = "start"),
  marker("heart_year_by_surgery", "heart", "stop", "event", "year", entry = "start", strata = "surgery"),
  marker("cgd_age", "cgd", "tstop", "status", "age", entry = "tstart", cluster = "id"),
  marker("flchain_age", "flchain", "futime", "death", "age"),
  marker("flchain_kappa", "flchain", "futime", "death", "kappa"))

fit_marker <- function(m) {
  data <- load_data(m)
  data <- data[!is.na(data[[m$marker]]), ]
  right <- c(m$marker, if (!is.null(m$strata)) paste0("strata(", m$strata, ")"))
  arguments <- list(as.formula(paste(surv_text(m), "~", paste(right, collapse = " + "))), data = data, reverse = TRUE)
  if (!is.null(m$cluster)) arguments$cluster <- data[[m$cluster]]
  fit <- do.call(concordance, arguments)
  count <- if (is.matrix(fit$count)) colSums(fit$count) else fit$count
  c(m, list(concordance = unname(fit$concordance), std_error = sqrt(fit$var), count = unname(count)))
}

# ---------------------------------------------------------------- JSON, 17 significant digits, no package needed

to_json <- function(value) {
  if (is.null(value)) return("null")
  if (is.list(value)) {
    parts <- vapply(value, to_json, "")
    if (is.null(names(value))) return(paste0("[", paste(parts, collapse = ", "), "]"))
    return(paste0("{", paste0("\"", names(value), "\": ", parts, collapse = ", "), "}"))
  }
  if (is.matrix(value)) return(paste0("[", paste(apply(value, 1, function(row) to_json(as.list(row))), collapse = ", "), "]"))
  text <- if (is.character(value)) paste0("\"", value, "\"") else if (is.logical(value)) tolower(as.character(value)) else
    ifelse(!is.finite(value), "null", formatC(as.numeric(value), digits = 17, format = "g", width = 1))
  if (length(value) == 1) text else paste0("[", paste(text, collapse = ", "), "]")
}
array_of <- function(m) {
  m$terms <- as.list(m$terms)
  for (name in c("coefficients", "std_error", "naive_std_error")) if (!is.null(m[[name]])) m[[name]] <- as.list(m[[name]])
  m
}

result <- list(version = paste("survival", packageVersion("survival"), "R", getRversion()),
               models = lapply(lapply(models, fit_model), array_of), markers = lapply(markers, fit_marker))
lines <- c("{", paste0("\"version\": ", to_json(result$version), ","),
           paste0("\"models\": [\n", paste(vapply(result$models, to_json, ""), collapse = ",\n"), "\n],"),
           paste0("\"markers\": [\n", paste(vapply(result$markers, to_json, ""), collapse = ",\n"), "\n]"), "}")
writeLines(lines, "cox.json")
cat(length(models), "models,", length(markers), "markers\n")
