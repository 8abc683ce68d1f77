# Reference values for the tests of equal curves: survival (3.5-3) and cmprsk (2.2-11).
#
#   cd tests/reference && Rscript comparisons.R
#
# writes data/comparisons_*.csv (public data sets of R's survival and MASS packages; other data sets are read as cox.R and
# curves.R left them) and comparisons.json: a list of cases, each with the question as Python asks it and R's answer.
# Seventeen significant digits; NA, NaN and Inf are null.

suppressMessages({library(survival); library(cmprsk)})
stopifnot(packageVersion("survival") >= "3.5", packageVersion("cmprsk") >= "2.2")

# -- data: several causes, several groups, strata that lack a group or a cause -------------------------------------------
of <- function(x, levels) match(x, levels, nomatch = 0)
kidney <- survival::kidney[, c("time", "status", "sex", "disease")]
transplant <- with(survival::transplant, data.frame(
  time = futime, state = of(event, c("ltx", "death", "withdraw")), sex = as.character(sex), abo = as.character(abo),
  decade = ifelse(is.na(age), NA, 10 * (age %/% 10))))
melanoma <- with(MASS::Melanoma, data.frame(
  time = time, state = c(1, 0, 2)[status], sex = ifelse(sex == 1, "male", "female"), ulcer = ulcer,
  depth = c("A", "B", "C", "D", "E")[findInterval(thickness, c(0, 0.5, 1, 2, 4), left.open = TRUE)]))
major <- c("Circulatory", "Neoplasms", "Respiratory")  # the fourth: any other cause of death
flchain <- with(survival::flchain, data.frame(
  time = futime, state = ifelse(death == 0, 0, ifelse(chapter %in% major, of(chapter, major), 4)),
  fifth = (flc.grp + 1) %/% 2, sex = as.character(sex)))
for (name in c("kidney", "transplant", "melanoma", "flchain"))
  write.csv(get(name), sprintf("data/comparisons_%s.csv", name), row.names = FALSE, quote = FALSE, na = "")

# -- output --------------------------------------------------------------------------------------------------------------
number <- function(x) ifelse(is.finite(x), sprintf("%.17g", x), "null")
value <- function(x) if (is.null(x)) "null" else if (is.numeric(x)) number(x) else sprintf('"%s"', x)
column <- function(x) paste0("[", paste(sapply(x, value), collapse = ", "), "]")
cases <- character()
put <- function(case, answer) {
  asked <- paste0('"', names(case), '": ', sapply(case, value), collapse = ", ")
  given <- paste0('"', names(answer), '": ', sapply(answer, column), collapse = ", ")
  cases <<- c(cases, paste0("{", asked, ",\n  ", given, "}"))
}

# A case names a file, its columns, and perhaps: `per`, the width of intervals that times are rounded up to; `keep`, a column of
# which rows with 1 stay; `copies`, a column of how often each row is repeated; `cause`, the one event of a log-rank test (others
# censored; without it any event counts); `entry`, `strata`, `rho` (survdiff's and cuminc's), `weighting`. Rows that miss one of the
# columns are left out.
prepare <- function(case) {
  d <- read.csv(sprintf("data/%s.csv", case$data), na.strings = "")
  d <- d[complete.cases(d[unlist(case[c("time", "state", "by", "strata", "entry")])]), ]
  if (!is.null(case$copies)) d <- d[rep(seq_len(nrow(d)), d[[case$copies]]), ]
  time <- d[[case$time]]
  if (!is.null(case$per)) time <- ceiling(time / case$per)
  list(time = time, state = d[[case$state]], by = d[[case$by]],
       event = if (is.null(case$cause)) d[[case$state]] > 0 else d[[case$state]] == case$cause,
       entry = if (is.null(case$entry)) rep(-1, nrow(d)) else d[[case$entry]],
       strata = if (is.null(case$strata)) rep(1, nrow(d)) else d[[case$strata]])
}
answer <- function(statistic, df, n, n_event, p = pchisq(statistic, df, lower.tail = FALSE))
  data.frame(statistic = statistic, df = df, p_value = p, n = n, n_event = n_event)

