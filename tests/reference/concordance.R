# Reference values for concordance(): what concordance() of R survival 3.5-3 says, Harrell's and Uno's (timewt = "n/G2").
#
#   Rscript tests/reference/concordance.R
#
# writes data/concordance_*.csv, reads them and the cox_*.csv of cox.R back (so that R and Python see the same digits), and
# writes concordance.json. The tests read concordance.json; they need no R.
#
# Two things of R's are left out, because they are slips of its own (survival 3.5-3):
# - with more than ten strata and ymax, R by default puts the strata one after the other in time, and then compares the moved
#   times with ymax, so that only the first stratum counts. keepstrata = TRUE asks for the strata one by one, as it does for ten.
# - with delayed entry and ymax, tied.y still counts the tied events after ymax (tied.xy does not; without delayed entry neither
#   does): those cases carry no tied_time.

library(survival)
here <- dirname(sub("^--file=", "", grep("^--file=", commandArgs(FALSE), value = TRUE)[1]))
setwd(here)

# ---------------------------------------------------------------- data sets

cell <- function(data, name, columns)
  write.csv(data[, columns], file.path("data", paste0("concordance_", name, ".csv")), row.names = FALSE, na = "", quote = FALSE)

cell(survival::gbsg, "gbsg", c("rfstime", "status", "age", "size", "grade", "nodes", "pgr", "er", "hormon"))
mgus <- transform(survival::mgus2, year = as.integer(dxyr), share = 0.5 + (seq_len(nrow(mgus2)) %% 4) / 4)
cell(mgus, "mgus2", c("futime", "death", "ptime", "pstat", "age", "sex", "hgb", "creat", "mspike", "year", "share"))
cell(survival::retinopathy, "retinopathy", c("id", "futime", "status", "age", "trt", "risk", "type"))

# ---------------------------------------------------------------- questions

ask <- function(name, data, time, status, marker, entry = NULL, strata = NULL, cluster = NULL, weights = NULL, keep = NULL,
                months = FALSE, horizon = NULL, weighting = "harrell", rows = FALSE)
  list(name = name, data = data, time = time, status = status, marker = marker, entry = entry, strata = strata,
       cluster = cluster, weights = weights, keep = keep, months = months, horizon = horizon, weighting = weighting, rows = rows)

# each question with and without a horizon, by both weightings (only Harrell's with delayed entry)
four <- function(name, ..., entry = NULL, horizon) c(
  list(ask(name, ..., entry = entry), ask(paste0(name, "_horizon"), ..., entry = entry, horizon = horizon)),
  if (is.null(entry)) list(ask(paste0(name, "_uno"), ..., weighting = "uno"),
                           ask(paste0(name, "_uno_horizon"), ..., weighting = "uno", horizon = horizon)))

