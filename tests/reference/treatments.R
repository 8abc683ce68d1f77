# Reference values for the comparison of two treatments: crude, adjusted and weighted, step by step. Base R and survival 3.5.
#
#   cd tests/reference && Rscript treatments.R
#
# glm and coxph run to convergence; survfit with the weights and robust variance. gbsg (weighting_gbsg.csv): hormones, one kind of event, months rounded
# up (heavy ties). colon: levamisole with 5-FU against observation, recurrence and death competing, missing nodes left out. The restricted mean's variance
# is that of survfit's influence matrix, integrated here. With HAIP_TCIA_WORKBOOK the workbook's patients too (tcia_treatments.json).
# Writes data/treatments_colon.csv, treatments.json and tcia_treatments.json; the tests read these and need no R.

library(survival)
stopifnot(packageVersion("survival") >= "3.5")
options(digits = 17)
run <- coxph.control(eps = 1e-14, toler.chol = 1e-15, iter.max = 100)
logistic <- function(formula, d) glm(formula, family = binomial, data = d, control = glm.control(epsilon = 1e-14, maxit = 100))
weights_of <- function(e, z, what) switch(what, ATE = ifelse(z == 1, 1 / e, 1 / (1 - e)), ATT = ifelse(z == 1, 1, e / (1 - e)), overlap = ifelse(z == 1, 1 - e, e))
one <- function(fit) c(coef(fit)[["z"]], sqrt(vcov(fit)["z", "z"]))
zph <- function(fit) unname(cox.zph(fit, transform = "km", terms = TRUE)$table["z", c("chisq", "p")])
mean_of <- function(d, horizon) {              # restricted mean of one group and its variance, by the influence of each patient on S
  f <- survfit(Surv(time, died) ~ 1, data = d, weights = w, id = row, robust = TRUE, influence = 1)
  inside <- f$time < horizon; width <- diff(c(0, f$time[inside], horizon))
  move <- cbind(0, f$influence.surv[, inside, drop = FALSE]) %*% width
  stopifnot(!f$logse, abs(sqrt(sum(f$influence.surv[, 30]^2)) - f$std.err[30]) < 1e-10)
  c(sum(c(1, f$surv[inside]) * width), sqrt(sum(move^2)))
}
compare <- function(d, z, confounders, times, horizon, states) {
  d$z <- z; d$row <- seq_along(z)
  e <- unname(fitted(logistic(as.formula(paste("z ~", confounders)), d)))
  out <- list(n = c(sum(z == 1), sum(z == 0)))
  for (k in seq_along(states)) {
    d$died <- as.numeric(d$state == k)
    crude <- coxph(Surv(time, died) ~ z, data = d, control = run)
    adjusted <- coxph(as.formula(paste("Surv(time, died) ~ z +", confounders)), data = d, control = run)
    out[[states[k]]] <- list(events = c(sum(d$died[z == 1]), sum(d$died[z == 0])), crude = one(crude), adjusted = one(adjusted), zph_crude = zph(crude), zph_adjusted = zph(adjusted))
  }
  for (what in c("ATE", "ATT", "overlap")) {
    w <- weights_of(e, z, what); d$w <- w
    found <- list(total = sum(w), effective = c(sum(w[z == 1])^2 / sum(w[z == 1]^2), sum(w[z == 0])^2 / sum(w[z == 0]^2)))
    for (k in seq_along(states)) {
      d$died <- as.numeric(d$state == k)
      fit <- coxph(Surv(time, died) ~ z, data = d, weights = w, cluster = row, control = run)
      d$scaled <- w * (sum(w)^2 / sum(w^2)) / sum(w)
      found[[states[k]]] <- list(weighted = one(fit), zph = zph(coxph(Surv(time, died) ~ z, data = d, weights = scaled, control = run)))
    }
    if (length(states) == 1) {
      d$died <- as.numeric(d$state == 1)
      q <- summary(survfit(Surv(time, died) ~ z, data = d, weights = w, id = row, robust = TRUE, conf.type = "log-log"), times = times, extend = TRUE)
      treated <- q$strata == "z=1"
      found$risk_treated <- 1 - q$surv[treated]; found$risk_control <- 1 - q$surv[!treated]
      found$difference <- q$surv[!treated] - q$surv[treated]; found$difference_se <- sqrt(q$std.err[treated]^2 + q$std.err[!treated]^2)
      a <- mean_of(d[z == 1, ], horizon); b <- mean_of(d[z == 0, ], horizon)
      found$mean <- c(a[1] - b[1], sqrt(a[2]^2 + b[2]^2))
    } else {
      d$status <- factor(d$state, 0:length(states), c("none", states))
      q <- summary(survfit(Surv(time, status) ~ z, data = d, weights = w, id = row, robust = TRUE, conf.type = "log-log"), times = times, extend = TRUE)
      treated <- q$strata == "z=1"
      for (k in seq_along(states)) found[[paste0(states[k], "_risk")]] <- list(treated = q$pstate[treated, k + 1], control = q$pstate[!treated, k + 1],
        difference_se = sqrt(q$std.err[treated, k + 1]^2 + q$std.err[!treated, k + 1]^2), lower = q$lower[treated, k + 1], upper = q$upper[treated, k + 1])
    }
    out[[what]] <- found
  }
  out
}
to_json <- function(value) {
  if (is.list(value)) return(paste0("{", paste0("\"", names(value), "\": ", vapply(value, to_json, ""), collapse = ", "), "}"))
  text <- ifelse(is.finite(value), formatC(as.numeric(value), digits = 17, format = "g", width = 1), "null")
  if (length(value) == 1) text else paste0("[", paste(text, collapse = ", "), "]")
}
write_json <- function(found, file) writeLines(paste0("{\n", paste0("\"", names(found), "\": ", vapply(found, to_json, ""), collapse = ",\n"), "\n}"), file)