# -- log-rank: survdiff; with delayed entry or a trend the score test of the exact partial likelihood -----------------------------
differ <- function(d, rho = 0) {
  fit <- survdiff(Surv(time, event) ~ by + strata(strata), d, rho = rho)
  answer(fit$chisq, sum(rowSums(as.matrix(fit$exp)) > 0) - 1, length(d$time), sum(d$event))
}
logrank <- function(name, ..., rho = 0) {
  case <- list(name = name, test = "logrank", ..., rho = rho)
  put(case, differ(prepare(case), rho))
}
score <- function(name, ..., test = "logrank") {
  case <- list(name = name, test = test, ...)
  d <- as.data.frame(prepare(case))
  y <- if (is.null(case$entry)) Surv(d$time, d$event) else Surv(d$entry, d$time, d$event)
  x <- if (test == "trend") match(d$by, sort(unique(d$by))) else factor(d$by)
  if (test == "trend" && is.numeric(d$by)) x <- d$by
  fit <- coxph(y ~ x + strata(d$strata), ties = "exact")
  put(case, answer(fit$score, length(coef(fit)), length(d$time), sum(d$event)))
}
# weighted log-rank tests, straight from the definition, one time after the other
weights <- list(gehan = function(n, s) n, "tarone-ware" = function(n, s) sqrt(n), "fh 1 1" = function(n, s) s * (1 - s),
                "fh 0.5 2" = function(n, s) sqrt(s) * (1 - s)^2, "fh 0 1" = function(n, s) 1 - s)
weighted <- function(name, ..., weighting) {
  case <- list(name = paste(name, weighting), test = "logrank", ..., weighting = weighting)
  d <- prepare(case); by <- factor(d$by); k <- nlevels(by); u <- rep(0, k); v <- matrix(0, k, k)
  for (s in unique(d$strata)) {
    m <- d$strata == s; km <- 1
    for (t in sort(unique(d$time[m & d$event]))) {
      risk <- m & d$entry < t & d$time >= t
      dead <- risk & d$time == t & d$event
      n <- sum(risk); e <- sum(dead); r <- as.vector(table(by[risk])); w <- weights[[weighting]](n, km)
      u <- u + w * (as.vector(table(by[dead])) - e * r / n)
      if (n > 1) v <- v + w^2 * e * (n - e) / (n - 1) * (diag(r / n) - outer(r, r) / n^2)
      km <- km * (n - e) / n
    }
  }
  put(case, answer(sum(u[-1] * solve(v[-1, -1, drop = FALSE], u[-1])), k - 1, length(d$time), sum(d$event)))
}
pairwise <- function(name, ..., rho = 0) {  # as survminer::pairwise_survdiff: each pair on its own patients
  case <- list(name = name, test = "pairwise", ..., rho = rho)
  d <- as.data.frame(prepare(case)); d$by <- as.character(d$by)
  pairs <- combn(sort(unique(d$by)), 2)
  rows <- do.call(rbind, apply(pairs, 2, function(two) differ(d[d$by %in% two, ], rho), simplify = FALSE))
  put(case, cbind(data.frame(reference = pairs[1, ], group = pairs[2, ]), rows, p_adjusted = p.adjust(rows$p_value, "holm")))
}

