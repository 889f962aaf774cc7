# The rule: |got - want| <= 1.01 err u + ulp(want)/2 + tiny, or equal where the case is exact in your precision.
numbers <- function(x) vapply(x, as.numeric, 0)       # of a list, as fromJSON(..., simplifyVector = FALSE) gives it
ulp <- function(x) 2^(pmax(floor(log2(abs(x))), -1022) - 52)

# tensor: one expected tensor of a case; got: your numbers, flat, in C order (of a matrix: t(m)).
passes <- function(tensor, got, bits = 53, u = 2^-53, tiny = 64 * 5e-324) {
  want <- numbers(tensor$data)
  sharp <- !is.null(tensor[["err_sharp"]])              # [[ ]]: tensor$err would find err_sharp too
  err <- if (sharp) numbers(tensor[["err_sharp"]]) * abs(want) else      # a sharp bound is relative
    if (is.null(tensor[["err"]])) 0 * seq_along(want) else numbers(tensor[["err"]])
  exact <- !is.null(tensor$exact_bits) && tensor$exact_bits <= bits
  bound <- if (exact) 0 else 1.01 * err * u + ulp(want) / 2 + tiny
  same <- got == want | abs(got - want) <= bound
  length(got) == length(want) && all(ifelse(is.nan(want), is.nan(got), !is.na(same) & same))
}
