# Applies the rule to lines of {"tensor": ..., "got": [...]}.
suppressPackageStartupMessages(library(jsonlite))
source("rule.R")
for (line in readLines(file("stdin"))) {
  case <- fromJSON(line, simplifyVector = FALSE)
  cat(tolower(passes(case$tensor, numbers(case$got))), "\n", sep = "")
}
