# Reference values for fine_gray(): cmprsk 2.2-11's crr, and survival 3.5-3's finegray + coxph, both run to convergence.
#
#   cd tests/reference && Rscript fine_gray.R
#
# writes data/fine_gray_*.csv (public data sets of R's survival and riskRegression), reads them back (so that R and Python
# see the same digits) and writes fine_gray.json. The tests read fine_gray.json; they need no R.

suppressMessages({library(survival); library(cmprsk); library(riskRegression)})
stopifnot(packageVersion("survival") >= "3.5", packageVersion("cmprsk") >= "2.2")

# ---------------------------------------------------------------- data sets; state 0 is censored

cell <- function(data, name) write.csv(data, sprintf("data/fine_gray_%s.csv", name), row.names = FALSE, na = "", quote = FALSE)

data(Melanoma); data(Paquid)
cell(with(Melanoma, data.frame(days = time, state = status, sex = sex, ulcer = ifelse(ulcer == "present", 1, 0),
                               invasion = sub("level.", "L", invasion, fixed = TRUE), thick = thick, age = age)), "melanoma")
cell(with(Paquid, data.frame(years = time, state = status, dsst = DSST, mmse = MMSE)), "paquid")

mgus <- with(survival::mgus2, data.frame(
  months = ifelse(pstat == 1, ptime, futime), state = ifelse(pstat == 1, 1, 2 * death), sex = as.character(sex), age = age,
  hgb = hgb, creat = creat, mspike = mspike, dxyr = dxyr))
mgus$year <- ceiling(mgus$months / 12)                      # heavy ties
mgus$enter <- 12 * mgus$age                                 # delayed entry: age in months is the time scale
mgus$leave <- mgus$enter + mgus$months
mgus$copies <- rep(c(1, 2, 1, 3), length.out = nrow(mgus))
mgus$share <- rep(c(0.7, 1.9, 1.2, 0.35, 2.4), length.out = nrow(mgus))
mgus$patient <- seq_len(nrow(mgus))
cell(mgus, "mgus")

pbc <- with(survival::pbc, data.frame(days = time, months = round(time / 30.4375), state = status, ageday = round(age * 365.25),
                                      sex = as.character(sex), edema = edema, bili = bili, albumin = albumin, protime = protime,
                                      stage = stage, trt = trt))
pbc$exitday <- pbc$ageday + pbc$days                        # delayed entry without ties
pbc$patient <- seq_len(nrow(pbc))
cell(pbc, "pbc")

colon <- merge(subset(survival::colon, etype == 1), subset(survival::colon, etype == 2)[, c("id", "time", "status")], by = "id",
               suffixes = c("", ".death"))                  # recurrence first, or death without it
colon <- with(colon, data.frame(days = time, state = ifelse(status == 1, 1, ifelse(status.death == 1 & time.death <= time, 2, 0)),
                                rx = gsub("+", "_", as.character(rx), fixed = TRUE), sex = sex, age = age, nodes = nodes,
                                obstruct = obstruct, extent = extent))
colon$halfyear <- ceiling(colon$days / 182.625) / 2
cell(colon, "colon")

# four exits (death, transplant, withdrawal, none); some of them at time 0
cell(with(survival::transplant, data.frame(days = futime, month = round(futime / 30.4375), state = as.integer(event) - 1, age = age,
                                           sex = as.character(sex), abo = as.character(abo), year = year)), "transplant")

# rows of one patient with covariates that change: pbcseq as (start, stop] rows
seq_ <- survival::pbcseq
last <- !duplicated(seq_$id, fromLast = TRUE)
stop <- ifelse(last, seq_$futime, c(seq_$day[-1], NA))
cell(with(seq_, data.frame(patient = id, start = day, stop = stop, state = ifelse(last, status, 0), age = age, logbili = round(log(bili), 4),
                           albumin = albumin, edema = edema))[stop > seq_$day, ], "pbcseq")

# by hand: ties of all kinds, a group whose follow-up ends early, an event after the last competing event
hand <- data.frame(time = c(1, 2, 2, 2, 3, 4, 4, 5, 6, 6, 7, 8), state = c(2, 1, 0, 2, 2, 0, 1, 2, 1, 0, 1, 0),
                   x = c(1, 0, 2, 1, 3, 0, 1, 0, 2, 1, 3, 0), group = c("a", "b", "a", "b", "a", "a", "b", "b", "b", "b", "b", "b"))
