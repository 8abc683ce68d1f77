# Reference values for factors(): uni- and multivariable models, whole factors, linearity, subgroups; survival 3.5-3, cmprsk 2.2-11,
# Hmisc 4.8-0 (rcspline.eval, the code behind rms's rcs).
#
#   cd tests/reference && Rscript factors.R
#
# reads data/*.csv and survival's own gbsg and flchain (scikit-survival's load_gbsg2 and load_flchain are these; Rossi and WHAS500,
# which survival has not, are in data/factors_*.csv as lifelines and scikit-survival have them) and writes factors.json.
# With HAIP_TCIA_WORKBOOK set to the public workbook of 197 resected patients (cohorts/tcia_crlm/README.md; it is not part of the project) it also
# writes tcia_factors.json. The tests read the JSON files and need no R.

suppressPackageStartupMessages({library(survival); library(cmprsk); library(Hmisc)})
tight <- coxph.control(eps = 1e-14, toler.chol = 1e-15, iter.max = 100)
read <- function(name) read.csv(file.path("data", paste0(name, ".csv")), stringsAsFactors = TRUE)

# ---------------------------------------------------------------- data and questions
as_text <- function(data, columns) { for (column in columns) data[[column]] <- factor(data[[column]]); data }
colon <- subset(read("cox_colon"), etype == 2)
colon$differ <- factor(colon$differ)
colon$rx <- factor(as.character(colon$rx), sort(unique(as.character(colon$rx)), method = "radix"))
chain <- flchain[c("futime", "death", "age", "sex", "creatinine", "kappa")]
chain$sex <- factor(as.character(chain$sex), c("F", "M"))
breast <- data.frame(time = gbsg$rfstime, status = gbsg$status, age = gbsg$age, horTh = factor(ifelse(gbsg$hormon == 1, "yes", "no")),
                     tgrade = factor(c("I", "II", "III")[gbsg$grade]), pnodes = gbsg$nodes, progrec = gbsg$pgr, tsize = gbsg$size)
question <- function(name, data, time, status, terms, numbers, interactions = c(), strata = NULL)
  list(name = name, data = data, time = time, status = status, terms = terms, numbers = numbers, interactions = interactions, strata = strata)
questions <- list(
  question("lung", read("cox_lung"), "months", "dead", c("age", "sex", "ph.ecog", "wt.loss"), c("age", "wt.loss"), c("wt.loss*sex", "sex*age")),
  question("lung_strata", read("cox_lung"), "days", "dead", c("age", "ph.ecog", "wt.loss"), c("age", "wt.loss"), c("age*ph.ecog"), "sex"),
  question("colon", colon, "time", "status", c("rx", "age", "differ", "nodes", "obstruct"), c("age", "nodes"), c("rx*differ", "obstruct*rx", "rx*age")),
  question("rossi", read("factors_rossi"), "week", "arrest", c("fin", "age", "race", "wexp", "mar", "paro", "prio"), c("age", "prio"), c("fin*age", "fin*wexp")),
  question("gbsg2", breast, "time", "status", c("age", "horTh", "tgrade", "pnodes", "progrec", "tsize"), c("age", "pnodes", "progrec", "tsize"),
           c("horTh*tgrade", "horTh*age")),
  question("whas500", as_text(read("factors_whas500"), c("chf", "gender", "mitype")), "lenfol", "fstat", c("age", "bmi", "chf", "gender", "hr", "sysbp", "mitype"),
           c("age", "bmi", "hr", "sysbp"), c("chf*gender")),
  question("flchain", chain, "futime", "death", c("age", "sex", "creatinine", "kappa"), c("age", "creatinine", "kappa"), c("kappa*sex"))
)

# ---------------------------------------------------------------- models
model <- function(q, terms, data) {
  right <- paste(terms, collapse = " + ")
  if (!is.null(q$strata)) right <- paste0(right, " + strata(", q$strata, ")")
  data$.time <- data[[q$time]]; data$.status <- data[[q$status]]
  formula <- as.formula(paste("Surv(.time, .status) ~", right))
  fit <- coxph(formula, data, control = tight, ties = "efron")
  null <- fit$loglik[1]
  # coxph stops when the log-likelihood (of thousands) no longer changes: with the score of flchain's sex still at -1.3e-6. Two more steps of
  # Newton's by hand, on coxph's own score residuals, bring it to 1e-12 and the coefficient from 0.08412587439 to 0.08412587197
  for (more in 1:2) {
    start <- coef(fit) + c(fit$var %*% colSums(as.matrix(residuals(fit, "score"))))
    fit <- coxph(formula, data, init = start, control = coxph.control(iter.max = 0, toler.chol = 1e-15), ties = "efron")
  }
  fit$loglik[1] <- null
  fit
}
whole <- function(data, terms) data[complete.cases(data[terms]), ]
told <- function(fit) list(estimate = unname(coef(fit)), std_error = unname(sqrt(diag(vcov(fit)))), n = fit$n, n_event = fit$nevent)
likelihood <- function(more, less = NULL) {
  before <- if (is.null(less)) more$loglik[1] else less$loglik[length(less$loglik)]
  df <- length(coef(more)) - if (is.null(less)) 0 else length(coef(less))
  value <- 2 * (more$loglik[2] - before)
  list(statistic = value, df = df, p_value = pchisq(value, df, lower.tail = FALSE))
}
knots_of <- function(x) for (nk in 4:3) {
  found <- tryCatch(unname(rcspline.eval(x, nk = nk, knots.only = TRUE)), warning = function(w) NULL, error = function(e) NULL)
  if (length(found) == nk && !anyDuplicated(found) && length(unique(x)) >= nk + 3) return(found)
}
bend <- function(q, terms, number, data) {
  knots <- knots_of(data[[number]])
  if (is.null(knots)) return(NULL)
  data$.curve <- rcspline.eval(data[[number]], knots = knots, inclx = FALSE, norm = 2)
  straight <- model(q, terms, data)
  c(list(knots = length(knots)), likelihood(model(q, c(terms, ".curve"), data), straight))
}

