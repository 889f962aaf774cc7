# The adaptive log-softmax in base R: forward, backward, log_prob and its backward, predict.
#
# Name and arguments are those that R torch documents for its nn_adaptive_log_softmax_with_loss.  R torch documents
# this layer and does not implement it: in 0.17 its constructor ends in "not yet implemented".  Its page counts
# classes from 0; that sentence came from PyTorch's page unchanged.  All else in R torch counts from 1
# (nn_nll_loss, nn_cross_entropy_loss), and so does this layer: a target is in 1 .. n_classes.
#
#     layer <- nn_adaptive_log_softmax_with_loss(16, 100, cutoffs = c(10, 40))
#     found <- layer(input, target)              # input: matrix (N, 16); found$output (N), found$loss
#     layer$log_prob(input)                      # matrix (N, 100)
#     layer$predict(input)                       # the most probable class of each row
#     layer$backward(input, target)              # gradients of the loss
#     layer$state_dict(); layer$load_state_dict(params)
#
# Class 1 .. s, s = cutoffs[1], are the short-list; tail i (from 1) has the classes cutoffs[i] + 1 up to the next
# cutoff.  Column s + i of the head is tail i.  The names of weights count tails from 0, as PyTorch's do.
# Legend: N rows, D features, K = s + number of tails, h and k hidden size and number of classes of a tail.
# [Grave, Joulin, Cisse, Grangier, Jegou 2017, Efficient softmax approximation for GPUs, arXiv 1609.04309]

nn_adaptive_log_softmax_with_loss <- function(in_features, n_classes, cutoffs, div_value = 4, head_bias = FALSE) {
  config <- list(in_features = in_features, n_classes = n_classes, cutoffs = cutoffs, div_value = div_value,
                 head_bias = head_bias)
  params <- lapply(shapes(config), initial_weight)
  methods <- list(
    forward = function(input, target) asm_forward(config, params, input, target)[c("output", "loss")],
    backward = function(input, target, grad_output = 0, grad_loss = 1) {
      asm_backward(config, params, input, target, grad_output, grad_loss)
    },
    log_prob = function(input) asm_log_prob(config, params, input),
    log_prob_backward = function(input, grad) asm_log_prob_backward(config, params, input, grad),
    predict = function(input) largest(asm_log_prob(config, params, input)),
    state_dict = function() params,
    load_state_dict = function(state) params <<- checked_state(config, state))
  structure(methods$forward, methods = methods, class = "nn_adaptive_log_softmax_with_loss")
}

`$.nn_adaptive_log_softmax_with_loss` <- function(layer, name) attr(layer, "methods")[[name]]

# An error with a kind, by which a caller can tell a bad target from a bad shape.
refuse <- function(kind, ...) {
  stop(structure(class = c("refused", "error", "condition"), list(message = paste0(...), kind = kind, call = NULL)))
}

# ---------------------------------------------------------------- construction

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
    found[[projection(i)]] <- c(hidden, config$in_features)
    found[[scores(i)]] <- c(edges[i + 1] - edges[i], hidden)
  }
  found
}

projection <- function(i) sprintf("tail.%d.0.weight", i - 1)
scores <- function(i) sprintf("tail.%d.1.weight", i - 1)

# The floor of the exact quotient.  R's own %/% rounds the quotient first when it is near an integer
# (1024 %/% 1.6), so it is found in exact arithmetic: b is split into two halves of 26 bits, whose products with
# n are exact.
floor_divide <- function(a, b) {
  n <- round(a / b)
  scale <- 2^(floor(log2(b)) - 25)
  high <- floor(b / scale) * scale
  if ((n * high - a) + n * (b - high) > 0) n - 1 else n
}

# Uniform within 1 / sqrt(inputs), as nn_linear starts.
initial_weight <- function(shape) {
  bound <- 1 / sqrt(max(1, shape[length(shape)]))
  numbers <- runif(prod(shape), -bound, bound)
  if (length(shape) == 1) numbers else matrix(numbers, shape[1], shape[2])
}