cell(hand, "hand")

# ---------------------------------------------------------------- models

model <- function(name, data, time, terms, se, cause = 1, state = "state", entry = NULL, id = NULL, group = NULL, strata = NULL,
                  weights = NULL, cluster = NULL, reference = list(), residuals = TRUE)
  list(name = name, data = data, time = time, state = state, cause = cause, terms = terms, se = se, entry = entry, id = id,
       group = group, strata = strata, weights = weights, cluster = cluster, reference = reference, residuals = residuals)
both <- function(name, ...) list(model(paste0(name, "_crr"), ..., se = "crr"), model(paste0(name, "_finegray"), ..., se = "finegray"))

models <- c(
  both("bmt", "bmt", "time", "group", reference = list(group = "ALL")),
  both("bmt_death", "bmt", "time", "group", cause = 2),
  both("melanoma", "melanoma", "days", c("sex", "ulcer", "invasion", "thick", "age")),
  both("melanoma_other", "melanoma", "days", c("age", "sex"), cause = 2),
  both("paquid", "paquid", "years", c("dsst", "mmse"), residuals = FALSE),
  both("mgus", "mgus", "months", c("age", "sex", "hgb", "creat", "mspike"), residuals = FALSE),
  both("mgus_death", "mgus", "months", c("age", "sex", "hgb", "creat"), cause = 2, residuals = FALSE),
  both("mgus_years", "mgus", "year", c("age", "sex", "mspike"), residuals = FALSE),
  both("pbc_transplant", "pbc", "days", c("ageday", "sex", "bili", "albumin", "edema")),
  both("pbc_death", "pbc", "days", c("ageday", "sex", "bili", "albumin", "edema", "protime"), cause = 2),
  both("pbc_months", "pbc", "months", c("ageday", "sex", "bili"), cause = 2),
  both("colon", "colon", "days", c("rx", "sex", "age", "nodes", "obstruct"), reference = list(rx = "Obs"), residuals = FALSE),
  both("colon_halfyears", "colon", "halfyear", c("rx", "nodes", "extent"), reference = list(rx = "Obs"), residuals = FALSE),
  both("colon_interaction", "colon", "days", c("rx*obstruct", "nodes"), reference = list(rx = "Obs"), residuals = FALSE),
  both("transplant_death", "transplant", "days", c("age", "sex", "abo"), cause = 1),
  both("transplant_transplant", "transplant", "days", c("age", "sex", "abo", "year"), cause = 2, reference = list(abo = "O")),
  both("transplant_withdrawal", "transplant", "month", c("age", "year"), cause = 3),
  both("hand", "hand", "time", "x"),
  both("hand_other", "hand", "time", "x", cause = 2),
  list(
    model("hand_groups", "hand", "time", "x", "crr", group = "group"),
    model("hand_other_groups", "hand", "time", "x", "crr", cause = 2, group = "group"),
    model("melanoma_groups", "melanoma", "days", c("sex", "thick", "age"), "crr", group = "ulcer"),
    model("mgus_groups", "mgus", "months", c("age", "hgb"), "crr", group = "sex", residuals = FALSE),
    model("mgus_year_groups", "mgus", "year", c("age", "sex"), "crr", cause = 2, group = "sex", residuals = FALSE),
    model("transplant_groups", "transplant", "days", c("age", "sex"), "crr", group = "abo"),
    model("transplant_year_groups", "transplant", "month", c("age", "abo"), "crr", cause = 2, group = "year"),
    model("hand_strata", "hand", "time", "x", "finegray", strata = "group"),
    model("melanoma_strata", "melanoma", "days", c("sex", "thick", "age"), "finegray", strata = "ulcer"),
    model("mgus_strata", "mgus", "months", c("age", "hgb"), "finegray", strata = "sex", residuals = FALSE),
    model("transplant_strata", "transplant", "days", c("age", "sex"), "finegray", cause = 2, strata = "abo"),
    model("mgus_copies", "mgus", "months", c("age", "sex", "hgb"), "finegray", weights = "copies", residuals = FALSE),
    model("mgus_share", "mgus", "year", c("age", "sex", "hgb"), "finegray", weights = "share"),
    model("mgus_share_strata", "mgus", "year", c("age", "hgb"), "finegray", weights = "share", strata = "sex", cluster = "dxyr",
          residuals = FALSE),
    model("mgus_cluster", "mgus", "months", c("age", "sex", "mspike"), "finegray", cluster = "dxyr", residuals = FALSE),
    model("transplant_cluster", "transplant", "days", c("age", "sex", "abo"), "finegray", cause = 2, cluster = "year"),
    model("mgus_age", "mgus", "leave", c("sex", "hgb", "creat"), "finegray", entry = "enter", id = "patient", residuals = FALSE),
    model("mgus_age_death", "mgus", "leave", c("sex", "hgb", "mspike"), "finegray", cause = 2, entry = "enter", id = "patient",
          residuals = FALSE),
    model("mgus_age_share_strata", "mgus", "leave", c("hgb", "mspike"), "finegray", entry = "enter", id = "patient", strata = "sex",
          weights = "share", cluster = "dxyr", residuals = FALSE),
    model("pbc_age", "pbc", "exitday", c("sex", "bili", "albumin"), "finegray", cause = 2, entry = "ageday", id = "patient"),
    model("pbcseq", "pbcseq", "stop", c("age", "logbili", "albumin"), "finegray", cause = 2, entry = "start", id = "patient",
          residuals = FALSE),
    model("pbcseq_transplant", "pbcseq", "stop", c("age", "logbili", "edema"), "finegray", cause = 1, entry = "start", id = "patient",
          residuals = FALSE)))