subgroups <- function(q, pair, others) {
  parts <- strsplit(pair, "*", fixed = TRUE)[[1]]; a <- parts[1]; b <- parts[2]
  data <- whole(q$data, c(parts, others))
  plain <- model(q, c(a, b, others), data); full <- model(q, c(a, b, others, paste0(a, ":", b)), data)
  names_ <- names(coef(full)); v <- vcov(full)
  own <- grep(paste0("^", a, if (is.factor(data[[a]])) paste0("(", paste(levels(data[[a]]), collapse = "|"), ")") else "", "$"), names_, value = TRUE)
  values <- data[[b]]
  at <- if (is.factor(values)) levels(values) else if (length(unique(values)) == 2) sort(unique(values)) else quantile(values, c(.25, .5, .75))
  rows <- lapply(seq_along(own), function(i) list(estimate = unname(coef(plain)[own[i]]), std_error = unname(sqrt(vcov(plain)[own[i], own[i]])), n = plain$n, n_event = plain$nevent))
  for (k in seq_along(at)) for (one in own) {
    weight <- setNames(numeric(length(names_)), names_)
    weight[one] <- 1
    if (is.factor(values)) { if (k > 1) weight[paste0(one, ":", b, at[k])] <- 1 } else weight[paste0(one, ":", b)] <- at[k]
    inside <- if (is.factor(values) || length(at) == 2) values == at[k] else NULL
    rows <- c(rows, list(list(estimate = sum(weight * coef(full)), std_error = sqrt(c(t(weight) %*% v %*% weight)),
                              n = if (is.null(inside)) NA else sum(inside), n_event = if (is.null(inside)) NA else sum(data[[q$status]][inside]))))
  }
  list(test = likelihood(full, plain), rows = rows)
}

answer <- function(q) {
  out <- list(univariable = list(), multivariable = NULL, tests = list(), linearity = list(), interactions = list())
  for (term in q$terms) {
    fit <- model(q, term, whole(q$data, term))
    out$univariable[[term]] <- c(told(fit), list(test = likelihood(fit), zph = unname(cox.zph(fit)$table[1, ])))
  }
  data <- whole(q$data, q$terms)
  fit <- model(q, q$terms, data)
  out$multivariable <- c(told(fit), list(zph = unname(cox.zph(fit)$table[, 1])))
  for (term in q$terms) out$tests[[term]] <- likelihood(fit, model(q, setdiff(q$terms, term), data))
  for (number in q$numbers) out$linearity[[number]] <- list(univariable = bend(q, number, number, whole(q$data, number)), multivariable = bend(q, q$terms, number, data))
  for (pair in q$interactions) {
    parts <- strsplit(pair, "*", fixed = TRUE)[[1]]
    out$interactions[[pair]] <- list(univariable = subgroups(q, pair, c()), multivariable = subgroups(q, pair, setdiff(q$terms, parts)))
  }
  out
}

# ---------------------------------------------------------------- competing events: survival's pbc, death and transplantation
competing <- function() {
  data <- read("fine_gray_pbc")
  terms <- c("ageday", "edema", "bili", "sex")
  out <- list()
  refined <- function(data, terms) {
    z <- model.matrix(as.formula(paste("~", paste(terms, collapse = "+"))), data)[, -1, drop = FALSE]
    size <- apply(z, 2, sd); z <- scale(z)
    fit <- crr(data$days, data$state, z, failcode = 2, gtol = 1e-14, maxiter = 100)
    for (more in 1:2) fit <- crr(data$days, data$state, z, failcode = 2, init = fit$coef + c(fit$invinf %*% fit$score), maxiter = 0)
    b <- fit$coef / size; v <- fit$var / outer(size, size)
    list(estimate = unname(b), std_error = unname(sqrt(diag(v))), wald = unname(c(b %*% solve(v, b))))
  }
  for (term in c(terms, "all")) {
    own <- if (term == "all") terms else term
    d <- whole(data, own)
    d$dead <- as.numeric(d$state == 2)
    out[[term]] <- list(cause = told(model(list(time = "days", status = "dead"), own, d)), subdistribution = refined(d, own))
  }
  out
}