for (rho in c(0, 1, 0.5, -1)) {
  logrank(paste("lung months sex", rho), data = "cox_lung", time = "months", state = "dead", by = "sex", rho = rho)
  logrank(paste("lung days ecog", rho), data = "cox_lung", time = "days", state = "dead", by = "ph.ecog", rho = rho)
  logrank(paste("lung copies", rho), data = "cox_lung", time = "months", state = "dead", by = "sex", copies = "copies", rho = rho)
  logrank(paste("veteran", rho), data = "cox_veteran", time = "time", state = "status", by = "celltype", rho = rho)
  logrank(paste("veteran months", rho), data = "cox_veteran", time = "time", state = "status", by = "celltype", per = 30,
          strata = "prior", rho = rho)
  logrank(paste("pbc stage", rho), data = "cox_pbc", time = "time", state = "status", by = "stage", rho = rho)
  logrank(paste("pbc stage, strata that lack a stage", rho), data = "cox_pbc", time = "time", state = "status", by = "stage",
          strata = "edema", per = 91, rho = rho)
  logrank(paste("pbc transplantation, a group without", rho), data = "cox_pbc", time = "time", state = "status", by = "edema",
          cause = 1, rho = rho)
  logrank(paste("colon", rho), data = "curves_colon", time = "halfyear", state = "status", by = "rx", strata = "extent", rho = rho)
  logrank(paste("mgus", rho), data = "curves_mgus", time = "year", state = "state", by = "agegroup", strata = "sex", rho = rho)
  logrank(paste("ovarian", rho), data = "cox_ovarian", time = "futime", state = "fustat", by = "rx", strata = "ecog.ps", rho = rho)
  logrank(paste("rats", rho), data = "cox_rats", time = "time", state = "status", by = "rx", strata = "litter", rho = rho)
  logrank(paste("kidney", rho), data = "comparisons_kidney", time = "time", state = "status", by = "disease", rho = rho)
  logrank(paste("kidney months", rho), data = "comparisons_kidney", time = "time", state = "status", by = "disease", strata = "sex",
          per = 30, rho = rho)
  logrank(paste("transplant any", rho), data = "comparisons_transplant", time = "time", state = "state", by = "abo",
          strata = "decade",
       per = 30, rho = rho)
  logrank(paste("transplant death", rho), data = "comparisons_transplant", time = "time", state = "state", by = "abo", cause = 2,
          rho = rho)
  logrank(paste("melanoma five groups", rho), data = "comparisons_melanoma", time = "time", state = "state", by = "depth", cause = 1,
          rho = rho)
  logrank(paste("flchain fifths", rho), data = "comparisons_flchain", time = "time", state = "state", by = "fifth", rho = rho)
  logrank(paste("flchain fifths years", rho), data = "comparisons_flchain", time = "time", state = "state", by = "fifth",
          strata = "sex", per = 365, rho = rho)
}
score("heart", data = "curves_heart", time = "stop", state = "event", entry = "start", by = "transplant", strata = "surgery")
score("cgd", data = "cox_cgd", time = "tstop", state = "status", entry = "tstart", by = "treat")
score("cgd strata", data = "cox_cgd", time = "tstop", state = "status", entry = "tstart", by = "treat", strata = "hos")
score("mgus by age", data = "curves_mgus", time = "exit", state = "state", entry = "age", by = "sex", cause = 1)
score("veteran trend", test = "trend", data = "cox_veteran", time = "time", state = "status", by = "celltype")
score("lung trend", test = "trend", data = "cox_lung", time = "days", state = "dead", by = "ph.ecog", strata = "sex")
score("pbc trend", test = "trend", data = "cox_pbc", time = "time", state = "dead", by = "stage", strata = "edema")
score("pbc trend, uneven scores", test = "trend", data = "cox_pbc", time = "time", state = "dead", by = "edema")
score("melanoma trend", test = "trend", data = "comparisons_melanoma", time = "time", state = "state", by = "depth", cause = 1)
for (weighting in names(weights)) {
  weighted("lung", data = "cox_lung", time = "months", state = "dead", by = "ph.ecog", weighting = weighting)
  weighted("veteran", data = "cox_veteran", time = "time", state = "status", by = "celltype", strata = "prior", per = 30,
           weighting = weighting)
  weighted("pbc", data = "cox_pbc", time = "time", state = "status", by = "stage", strata = "edema", weighting = weighting)
  weighted("melanoma", data = "comparisons_melanoma", time = "time", state = "state", by = "depth", cause = 1, weighting = weighting)
  weighted("bladder", data = "cox_bladder", time = "stop", state = "event", entry = "start", by = "rx", strata = "enum",
           weighting = weighting)
  weighted("cgd", data = "cox_cgd", time = "tstop", state = "status", entry = "tstart", by = "treat", strata = "hos",
           weighting = weighting)
}
for (rho in c(0, 1)) {
  pairwise(paste("veteran pairs", rho), data = "cox_veteran", time = "time", state = "status", by = "celltype", rho = rho)
  pairwise(paste("kidney pairs", rho), data = "comparisons_kidney", time = "time", state = "status", by = "disease", strata = "sex",
           rho = rho)
  pairwise(paste("flchain pairs", rho), data = "comparisons_flchain", time = "time", state = "state", by = "fifth", per = 365, rho = rho)
  pairwise(paste("pbc pairs", rho), data = "cox_pbc", time = "time", state = "status", by = "stage", strata = "edema", per = 91, rho = rho)
}

