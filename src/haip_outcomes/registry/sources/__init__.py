"""Files to raw cells: text, workbooks, parquet, SPSS, Stata and REDCap."""
