# Reference values for spline(): knots and columns of Hmisc 4.8-0 (the code behind rms's rcs), Cox models of R survival 3.5-3.
#
#   Rscript tests/reference/splines.R
#
# reads data/cox_*.csv (written by cox.R) and writes splines.json. The tests read splines.json; they need no R.

suppressPackageStartupMessages({
  library(survival)
  library(Hmisc)
  library(splines)
})
here <- dirname(sub("^--file=", "", grep("^--file=", commandArgs(FALSE), value = TRUE)[1]))
setwd(here)
read <- function(name) read.csv(file.path("data", paste0("cox_", name, ".csv")))

# ---------------------------------------------------------------- knots and columns

# a vector: a column, its first rows only (n below 100), values below `low` or above `high` put together (ties at an end)
vector_of <- function(name, data, column, first = NULL, low = NULL, high = NULL)
  list(name = name, data = data, column = column, first = first, low = low, high = high)

vectors <- list(
  vector_of("lung_age", "lung", "age"), vector_of("lung_weight", "lung", "wt.loss"), vector_of("lung_karno", "lung", "ph.karno"),
  vector_of("veteran_karno", "veteran", "karno"), vector_of("veteran_diagtime", "veteran", "diagtime"),
  vector_of("ovarian_age", "ovarian", "age"), vector_of("extreme", "extreme", "x"),
  vector_of("pbc_bili", "pbc", "bili"), vector_of("pbc_days", "pbc", "ageday"), vector_of("pbc_copper", "pbc", "copper"),
  vector_of("pbc_albumin", "pbc", "albumin"), vector_of("pbc_protime", "pbc", "protime"),
  vector_of("colon_nodes", "colon", "nodes"), vector_of("colon_age", "colon", "age"), vector_of("heart_age", "heart", "age"),
  vector_of("flchain_kappa", "flchain", "kappa"), vector_of("flchain_age", "flchain", "age"),
  vector_of("lung_40", "lung", "age", first = 40), vector_of("copper_60", "pbc", "copper", first = 60),
  vector_of("copper_99", "pbc", "copper", first = 99), vector_of("copper_100", "pbc", "copper", first = 100),
  vector_of("lung_low", "lung", "age", low = 52), vector_of("lung_low_high", "lung", "age", low = 52, high = 74),
  vector_of("albumin_high", "pbc", "albumin", high = 3.9),
  vector_of("copper_95_low", "pbc", "copper", first = 95, low = 27),
  vector_of("copper_95_high", "pbc", "copper", first = 95, high = 159),
  vector_of("copper_95_low_high", "pbc", "copper", first = 95, low = 27, high = 159),
  vector_of("copper_105_low", "pbc", "copper", first = 105, low = 27))

evaluate <- function(v) {
  x <- read(v$data)[[v$column]]
  x <- x[!is.na(x)]
  if (!is.null(v$first)) x <- head(x, v$first)
  if (!is.null(v$low)) x <- pmax(x, v$low)
  if (!is.null(v$high)) x <- pmin(x, v$high)
  sorted <- sort(unique(x))
  at <- c(sorted[round(seq(1, length(sorted), length.out = min(length(sorted), 11)))], max(x) + 10, min(x) - 10)
  v$n <- length(x)
  v$at <- at
  v$splines <- lapply(3:7, function(nk) {
    out <- list(asked = nk, knots = NULL, basis = NULL)
    # R warns (or stops) where it can't place the knots and takes others, and drops coinciding ones without a word
    knots <- tryCatch(unname(rcspline.eval(x, nk = nk, knots.only = TRUE)), warning = function(w) NULL, error = function(e) NULL)
    if (length(knots) != nk) return(out)
    made <- rcspline.eval(at, knots = knots, inclx = TRUE, norm = 2)
    stopifnot(isTRUE(all.equal(knots, unname(attr(rcspline.eval(x, nk = nk, inclx = TRUE), "knots")))))
    attributes(made) <- list(dim = dim(made))
    list(asked = nk, knots = knots, basis = made)
  })
  v
}

# ---------------------------------------------------------------- Cox models

# curves: variable -> number of knots, or the knots; terms: as design() takes them, a variable of `curves` being its spline
model <- function(name, data, time, status, terms, curves, entry = NULL, strata = NULL, ties = "efron", keep = NULL)
  list(name = name, data = data, time = time, status = status, terms = terms, curves = curves, entry = entry, strata = strata,
       ties = ties, keep = keep)

