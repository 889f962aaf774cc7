// The rule: |got - want| <= 1.01 err u + ulp(want)/2 + tiny, or equal where the case is exact in your precision.
const number = (v) => ({nan: NaN, inf: Infinity, '-inf': -Infinity})[v] ?? v;
const ulp = (v) => 2 ** (Math.max(Math.floor(Math.log2(Math.abs(v))), -1022) - 52);

// tensor: one expected tensor of a case; got: your numbers, flat, in C order.
function passes(tensor, got, bits = 53, u = 2 ** -53, tiny = 64 * 5e-324) {   // float32: 24, 2 ** -24, 64 * 1.4e-45
  const exact = (tensor.exact_bits ?? 99) <= bits;
  const limits = tensor.err ?? tensor.err_sharp ?? tensor.data.map(() => 0);
  return got.length === tensor.data.length && tensor.data.map(number).every((want, i) => {
    const err = limits[i] * (tensor.err_sharp ? Math.abs(want) : 1);           // a sharp bound is relative
    const bound = exact ? 0 : 1.01 * err * u + ulp(want) / 2 + tiny;
    return got[i] === want || Math.abs(got[i] - want) <= bound || (got[i] !== got[i] && want !== want);
  });
}
module.exports = {passes};