checked_state <- function(config, state) {
  wanted <- shapes(config)
  for (name in union(names(wanted), names(state))) {
    found <- if (is.null(dim(state[[name]]))) length(state[[name]]) else dim(state[[name]])
    if (!identical(as.numeric(found), as.numeric(wanted[[name]]))) {
      refuse("shape", name, " has shape ", paste(found, collapse = " "), ", not ", paste(wanted[[name]], collapse = " "))
    }
  }
  state
}

# ---------------------------------------------------------------- the two building blocks

# Column of the largest entry of each row, the first of equals; NA where a row holds nan.
largest <- function(z) if (nrow(z) == 0) integer(0) else max.col(z, ties.method = "first")

# log p = (z - max) - log1p(sum of the other exponentials): right to the last digit for the largest entry too.
log_softmax <- function(z) {
  top <- cbind(seq_len(nrow(z)), largest(z))
  shifted <- z - z[top]                         # (N, K) - (N): down the columns
  others <- exp(shifted)
  others[top] <- 0
  shifted - log1p(rowSums(others))
}

# Of q[n] * log_p[n, picked[n]]:  dz[k] = q (1 at the picked one, else 0) - q p[k];  1 - p is -expm1(log p).
picked_backward <- function(log_p, picked, q) {
  at <- cbind(seq_len(nrow(log_p)), picked)
  dz <- -q * exp(log_p)
  dz[at] <- -q * expm1(log_p[at])
  dz
}

# Of sum(grad * log_p):  dz[k] = grad[k] - p[k] sum(grad).  For the largest entry this is
# (1 - p) grad - p sum(the others), which does not cancel.
log_softmax_backward <- function(log_p, grad) {
  top <- cbind(seq_len(nrow(log_p)), largest(log_p))
  dz <- grad - exp(log_p) * rowSums(grad)
  others <- grad
  others[top] <- 0
  dz[top] <- -expm1(log_p[top]) * grad[top] - exp(log_p[top]) * rowSums(others)
  dz
}

# ---------------------------------------------------------------- forward

head_log_softmax <- function(params, input) {
  logits <- input %*% t(params$head.weight)                                     # (N, K)
  if (!is.null(params$head.bias)) logits <- sweep(logits, 2, params$head.bias, "+")
  list(logits = logits, log_p = log_softmax(logits))
}

tail_log_softmax <- function(params, i, input) {
  hidden <- input %*% t(params[[projection(i)]])                                # (N, h)
  logits <- hidden %*% t(params[[scores(i)]])                                   # (N, k); zeros if h is 0
  list(hidden = hidden, logits = logits, log_p = log_softmax(logits))
}

# Where each target lives: its cluster (0 is the short-list), its column of the head, its place in the tail.
# A class beyond a cutoff (counted from 1) belongs to the next cluster.
route <- function(config, target) {
  cluster <- vapply(target, function(y) sum(y > config$cutoffs), 0)
  first <- c(0, config$cutoffs)[cluster + 1]
  list(cluster = cluster, place = target - first,
       column = ifelse(cluster == 0, target, config$cutoffs[1] + cluster))
}

check_input <- function(config, input) {
  if (ncol(input) != config$in_features) {
    refuse("shape", "input should have ", config$in_features, " columns, but has ", ncol(input))
  }
}

check <- function(config, input, target) {
  check_input(config, input)
  if (nrow(input) != length(target)) refuse("shape", nrow(input), " rows, but ", length(target), " targets")
  wrong <- which(!(target >= 1 & target <= config$n_classes & target == floor(target)))
  if (length(wrong)) {
    refuse("target", "target[", wrong[1], "] is ", target[wrong[1]], ", but classes are 1 .. ", config$n_classes)
  }
}