models <- list(
  model("lung", "lung", "months", "dead", c("sex", "age", "ph.ecog"), list(age = 4)),
  model("lung_interaction", "lung", "days", "dead", c("age", "sex", "age:sex"), list(age = 4), ties = "breslow"),
  model("lung_chosen", "lung", "days", "dead", c("age", "wt.loss"), list(age = c(50, 60, 70))),
  model("pbc", "pbc", "time", "dead", c("bili", "ageday", "sex", "edema"), list(bili = 5, ageday = 3)),
  model("pbc_product", "pbc", "time", "dead", c("albumin", "bili", "albumin:bili"), list(albumin = 3, bili = 4)),
  model("veteran", "veteran", "time", "status", c("karno", "diagtime", "trt"), list(karno = 3, diagtime = 4), strata = "celltype"),
  model("heart", "heart", "stop", "event", c("age", "year", "transplant"), list(age = 4), entry = "start"),
  model("ovarian", "ovarian", "futime", "fustat", c("age"), list(age = 3)),
  model("colon", "colon", "time", "status", c("nodes", "age", "rx"), list(nodes = 3, age = 5), keep = list(etype = 2)),
  model("flchain", "flchain", "futime", "death", c("age", "kappa"), list(age = 7, kappa = 6)))

control <- coxph.control(eps = 1e-14, toler.chol = 1e-15, iter.max = 100)
curve_name <- function(variable) paste0("S_", variable)

# every spline as a matrix beside the data: columns lin, non1, non2, ...
with_curves <- function(data, knots) {
  for (variable in names(knots)) {
    made <- rcspline.eval(data[[variable]], knots = knots[[variable]], inclx = TRUE, norm = 2)
    attributes(made) <- list(dim = dim(made))
    colnames(made) <- c("lin", paste0("non", seq_len(ncol(made) - 1)))
    data[[curve_name(variable)]] <- made
  }
  data
}