# ---------------------------------------------------------------- Firth: whole factors held at 0 under the whole model's penalty, by brute force
penalised <- function() {
  fixed <- coxph.control(iter.max = 0, eps = 1e-14, toler.chol = 1e-15)
  one <- function(data, time, status, terms, held) {
    data <- whole(read(data), terms)
    x <- scale(model.matrix(as.formula(paste("~", paste(terms, collapse = "+"))), data)[, -1, drop = FALSE])
    y <- Surv(data[[time]], data[[status]])
    height <- function(b) {
      fit <- coxph.fit(x, y, NULL, rep(0, nrow(x)), b, fixed, rep(1, nrow(x)), "efron", NULL, FALSE)
      det <- determinant(as.matrix(fit$var))
      if (!all(is.finite(fit$var)) || det$sign <= 0) return(-1e10)
      fit$loglik[1] - as.numeric(det$modulus) / 2
    }
    top <- function(free) {
      value <- -Inf
      if (!any(free)) return(height(numeric(ncol(x))))
      for (start in c(0, 0.3, -0.3)) {
        f <- function(b) { full <- numeric(ncol(x)); full[free] <- b; -height(full) }
        found <- optim(rep(start, sum(free)), f, method = "BFGS", control = list(reltol = 1e-16, maxit = 1000, ndeps = rep(1e-5, sum(free))))
        for (more in 1:3) found <- optim(found$par, f, method = "BFGS", control = list(reltol = 1e-16, maxit = 1000, ndeps = rep(1e-6, sum(free))))
        value <- max(value, -found$value)
      }
      value
    }
    tested <- grepl(paste0("^", held), colnames(x))
    2 * (top(rep(TRUE, ncol(x))) - top(!tested))
  }
  list(list(data = "firth_arms", time = "quarters", status = "dead", terms = c("arm", "age", "sex", "wt.loss"), held = "arm",
            statistic = one("firth_arms", "quarters", "dead", c("arm", "age", "sex", "wt.loss"), "arm")),
       list(data = "firth_arms", time = "quarters", status = "dead", terms = c("arm"), held = "arm",
            statistic = one("firth_arms", "quarters", "dead", "arm", "arm")),
       list(data = "firth_demo", time = "days", status = "dead", terms = c("risk", "synchronous", "age"), held = "risk",
            statistic = one("firth_demo", "days", "dead", c("risk", "synchronous", "age"), "risk")))
}

# ---------------------------------------------------------------- writing
json <- function(x) {
  if (is.null(x)) return("null")
  if (is.list(x)) {
    if (is.null(names(x))) return(paste0("[", paste(vapply(x, json, ""), collapse = ", "), "]"))
    return(paste0("{", paste(sprintf("\"%s\": %s", names(x), vapply(x, json, "")), collapse = ", "), "}"))
  }
  if (is.character(x)) cells <- sprintf("\"%s\"", x) else { cells <- sprintf("%.17g", x); cells[is.na(x)] <- "null" }
  if (length(x) == 1) cells else paste0("[", paste(cells, collapse = ", "), "]")
}
made <- lapply(setNames(questions, sapply(questions, `[[`, "name")), answer)
parts <- c(vapply(names(made), function(name) sprintf("\"%s\": %s", name, json(made[[name]])), ""),
           sprintf("\"pbc\": %s", json(competing())), sprintf("\"penalised\": %s", json(penalised())))
writeLines(paste0("{\n", paste(parts, collapse = ",\n"), "\n}"), "factors.json")

book <- Sys.getenv("HAIP_TCIA_WORKBOOK")
if (file.exists(book)) {
  x <- as.data.frame(readxl::read_excel(book))
  yes <- function(flag) factor(c("No", "Yes")[flag + 1], c("No", "Yes"))
  patients <- data.frame(months = x$overall_survival_months, died = x$vital_status, age = x$age, sex = factor(c("Male", "Female")[x$sex], c("Male", "Female")),
                         extrahep_disease = yes(x$extrahep_disease), clinrisk_score = ifelse(x$clinrisk_score >= 0, x$clinrisk_score, NA),
                         chemo_before_liver_resection = yes(x$chemo_before_liver_resection))
  asked <- question("os", patients, "months", "died", names(patients)[3:7], "age",
                    c("chemo_before_liver_resection*sex", "chemo_before_liver_resection*clinrisk_score"))
  writeLines(paste0("{\"os\": ", json(answer(asked)), "}"), "tcia_factors.json")
}
