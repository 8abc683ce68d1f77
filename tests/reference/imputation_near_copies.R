# Two columns that tell nearly the same and are missing in the same patients: what R's mice draws when x is imputed without y, and y from x.
#
#   cd tests/reference && Rscript imputation_near_copies.R
#
# Debian R 4.2.2 with mice 3.15.0, survival 3.5-3; writes imputation_near_copies.json.
# data/imputation_near_copies.csv is `cohort(1, "noise 0.3")` of tests/survival/test_imputation_near_copies.py: y = 2x + 0.3 noise.
suppressMessages({library(mice); library(survival); library(jsonlite)})
d <- read.csv("data/imputation_near_copies.csv")
d$hazard <- nelsonaalen(d, t, e)
m <- 200
pooled <- function(apart) {
  matrix <- make.predictorMatrix(d)
  matrix[, "t"] <- 0
  if (apart) matrix["x", "y"] <- 0
  imputed <- mice(d, m = m, maxit = 10, method = ifelse(names(d) %in% c("x", "y"), "pmm", ""), predictorMatrix = matrix, visitSequence = c("x", "y"), seed = 6,
                  printFlag = FALSE, remove.collinear = FALSE)
  p <- pool(with(imputed, coxph(Surv(t, e) ~ x)))$pooled
  drawn <- complete(imputed, "long")[rep(is.na(d$x), m), ]
  list(estimate = p$estimate, within = p$ubar, between = p$b, correlation = cor(drawn$x, drawn$y), mean = mean(drawn$x))
}
write(toJSON(list(m = m, apart = pooled(TRUE), each_from_the_other = pooled(FALSE)), digits = 17, auto_unbox = TRUE), "imputation_near_copies.json")