# ---------------------------------------------------------------- fits

control <- coxph.control(eps = 1e-14, toler.chol = 1e-15, iter.max = 100)

load_data <- function(m) {
  data <- read.csv(if (m$data == "bmt") "data/curves_bmt.csv" else sprintf("data/fine_gray_%s.csv", m$data))
  for (column in names(data)) if (is.character(data[[column]])) {
    data[[column]] <- factor(data[[column]], levels = sort(unique(data[[column]]), method = "radix"))
    if (!is.null(m$reference[[column]])) data[[column]] <- relevel(data[[column]], ref = m$reference[[column]])
  }
  for (column in names(data)) if (is.integer(data[[column]])) data[[column]] <- as.numeric(data[[column]])
  variables <- unique(unlist(strsplit(m$terms, "*", fixed = TRUE)))
  data[stats::complete.cases(data[, variables, drop = FALSE]), ]
}
right <- function(terms) paste(terms, collapse = " + ")
some <- function(steps) steps[unique(round(seq(1, length(steps), length.out = 12)))]
patterns <- function(x) rbind(apply(x, 2, mean), apply(x, 2, min), apply(x, 2, max))  # whom curves are predicted for

fit_crr <- function(m) {
  data <- load_data(m)
  x <- model.matrix(as.formula(paste("~", right(m$terms))), data)[, -1, drop = FALSE]
  # crr's step-halving may stop on rounding before gtol = 1e-14; less so on standardised covariates, and two Newton steps more,
  # made of its own score and information, take it to the end
  mean <- colMeans(x); sd <- apply(x, 2, sd)
  z <- scale(x, mean, sd)
  # times that differ by rounding are one time here and in survival (timefix), not in crr by itself
  joined <- aeqSurv(Surv(data[[m$time]], rep(1, nrow(data))))[, 1]
  arguments <- list(ftime = joined, fstatus = data[[m$state]], cov1 = z, failcode = m$cause, gtol = 1e-14, maxiter = 100)
  if (!is.null(m$group)) arguments$cengroup <- data[[m$group]]
  fit <- do.call(crr, arguments)
  for (more in 1:2)
    fit <- do.call(crr, utils::modifyList(arguments, list(maxiter = 0, init = unname(fit$coef + c(fit$invinf %*% fit$score)))))
  null <- do.call(crr, utils::modifyList(arguments, list(maxiter = 0, init = rep(0, ncol(x)))))
  stopifnot(max(abs(fit$score) * sqrt(diag(fit$invinf))) < 1e-11)  # standard errors from the maximum
  b <- fit$coef / sd                                           # back to the covariates' own units
  out <- c(m, list(
    coefficients = unname(b), covariance = unname(fit$var / outer(sd, sd)), std_error = unname(sqrt(diag(fit$var)) / sd),
    model_covariance = unname(fit$invinf / outer(sd, sd)), naive_std_error = unname(sqrt(diag(fit$invinf)) / sd),
    log_likelihood = c(fit$loglik.null, fit$loglik),
    likelihood_ratio = unname(summary(fit)$logtest[1]), wald = c(fit$coef %*% solve(fit$var, fit$coef)),
    score = c(null$score %*% solve(null$inf, null$score)),
    n = fit$n, n_event = sum(data[[m$state]] == m$cause)))
  out$times <- fit$uftime
  chosen <- patterns(x)
  out$patterns <- unname(chosen)
  if (m$residuals) {
    out$schoenfeld <- unname(fit$res) %*% diag(sd, nrow = length(sd))
    out$jumps <- fit$bfitj * exp(-sum(mean * b))
  }
  curves <- unclass(predict(fit, scale(chosen, mean, sd)))
  keep <- some(seq_along(fit$uftime))
  out$curve_times <- curves[keep, 1]
  out$curves <- unname(t(curves[keep, -1, drop = FALSE]))
  out
}