questions <- c(
  four("lung_age", "cox_lung", "days", "dead", "age", horizon = 365),
  four("lung_age_months", "cox_lung", "months", "dead", "age", horizon = 12),
  four("lung_ecog_months", "cox_lung", "months", "dead", "ph.ecog", horizon = 6),
  four("lung_karno_by_sex", "cox_lung", "months", "dead", "ph.karno", strata = "sex", horizon = 10),
  four("lung_loss_weighted", "cox_lung", "months", "dead", "wt.loss", weights = "share", horizon = 12),
  four("lung_copies_by_ecog", "cox_lung", "days", "dead", "age", weights = "copies", strata = "ph.ecog", horizon = 300),
  four("veteran_karno", "cox_veteran", "time", "status", "karno", horizon = 100, rows = TRUE),
  four("veteran_age_by_cell", "cox_veteran", "time", "status", "age", strata = "celltype", horizon = 90),
  four("veteran_months", "cox_veteran", "time", "status", "diagtime", months = TRUE, horizon = 6),
  four("ovarian_age", "cox_ovarian", "futime", "fustat", "age", horizon = 464, rows = TRUE),
  four("ovarian_rx", "cox_ovarian", "futime", "fustat", "rx", strata = "resid.ds", horizon = 400),
  four("ovarian_age_by_ecog_and_time", "cox_ovarian", "futime", "fustat", "age", strata = "ecog.ps", months = TRUE, horizon = 5),
  four("pbc_bili", "cox_pbc", "time", "dead", "bili", horizon = 3650),
  four("pbc_protime_months_by_stage", "cox_pbc", "time", "dead", "protime", strata = "stage", months = TRUE, horizon = 60),
  four("colon_death_nodes", "cox_colon", "time", "status", "nodes", keep = list(etype = 2), horizon = 1826),
  four("colon_recurrence_months", "cox_colon", "time", "status", "age", keep = list(etype = 1), months = TRUE, strata = "rx",
       horizon = 36),
  four("colon_both_clustered", "cox_colon", "time", "status", "nodes", strata = "etype", cluster = "id", horizon = 1000),
  four("flchain_age", "cox_flchain", "futime", "death", "age", horizon = 3652),
  four("flchain_kappa_months", "cox_flchain", "futime", "death", "kappa", months = TRUE, horizon = 60),
  four("heart_age", "cox_heart", "stop", "event", "age", entry = "start", horizon = 200, rows = TRUE),
  four("heart_year_by_surgery_clustered", "cox_heart", "stop", "event", "year", entry = "start", strata = "surgery",
       cluster = "id", horizon = 100),
  four("cgd_age_clustered", "cox_cgd", "tstop", "status", "age", entry = "tstart", cluster = "id", horizon = 250),
  four("cgd_steroids_by_hospital", "cox_cgd", "tstop", "status", "steroids", entry = "tstart", strata = "hos", cluster = "id",
       horizon = 250),
  four("bladder_number_by_recurrence", "cox_bladder", "stop", "event", "number", entry = "start", strata = "enum",
       cluster = "id", horizon = 24),
  four("rats_rx_litters", "cox_rats", "time", "status", "rx", strata = "sex", cluster = "litter", horizon = 90),
  four("gbsg_nodes", "concordance_gbsg", "rfstime", "status", "nodes", horizon = 1826),
  four("gbsg_pgr_months_by_grade", "concordance_gbsg", "rfstime", "status", "pgr", strata = "grade", months = TRUE, horizon = 36),
  four("mgus2_hgb", "concordance_mgus2", "futime", "death", "hgb", horizon = 120),
  four("mgus2_mspike_by_year", "concordance_mgus2", "ptime", "pstat", "mspike", strata = "year", horizon = 180),
  four("mgus2_age_weighted_by_year", "concordance_mgus2", "futime", "death", "age", strata = "year", weights = "share", horizon = 120),
  four("retinopathy_risk_eyes", "concordance_retinopathy", "futime", "status", "risk", strata = "trt", cluster = "id", horizon = 36))

# ---------------------------------------------------------------- answers

answer <- function(m) {
  data <- read.csv(file.path("data", paste0(m$data, ".csv")))
  for (column in names(m$keep)) data <- data[data[[column]] == m$keep[[column]], ]
  used <- c(m$marker, m$strata, m$weights)
  data <- data[complete.cases(data[, used, drop = FALSE]), ]
  if (m$months) data[[m$time]] <- round(data[[m$time]] / 30.4375)
  y <- if (is.null(m$entry)) Surv(data[[m$time]], data[[m$status]]) else Surv(data[[m$entry]], data[[m$time]], data[[m$status]])
  arguments <- list(y = y, x = as.numeric(data[[m$marker]]), timewt = if (m$weighting == "uno") "n/G2" else "n",
                    reverse = TRUE, influence = 3, keepstrata = TRUE)
  if (!is.null(m$strata)) arguments$strata <- data[[m$strata]]
  if (!is.null(m$weights)) arguments$weights <- data[[m$weights]]
  if (!is.null(m$cluster)) arguments$cluster <- data[[m$cluster]]
  if (!is.null(m$horizon)) arguments$ymax <- m$horizon
  fit <- do.call(concordancefit, arguments)
  count <- unname(if (is.matrix(fit$count)) colSums(fit$count) else fit$count)
  if (!is.null(m$entry) && !is.null(m$horizon)) count[4] <- NA
  out <- c(m, list(n = nrow(data), concordance = unname(fit$concordance), std_error = sqrt(fit$var), count = count))
  if (m$rows) out$influence <- matrix(fit$influence[, 1:3], ncol = 3)
  out
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
  text <- if (is.character(value)) paste0("\"", value, "\"") else if (is.logical(value) && !anyNA(value)) tolower(as.character(value)) else
    ifelse(is.na(value), "null", formatC(as.numeric(value), digits = 17, format = "g", width = 1))
  if (length(value) == 1) text else paste0("[", paste(text, collapse = ", "), "]")
}

answers <- lapply(questions, answer)
writeLines(c("{", paste0("\"version\": ", to_json(paste("survival", packageVersion("survival"), "R", getRversion())), ","),
             paste0("\"questions\": [\n", paste(vapply(answers, to_json, ""), collapse = ",\n"), "\n]"), "}"), "concordance.json")
cat(length(answers), "questions of", length(unique(vapply(questions, `[[`, "", "data"))), "data sets\n")