g <- read.csv("data/weighting_gbsg.csv"); g$time <- g$month; g$state <- g$dead
found <- list(gbsg = compare(g, as.numeric(g$hormon == "yes"), "age + meno + size + grade + nodes + er", c(12, 36, 60), 60, "Death"))
k <- survival::colon[survival::colon$rx != "Lev", ]
recurrence <- k[k$etype == 1, ]; death <- k[k$etype == 2, ]
stopifnot(all(recurrence$id == death$id))
first <- ifelse(recurrence$status == 1, 1, ifelse(death$status == 1, 2, 0))
k <- data.frame(day = ifelse(first == 1, recurrence$time, death$time), state = first, arm = ifelse(recurrence$rx == "Obs", 0, 1), sex = ifelse(recurrence$sex == 1, "male", "female"),
                age = recurrence$age, obstruct = recurrence$obstruct, nodes = recurrence$nodes, extent = paste0("e", pmin(pmax(recurrence$extent, 2), 3)))
write.csv(k, "data/treatments_colon.csv", row.names = FALSE, na = "", quote = FALSE)
k <- read.csv("data/treatments_colon.csv"); k$time <- k$day; k <- k[!is.na(k$nodes), ]
found$colon <- compare(k, k$arm, "sex + age + obstruct + nodes + extent", c(365, 1000, 2000), NA, c("Recurrence", "Death"))
write_json(found, "treatments.json")

book <- Sys.getenv("HAIP_TCIA_WORKBOOK")
if (file.exists(book)) {
  x <- as.data.frame(readxl::read_excel(book)); x <- x[x$clinrisk_score >= 0, ]
  x$time <- x$overall_survival_months; x$state <- x$vital_status
  write_json(list(os = compare(x, x$chemo_before_liver_resection, "age + sex + clinrisk_score", c(12, 36, 60), 60, "Death")), "tcia_treatments.json")
} else message("treatments.R: set HAIP_TCIA_WORKBOOK to the workbook's path; tcia_treatments.json is left as it is.")