# output, loss, and all that was computed on the way (`tails`: one list a tail, with the rows that it has).
asm_forward <- function(config, params, input, target) {
  check(config, input, target)
  at <- route(config, target)
  head <- head_log_softmax(params, input)
  output <- head$log_p[cbind(seq_along(target), at$column)]
  tails <- lapply(seq_along(config$cutoffs), function(i) {
    rows <- which(at$cluster == i)
    c(list(rows = rows, place = at$place[rows]), tail_log_softmax(params, i, input[rows, , drop = FALSE]))
  })
  for (tail in tails) {
    output[tail$rows] <- output[tail$rows] + tail$log_p[cbind(seq_along(tail$rows), tail$place)]
  }
  list(output = output, loss = -mean(output), at = at, head = head, tails = tails)
}

asm_log_prob <- function(config, params, input) {
  check_input(config, input)
  A <- head_log_softmax(params, input)$log_p
  s <- config$cutoffs[1]
  tails <- lapply(seq_along(config$cutoffs), function(i) A[, s + i] + tail_log_softmax(params, i, input)$log_p)
  do.call(cbind, c(list(A[, seq_len(s), drop = FALSE]), tails))                 # (N, n_classes)
}

# ---------------------------------------------------------------- backward

# Gradients of sum(grad_output * output) + grad_loss * loss: `input` (N, D), `params`, and dz of each softmax.
asm_backward <- function(config, params, input, target, grad_output = 0, grad_loss = 1) {
  forward <- asm_forward(config, params, input, target)
  q <- rep_len(grad_output, nrow(input)) - grad_loss / nrow(input)              # dL/d output, (N)
  dz_head <- picked_backward(forward$head$log_p, forward$at$column, q)
  dz_tails <- lapply(forward$tails, function(tail) picked_backward(tail$log_p, tail$place, q[tail$rows]))
  pull_back(params, input, dz_head, forward$tails, dz_tails)
}

# Gradients of sum(grad * log_prob), for grad (N, n_classes).
asm_log_prob_backward <- function(config, params, input, grad) {
  check_input(config, input)
  edges <- c(config$cutoffs, config$n_classes)
  s <- edges[1]
  tails <- lapply(seq_along(config$cutoffs), function(i) {
    c(list(rows = seq_len(nrow(input)), grad = grad[, (edges[i] + 1):edges[i + 1], drop = FALSE]),
      tail_log_softmax(params, i, input))
  })
  into_columns <- lapply(tails, function(tail) rowSums(tail$grad))              # log_prob = A[column] + B
  grad_head <- do.call(cbind, c(list(grad[, seq_len(s), drop = FALSE]), into_columns))
  dz_head <- log_softmax_backward(head_log_softmax(params, input)$log_p, grad_head)
  dz_tails <- lapply(tails, function(tail) log_softmax_backward(tail$log_p, tail$grad))
  pull_back(params, input, dz_head, tails, dz_tails)
}

# From the logits' gradients to those of the weights and the input; y = x W' has dW = dy' x and dx = dy W.
pull_back <- function(params, input, dz_head, tails, dz_tails) {
  grads <- list(head.weight = t(dz_head) %*% input)
  if (!is.null(params$head.bias)) grads$head.bias <- colSums(dz_head)
  dx <- dz_head %*% params$head.weight
  dz_hidden <- list()
  for (i in seq_along(tails)) {
    rows <- tails[[i]]$rows
    dz_hidden[[i]] <- dz_tails[[i]] %*% params[[scores(i)]]                     # (rows, h)
    grads[[projection(i)]] <- t(dz_hidden[[i]]) %*% input[rows, , drop = FALSE]
    grads[[scores(i)]] <- t(dz_tails[[i]]) %*% tails[[i]]$hidden
    dx[rows, ] <- dx[rows, , drop = FALSE] + dz_hidden[[i]] %*% params[[projection(i)]]
  }
  list(input = dx, params = grads, head_logits = dz_head, hidden = dz_hidden, logits = dz_tails)
}