# -- Gray: cuminc, a row a cause -------------------------------------------------------------------------------------------------
gray <- function(name, ..., rho = 0) {
  case <- list(name = paste("gray", name, rho), test = "gray", ..., rho = rho)
  d <- prepare(case)
  tests <- cuminc(d$time, d$state, d$by, d$strata, rho = rho)$Tests
  causes <- as.integer(rownames(tests))
  tests[tests[, "stat"] == -1, c("stat", "pv")] <- NA  # a singular variance
  put(case, cbind(cause_number = causes, answer(tests[, "stat"], tests[, "df"], length(d$time),
                                         sapply(causes, function(k) sum(d$state == k)))))
}
for (rho in c(0, 1, 0.5, -1)) {
  gray("bmt", data = "curves_bmt", time = "time", state = "state", by = "group", rho = rho)
  gray("bmt quarters", data = "curves_bmt", time = "time", state = "state", by = "group", per = 91, rho = rho)
  gray("mgus", data = "curves_mgus", time = "time", state = "state", by = "sex", rho = rho)
  gray("mgus years", data = "curves_mgus", time = "year", state = "state", by = "agegroup", strata = "sex", rho = rho)
  gray("pbc sex", data = "cox_pbc", time = "time", state = "status", by = "sex", strata = "stage", rho = rho)
  gray("pbc stage", data = "cox_pbc", time = "time", state = "status", by = "stage", per = 30, rho = rho)
  gray("pbc stage, a stratum lacks a stage and a cause", data = "cox_pbc", time = "time", state = "status", by = "stage",
       strata = "edema", rho = rho)
  gray("pbc edema, a group without a cause", data = "cox_pbc", time = "time", state = "status", by = "edema", rho = rho)
  gray("transplant", data = "comparisons_transplant", time = "time", state = "state", by = "abo", rho = rho)
  gray("transplant months", data = "comparisons_transplant", time = "time", state = "state", by = "abo", strata = "decade",
       per = 30, rho = rho)
  gray("melanoma five groups", data = "comparisons_melanoma", time = "time", state = "state", by = "depth", rho = rho)
  gray("melanoma years", data = "comparisons_melanoma", time = "time", state = "state", by = "ulcer", strata = "sex", per = 365, rho = rho)
  gray("flchain", data = "comparisons_flchain", time = "time", state = "state", by = "fifth", rho = rho)
  gray("flchain years", data = "comparisons_flchain", time = "time", state = "state", by = "fifth", strata = "sex", per = 365, rho = rho)
  gray("lung, one cause", data = "cox_lung", time = "months", state = "dead", by = "sex", rho = rho)
  gray("lung copies", data = "cox_lung", time = "months", state = "dead", by = "ph.ecog", copies = "copies", rho = rho)
  gray("transplant weeks", data = "comparisons_transplant", time = "time", state = "state", by = "sex", per = 7, rho = rho)
}

# -- small samples full of ties, groups and strata that come and go: what R answers there, and where it stops (null) ---------------
set.seed(20261122)
for (i in 1:150) {
  n <- sample(4:16, 1)
  d <- data.frame(time = sample(1:6, n, TRUE), state = sample(0:2, n, TRUE, c(0.3, 0.4, 0.3)), by = sample(c("a", "b", "c"), n, TRUE),
                  strata = sample(1:sample(1:3, 1), n, TRUE))
  if (length(unique(d$by)) < 2 || !any(d$state == 1)) next
  d$event <- d$state == 1
  ask <- function(expr) tryCatch(suppressWarnings(expr), error = function(e) rep(NA_real_, 3))
  one <- ask(unlist(differ(d))[1:3])
  two <- ask(cuminc(d$time, d$state, d$by, d$strata)$Tests["1", c("stat", "df", "pv")])
  if (isTRUE(two[1] == -1)) two[c(1, 3)] <- NA
  put(list(name = paste("small", i), test = "small"),
      c(as.list(d[1:4]), list(logrank = one, gray = two)))
}

writeLines(paste0("[\n ", paste(cases, collapse = ",\n "), "\n]"), "comparisons.json")
