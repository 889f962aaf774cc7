#!/usr/bin/env Rscript
# The layer of nn_adaptive_log_softmax_with_loss.R, judged by
#
#     npadasoft conform -- Rscript port.R
#
# Needs jsonlite: install.packages("jsonlite"), or on Debian apt install r-cran-jsonlite.
# What stands below "the protocol" is the template's (npadasoft port-template r), word for word.
suppressPackageStartupMessages(library(jsonlite))

here <- dirname(sub("^--file=", "", grep("^--file=", commandArgs(), value = TRUE)[1]))
source(file.path(here, "nn_adaptive_log_softmax_with_loss.R"))

NAME <- "nn_adaptive_log_softmax_with_loss"
VERSION <- "1"
DTYPES <- list("float64")       # R's double
OPS <- list("shapes", "forward", "log_prob", "predict", "backward", "log_prob_backward")
TRACE <- list("cluster", "head_column", "head_logits", "head_log_prob", "tail.*.relative_target", "tail.*.hidden",
              "tail.*.logits", "tail.*.log_prob", "grad.head_logits", "grad.tail.*.hidden", "grad.tail.*.logits")
INDEX_BASE <- 1

# Something that this port knowingly does not support.
skip <- function(reason) {
  stop(structure(class = c("skip", "error", "condition"), list(message = reason, call = NULL)))
}

# ---------------------------------------------------------------- the layer, asked as the judge asks

layer_of <- function(config, params) {
  if (!is.null(config$ignore_index) || !is.null(config$reduction)) skip("ignore_index and reduction are not supported")
  if (!is.null(config$tail_bias)) skip("biases in tails are not supported")
  layer <- nn_adaptive_log_softmax_with_loss(config$in_features, config$n_classes, config$cutoffs, config$div_value,
                                             config$head_bias)
  layer$load_state_dict(params)
  layer
}

# What a user gets, and what was computed on the way.
forward <- function(config, params, input, target, want) {
  found <- layer_of(config, params)(input, target)
  inside <- asm_forward(config, params, input, target)
  named <- list(cluster = inside$at$cluster, head_column = inside$at$column, head_logits = inside$head$logits,
                head_log_prob = inside$head$log_p)
  for (i in seq_along(inside$tails)) {
    tail <- inside$tails[[i]]
    parts <- list(relative_target = tail$place, hidden = tail$hidden, logits = tail$logits, log_prob = tail$log_p)
    named[sprintf("tail.%d.%s", i - 1, names(parts))] <- parts
  }
  c(found, named)
}

backward <- function(config, params, input, target, cotangents, want) {
  zero_if_absent <- function(value) if (is.null(value)) 0 else value
  named_grads(layer_of(config, params)$backward(input, target, zero_if_absent(cotangents$output),
                                                zero_if_absent(cotangents$loss)))
}

log_prob <- function(config, params, input) layer_of(config, params)$log_prob(input)

log_prob_backward <- function(config, params, input, cotangent, want) {
  named_grads(layer_of(config, params)$log_prob_backward(input, cotangent))
}

predict_class <- function(config, params, input) layer_of(config, params)$predict(input)

named_grads <- function(found) {
  grads <- c(list(input = found$input), found$params, list(head_logits = found$head_logits))
  for (i in seq_along(found$hidden)) {
    grads[sprintf("tail.%d.%s", i - 1, c("hidden", "logits"))] <- list(found$hidden[[i]], found$logits[[i]])
  }
  setNames(grads, paste0("grad.", names(grads)))
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
