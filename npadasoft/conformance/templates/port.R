#!/usr/bin/env Rscript
# A port of the adaptive log-softmax, judged by
#
#     npadasoft conform -- Rscript port.R
#
# Needs jsonlite: install.packages("jsonlite"), or on Debian apt install r-cran-jsonlite.
# All that speaks to the judge is written.  Fill in the functions under "the mathematics", one after the
# other; when one is done, add its name to OPS and run the judge again.
#
# The layer: classes 1 .. s are the short-list, s = cutoffs[1]; tail i (its names count from 0) holds the classes
# from cutoffs[i + 1] + 1 up to and including the next cutoff, the last tail up to n_classes.  With x one row of
# the input, W = head.weight, b = head.bias, P = tail.i.0.weight, U = tail.i.1.weight, all stored (out, in):
#
#     A = log_softmax(W x + b)            columns: class 1 .. s, then tail 0, 1, 2, ...
#     B = log_softmax(U (P x))            of tail i; a few cases, which you may skip, add tail.i.1.bias to its scores
#     log_prob[k] = A[k]                                      if k <= s
#                 = A[s + i + 1] + B[k - cutoffs[i + 1]]      if k is in tail i
#     output[n] = log_prob of row n at its target;    loss = -mean(output);    predict = which.max of log_prob
#
# The judge counts classes from 1 for this port (INDEX_BASE), as R does; cutoffs are numbers of classes and
# stay what they are.  Weights and inputs come as matrices, a tensor of one axis as a vector; give results back
# alike.  Batch axes come as one: a batch of 2 by 3 rows as six rows, one row without a batch as a batch of one;
# they go back as they came.  Without a row the loss is the mean of nothing, NaN, and gradients are 0.
suppressPackageStartupMessages(library(jsonlite))

NAME <- "my port"
VERSION <- "0.1"
DTYPES <- list("float64")       # R's double
OPS <- list("shapes")           # then: "forward", "log_prob", "predict", "backward", "log_prob_backward"
# others, topk and the head alone (linear) among them: npadasoft port-template --protocol
# intermediate tensors that you show, for a mistake to be found where it begins, of
#   "cluster" (0 is the short-list, i + 1 is tail i), "head_column", "head_logits", "head_log_prob",
#   "tail.*.relative_target", "tail.*.hidden", "tail.*.logits", "tail.*.log_prob", "grad.head_logits",
#   "grad.tail.*.hidden", "grad.tail.*.logits"        (their numbers: npadasoft vectors show T03)
TRACE <- list()
INDEX_BASE <- 1

# An error answer; kind is target, shape, cutoffs, config, dtype, unsupported or other.
refuse <- function(kind, ...) {
  stop(structure(class = c("refused", "error", "condition"), list(message = paste0(...), kind = kind, call = NULL)))
}

# Something that this port knowingly does not support: skip("why").
skip <- function(reason) {
  stop(structure(class = c("skip", "error", "condition"), list(message = reason, call = NULL)))
}

# ---------------------------------------------------------------- the mathematics: yours to write

# list(output = ..., loss = ...), and what TRACE announces.
# A target outside 1 .. n_classes: refuse("target", ...).  Rows without in_features numbers: refuse("shape", ...),
# here and below.  A few cases go beyond the layer, so that you may skip: where config has ignore_index, rows with
# that target have output 0 and do not count in the loss; where it has reduction, "sum" makes the loss a sum,
# "none" a number a row.
forward <- function(config, params, input, target, want) {
  skip("forward is not written yet")
}

# list(grad.input = ..., grad.head.weight = ..., ...), shaped as what they are the gradient of.
# cotangents may hold output (one number a row) and loss (a number); an absent one is 0.  Of the sum over both.
# A tail without a target has gradients of zero.
backward <- function(config, params, input, target, cotangents, want) {
  skip("backward is not written yet")
}

# A matrix with n_classes columns.
log_prob <- function(config, params, input) {
  skip("log_prob is not written yet")
}

# As backward, of sum(cotangent * log_prob).
log_prob_backward <- function(config, params, input, cotangent, want) {
  skip("log_prob_backward is not written yet")
}

# The most probable class of each row, counted from 1.
predict_class <- function(config, params, input) {
  skip("predict is not written yet")
}