fit_model <- function(m) {
  data <- read(m$data)
  for (column in names(m$keep)) data <- data[data[[column]] == m$keep[[column]], ]
  variables <- setdiff(m$terms, grep(":", m$terms, value = TRUE))
  data <- data[complete.cases(data[, variables, drop = FALSE]), ]
  for (column in names(data)) if (is.character(data[[column]]))
    data[[column]] <- factor(data[[column]], levels = sort(unique(data[[column]]), method = "radix"))
  knots <- lapply(setNames(names(m$curves), names(m$curves)), function(variable) {
    asked <- m$curves[[variable]]
    if (length(asked) > 1) asked else unname(rcspline.eval(data[[variable]], nk = asked, knots.only = TRUE))
  })
  data <- with_curves(data, knots)

  in_r <- function(term) paste(vapply(strsplit(term, ":")[[1]], function(part)
    if (part %in% names(knots)) curve_name(part) else part, ""), collapse = ":")
  right <- paste(vapply(m$terms, in_r, ""), collapse = " + ")
  left <- paste0("Surv(", if (!is.null(m$entry)) paste0(m$entry, ", "), m$time, ", ", m$status, ")")
  stratum <- if (!is.null(m$strata)) paste0(" + strata(", m$strata, ")") else ""
  fitted <- function(right) coxph(as.formula(paste(left, "~", right, stratum)), data = data, ties = m$ties, control = control)
  matrix_at <- function(new) model.matrix(as.formula(paste("~", right)), new)[, -1, drop = FALSE]

  # The columns of a spline are nearly collinear (the correlations of the coefficients of `pbc` have condition number 2e9), and
  # coxph inverts their information as it stands: its covariance is then off by up to 1e-6. So the model is fitted on orthogonal
  # columns (X = QR, centred), where nothing is lost, and its coefficients are turned back: b = R^-1 g, var(b) = R^-1 var(g) R^-T.
  # Checked once in 80-bit arithmetic: covariance within 1e-8 of the truth where plain coxph is off by 1e-6.
  x <- matrix_at(data)
  qr_x <- qr(sweep(x, 2, colMeans(x)), tol = 1e-14)
  stopifnot(qr_x$rank == ncol(x), identical(qr_x$pivot, seq_len(ncol(x))))
  data$orthogonal <- qr.Q(qr_x) * sqrt(nrow(x))
  back <- backsolve(qr.R(qr_x) / sqrt(nrow(x)), diag(ncol(x)))
  fit <- fitted("orthogonal")
  g <- unname(coef(fit))
  b <- drop(back %*% g)
  v <- back %*% fit$var %*% t(back)
  plain <- fitted(right)
  off <- max(abs(sqrt(diag(plain$var)) / sqrt(diag(v)) - 1))
  cat(sprintf("%-18s standard errors of plain coxph differ by %.1e\n", m$name, off))
  stopifnot(off < 1e-5, abs(plain$loglik[2] / fit$loglik[2] - 1) < 1e-12)

  # the same curves from another basis, splines::ns: other columns, the same fit
  other <- right
  for (variable in names(knots)) {
    k <- knots[[variable]]
    ns_text <- sprintf("ns(%s, knots = c(%s), Boundary.knots = c(%s))", variable,
                       paste(formatC(k[-c(1, length(k))], digits = 17, format = "g"), collapse = ", "),
                       paste(formatC(k[c(1, length(k))], digits = 17, format = "g"), collapse = ", "))
    other <- gsub(curve_name(variable), ns_text, other, fixed = TRUE)
  }

  root <- t(chol(fit$var))  # var(b) = (back root)(back root)'
  wald <- function(own) {
    r <- qr.R(qr(t((back %*% root)[own, , drop = FALSE]), tol = 1e-14))  # var(b)[own, own] = r'r
    statistic <- sum(backsolve(r, b[own], transpose = TRUE)^2)
    list(columns = as.list(own - 1), statistic = statistic, df = length(own), p_value = pchisq(statistic, length(own), lower.tail = FALSE))
  }
  # which coefficients belong to which term, and which of them bend it
  terms_of <- attr(model.matrix(as.formula(paste("~", right)), data), "assign")[-1]
  labels <- attr(terms(as.formula(paste("~", right))), "term.labels")
  names_of <- colnames(x)
  stopifnot(identical(names_of, names(coef(plain))))
  joint <- bent <- list()
  for (term in m$terms) {
    own <- which(labels[terms_of] == in_r(term))
    joint[[term]] <- wald(own)
    curved <- own[grepl("S_[A-Za-z.]+non[0-9]+", names_of[own])]
    if (length(curved)) bent[[term]] <- wald(curved)
  }

  # rows that were not in the fit, two of them beyond the data
  new <- data[c(1, 5, 9, 12, 2), variables, drop = FALSE]
  for (variable in names(knots)) {
    values <- data[[variable]]
    new[[variable]] <- c(min(values) - 5, median(values) + 0.5, unname(quantile(values, 0.9)) + 0.25, max(values), max(values) + 5)
  }
  rows <- matrix_at(with_curves(new, knots))
  apart <- sweep(rows[-1, , drop = FALSE], 2, rows[1, ]) %*% back
  plain <- lapply(new, function(column) if (is.factor(column)) as.list(as.character(column)) else as.list(as.numeric(column)))
  m$terms <- as.list(m$terms)
  c(m, list(knots = lapply(knots, as.list), n = fit$n, n_event = fit$nevent, coefficients = as.list(unname(b)), covariance = unname(v),
            log_likelihood = fit$loglik, log_likelihood_ns = fitted(other)$loglik[2], joint = joint, nonlinear = bent, new = plain,
            new_matrix = unname(rows), contrast = as.list(unname(drop(apart %*% g))),
            contrast_se = as.list(unname(sqrt(diag(apart %*% fit$var %*% t(apart)))))))
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

lines <- c("{", paste0("\"version\": ", to_json(paste("Hmisc", packageVersion("Hmisc"), "survival", packageVersion("survival"),
                                                      "R", getRversion())), ","),
           paste0("\"vectors\": [\n", paste(vapply(lapply(vectors, evaluate), to_json, ""), collapse = ",\n"), "\n],"),
           paste0("\"models\": [\n", paste(vapply(lapply(models, fit_model), to_json, ""), collapse = ",\n"), "\n]"), "}")
writeLines(lines, "splines.json")
cat(length(vectors), "vectors,", length(models), "models\n")