fit_finegray <- function(m) {
  data <- load_data(m)
  data$.id <- if (is.null(m$id)) seq_len(nrow(data)) else data[[m$id]]
  data$.row <- seq_len(nrow(data))
  data$.state <- factor(data[[m$state]], 0:max(data[[m$state]]))
  data$.case <- if (is.null(m$weights)) 1 else data[[m$weights]]
  y <- paste0("Surv(", if (!is.null(m$entry)) paste0(m$entry, ", "), m$time, ", .state)")
  arguments <- list(as.formula(paste(y, "~ .", if (!is.null(m$strata)) paste0("+ strata(", m$strata, ")"))), data = data,
                    etype = m$cause)
  # finegray's own weights= gives the rows of all strata but the first other rows' weights (user.weights[split$row] is not taken
  # within the stratum), so with strata the weights are multiplied in here, where each row knows its own
  if (!is.null(m$weights) && is.null(m$strata)) arguments$weights <- data$.case
  if (!is.null(m$entry)) arguments$id <- data$.id
  if (!is.null(m$strata)) data[[".stratum"]] <- arguments$data[[".stratum"]] <- data[[m$strata]]
  if (!is.null(m$strata)) arguments[[1]] <- as.formula(paste(y, "~ . + strata(", m$strata, ")"))
  expanded <- do.call(finegray, arguments)
  if (!is.null(m$strata)) expanded[[m$strata]] <- expanded$.stratum
  if (!is.null(m$strata)) expanded$fgwt <- expanded$fgwt * expanded$.case
  terms <- c(m$terms, if (!is.null(m$strata)) paste0("strata(", m$strata, ")"))
  expanded$.cluster <- if (is.null(m$cluster)) expanded$.id else expanded[[m$cluster]]
  fit <- coxph(as.formula(paste("Surv(fgstart, fgstop, fgstatus) ~", right(terms))), data = expanded, weights = fgwt,
               cluster = .cluster, ties = "efron", control = control, x = TRUE)
  detail <- coxph.detail(fit)                                   # the score at the maximum
  stopifnot(max(abs(colSums(as.matrix(detail$score))) * sqrt(diag(fit$naive.var))) < 1e-9)
  p <- length(coef(fit))
  out <- c(m, list(
    coefficients = unname(coef(fit)), covariance = unname(fit$var), std_error = unname(sqrt(diag(fit$var))),
    model_covariance = unname(fit$naive.var), naive_std_error = unname(sqrt(diag(fit$naive.var))), log_likelihood = fit$loglik,
    likelihood_ratio = 2 * diff(fit$loglik), wald = unname(fit$wald.test), score = fit$score, robust_score = as.numeric(fit$rscore),
    n = length(unique(data$.id)), n_event = sum(data[[m$state]] == m$cause), concordance = unname(fit$concordance["concordance"]),
    rows = fit$n))
  out$zph <- lapply(c(km = "km", rank = "rank", identity = "identity", log = "log"), function(transform) {
    if (transform == "log" && any(fit$y[, 2] <= 0)) return(NULL)
    table <- cox.zph(fit, transform = transform)$table
    list(term = rownames(table), statistic = unname(table[, 1]), df = unname(table[, 2]), p_value = unname(table[, 3]))
  })
  out$zph <- Filter(Negate(is.null), out$zph)
  chosen <- patterns(model.matrix(as.formula(paste("~", right(m$terms))), data)[, -1, drop = FALSE])
  out$patterns <- unname(chosen)
  one_left <- !is.null(m$strata) && length(unique(expanded[[m$strata]])) == 1       # R's survfit fails on it
  if (!grepl("*", right(m$terms), fixed = TRUE) && !one_left) { # survfit needs the columns themselves
    plain <- expanded
    columns <- paste0(".x", seq_len(p))
    plain[columns] <- unname(fit$x)
    again <- coxph(as.formula(paste("Surv(fgstart, fgstop, fgstatus) ~", right(c(columns, terms[-seq_along(m$terms)])))), data = plain,
                   weights = fgwt, cluster = .cluster, ties = "efron", control = control, x = TRUE)
    new <- setNames(as.data.frame(unname(chosen)), columns)
    if (!is.null(m$strata)) new[[m$strata]] <- rep(levels(droplevels(factor(expanded[[m$strata]]))), length.out = 3)
    if (!is.null(m$strata) && is.numeric(data[[m$strata]])) new[[m$strata]] <- as.numeric(new[[m$strata]])
    if (!is.null(m$strata)) out$curve_strata <- new[[m$strata]]
    out$curves <- lapply(seq_len(nrow(new)), function(i) {
      curve <- survfit(again, newdata = new[i, , drop = FALSE])
      steps <- which(curve$n.event > 0)
      keep <- some(steps)
      list(time = curve$time[keep], estimate = 1 - curve$surv[keep], cumulative_hazard = curve$cumhaz[keep],
           std_error = curve$std.err[keep], conf_low = 1 - curve$upper[keep], conf_high = 1 - curve$lower[keep])
    })
    curve <- survfit(again, newdata = new[1, , drop = FALSE], conf.type = "log-log")
    grid <- c(0.5 * min(curve$time), min(curve$time), quantile(curve$time, c(0.25, 0.5, 0.9), type = 1), 2 * max(curve$time))
    told <- summary(curve, times = grid, extend = TRUE)
    out$grid <- list(time = unname(grid), estimate = 1 - told$surv, std_error = told$std.err, conf_low = 1 - told$upper,
                     conf_high = 1 - told$lower)
  }
  if (m$residuals) {
    add <- function(values) rowsum(values * expanded$fgwt, expanded$.row, reorder = TRUE) / data$.case[sort(unique(expanded$.row))]
    out$rows_kept <- sort(unique(expanded$.row)) - 1            # a stratum without events has no rows in finegray's data
    out$martingale <- c(add(residuals(fit, "martingale")))
    out$score_residuals <- unname(matrix(add(as.matrix(residuals(fit, "score"))), ncol = p))
    if (is.null(m$weights)) out$deviance <- unname(residuals(fit, "deviance", weighted = TRUE, collapse = expanded$.row))
    if (nrow(data) < 210) out$dfbeta <- unname(matrix(rowsum(as.matrix(residuals(fit, "dfbeta", weighted = TRUE)), expanded$.row), ncol = p))
    schoenfeld <- residuals(fit, "schoenfeld")
    out$schoenfeld <- matrix(schoenfeld, ncol = p)
    out$schoenfeld_time <- as.numeric(if (p == 1) names(schoenfeld) else rownames(schoenfeld))
  }
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
  text <- if (is.character(value)) paste0("\"", value, "\"") else if (is.logical(value)) tolower(as.character(value)) else
    ifelse(is.na(value), "null", formatC(as.numeric(value), digits = 17, format = "g", width = 1))
  if (length(value) == 1) text else paste0("[", paste(text, collapse = ", "), "]")
}
lists <- c("terms", "coefficients", "std_error", "naive_std_error", "times", "jumps", "curve_times", "rows_kept", "martingale", "deviance",
           "schoenfeld_time", "curve_strata")
fitted <- lapply(models, function(m) {
  cat(m$name, "")
  out <- if (m$se == "crr") fit_crr(m) else fit_finegray(m)
  for (name in intersect(lists, names(out))) out[[name]] <- as.list(out[[name]])
  for (one in names(out$zph)) out$zph[[one]] <- lapply(out$zph[[one]], as.list)
  out
})
lines <- c("{", paste0("\"version\": ", to_json(paste("survival", packageVersion("survival"), "cmprsk", packageVersion("cmprsk"), "R", getRversion())), ","),
           paste0("\"models\": [\n", paste(vapply(fitted, to_json, ""), collapse = ",\n"), "\n]"), "}")
writeLines(lines, "fine_gray.json")
cat("\n", length(models), "models\n")