# ---------------------------------------------------------------- shapes: written, and worth reading

# Shape of every weight; a configuration that makes no layer is refused.
shapes <- function(config) {
  cutoffs <- config$cutoffs
  edges <- c(cutoffs, config$n_classes)
  if (config$in_features < 1 || config$n_classes < 2 || !(config$div_value > 0)) {
    refuse("config", "no layer: ", config$in_features, " features, ", config$n_classes,
           " classes, div_value ", config$div_value)
  }
  if (length(cutoffs) == 0 || cutoffs[1] < 1 || any(diff(edges) <= 0) || any(cutoffs != floor(cutoffs))) {
    refuse("cutoffs", "cutoffs should increase within 1 .. ", config$n_classes - 1,
           ", but found ", paste(cutoffs, collapse = " "))
  }
  head <- cutoffs[1] + length(cutoffs)
  found <- list(head.weight = c(head, config$in_features))
  if (config$head_bias) found$head.bias <- head
  for (i in seq_along(cutoffs)) {
    power <- config$div_value^i
    if (!is.finite(power)) refuse("config", "hidden size of tail ", i - 1, " is not finite")
    hidden <- floor_divide(config$in_features, power)
    found[[sprintf("tail.%d.0.weight", i - 1)]] <- c(hidden, config$in_features)
    found[[sprintf("tail.%d.1.weight", i - 1)]] <- c(edges[i + 1] - edges[i], hidden)
  }
  found
}

# a // b as Python has it: floor of the exact quotient.  R's own %/% rounds the quotient first when it is near
# an integer (1024 %/% 1.6), so the largest n with n * b <= a is looked for in exact arithmetic: b = m * 2^e.
floor_divide <- function(a, b) {
  n <- round(a / b)
  if (exceeds(n, b, a)) n - 1 else n
}

# Whether n * b > a, exactly: b is split into two halves of 26 bits, so that both products are exact.
exceeds <- function(n, b, a) {
  high <- signif_bits(b, 26)
  low <- b - high
  (n * high - a) + n * low > 0
}

signif_bits <- function(x, bits) {
  scale <- 2^(floor(log2(x)) - bits + 1)
  floor(x / scale) * scale
}

# ---------------------------------------------------------------- the protocol: nothing to change

# jsonlite must not simplify: a list of numbers and "nan" would become text, and lose digits.
read_numbers <- function(data) vapply(data, as.numeric, numeric(1))

# A tensor as a vector or a matrix (`axes` 1 or 2), all axes before the last made into one.
read_tensor <- function(tensor, axes = length(tensor$shape)) {
  shape <- vapply(tensor$shape, as.numeric, numeric(1))
  numbers <- read_numbers(tensor$data)
  if (axes < 2) return(numbers)
  matrix(numbers, nrow = prod(shape[-length(shape)]), ncol = shape[length(shape)], byrow = TRUE)
}

# Numbers as JSON, with all 17 digits: jsonlite's own writer has 15.
write_numbers <- function(x) {
  text <- sprintf("%.17g", x)
  text[is.nan(x) | is.na(x)] <- "\"nan\""
  text[x == Inf & !is.na(x)] <- "\"inf\""
  text[x == -Inf & !is.na(x)] <- "\"-inf\""
  paste0("[", paste(text, collapse = ","), "]")
}

# A vector or a matrix as a tensor; without `shape` its own.
write_tensor <- function(value, shape) {
  if (is.null(shape)) shape <- if (is.null(dim(value))) length(value) else dim(value)
  flat <- if (is.null(dim(value))) value else t(value)
  sprintf("{\"shape\":%s,\"data\":%s}", write_numbers(as.numeric(shape)), write_numbers(as.numeric(flat)))
}

# Targets have the batch axes of the input, seen here because they are flattened below.
check_batch <- function(inputs) {
  rows <- unlist(inputs$input$shape[-length(inputs$input$shape)])
  found <- unlist(inputs$target$shape)
  if (!is.null(inputs$target) && !identical(as.numeric(rows), as.numeric(found))) {
    refuse("shape", "target should have shape (", paste(rows, collapse = ", "), "), but found (",
           paste(found, collapse = ", "), ")")
  }
}

# The shape of a public tensor, known from the request; NULL for the others.
shape_of <- function(message, name) {
  input <- vapply(message$inputs$input$shape, as.numeric, numeric(1))
  rows <- input[-length(input)]
  if (startsWith(name, "grad.")) {
    of <- substring(name, 6)
    tensor <- if (of == "input") message$inputs$input else message$params[[of]]
    return(if (is.null(tensor)) NULL else vapply(tensor$shape, as.numeric, numeric(1)))
  }
  switch(name, output = rows, predict = rows, loss = numeric(0),
         log_prob = c(rows, message$config$n_classes), NULL)
}

run <- function(message) {
  config <- read_config(message$config)
  params <- lapply(message$params, read_tensor)
  input <- read_tensor(message$inputs$input, 2)
  target <- if (!is.null(message$inputs$target)) read_tensor(message$inputs$target, 1)
  cotangents <- list()
  for (name in names(message$cotangents)) {
    cotangents[[name]] <- read_tensor(message$cotangents[[name]], if (name == "log_prob") 2 else 1)
  }
  check_batch(message$inputs)
  want <- unlist(message$want)
  found <- switch(message$op,
    forward = forward(config, params, input, target, want),
    backward = backward(config, params, input, target, cotangents, want),
    log_prob = list(log_prob = log_prob(config, params, input)),
    log_prob_backward = log_prob_backward(config, params, input, cotangents$log_prob, want),
    predict = list(predict = predict_class(config, params, input)),
    skip(paste(message$op, "is not written")))
  names <- Filter(function(name) !is.null(found[[name]]), want)
  parts <- vapply(names, function(name) {
    sprintf("%s:%s", quoted(name), write_tensor(found[[name]], shape_of(message, name)))
  }, "")
  sprintf("\"results\":{%s}", paste(parts, collapse = ","))
}

read_config <- function(config) {
  config$cutoffs <- vapply(config$cutoffs, as.numeric, numeric(1))
  config
}

write_shapes <- function(found) {
  parts <- vapply(names(found), function(name) sprintf("%s:%s", quoted(name), write_numbers(found[[name]])), "")
  sprintf("\"shapes\":{%s}", paste(parts, collapse = ","))
}

quoted <- function(text) as.character(toJSON(unbox(text)))

# The bits of the numbers as this port read them, and the numbers written again: a reader or a writer that rounds
# wrongly shows here.
echo <- function(message) {
  size <- if (message$dtype == "float32") 4 else 8
  packed <- lapply(read_numbers(message$data), writeBin, raw(), size = size, endian = "big")
  bits <- vapply(packed, function(b) quoted(paste(as.character(b), collapse = "")), "")
  numbers <- vapply(packed, readBin, 0, what = "double", size = size, endian = "big")
  sprintf("\"bits\":[%s],\"data\":%s", paste(bits, collapse = ","), write_numbers(numbers))
}

start <- function() {
  about <- list(protocol = unbox(1), implementation = lapply(
    list(name = NAME, version = VERSION, language = "r"), unbox),
    dtypes = DTYPES, ops = OPS, trace = TRACE, layout = "out_in", index_base = INDEX_BASE)
  text <- as.character(toJSON(about, auto_unbox = TRUE))
  substring(text, 2, nchar(text) - 1)
}

answer <- function(message) {
  tryCatch(
    switch(message$cmd, start = start(), echo = echo(message),
           shapes = write_shapes(shapes(read_config(message$config))), run = run(message)),
    refused = function(e) sprintf("\"error\":{\"kind\":%s,\"message\":%s}", quoted(e$kind), quoted(conditionMessage(e))),
    skip = function(e) sprintf("\"skipped\":true,\"reason\":%s", quoted(conditionMessage(e))),
    error = function(e) sprintf("\"error\":{\"kind\":\"other\",\"message\":%s}", quoted(conditionMessage(e))))
}

main <- function() {
  input <- file("stdin", "r")
  while (length(line <- readLines(input, n = 1)) == 1) {
    message <- fromJSON(line, simplifyVector = FALSE)
    if (message$cmd == "stop") break
    seq <- if (is.null(message$seq)) "" else sprintf("\"seq\":%d,", message$seq)
    cat("{", seq, answer(message), "}\n", sep = "")
    flush(stdout())
  }
}

if (!interactive()) main()
