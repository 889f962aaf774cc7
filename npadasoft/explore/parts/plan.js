// ---------------------------------------------------------------- 1, the cut: what it costs, and the best

// Darker is more frequent, in grey too.
const TONES = ['#16324f', '#2f6690', '#5c97ad', '#8fbcb0', '#bcd7b4', '#e2e8c0'];
const partName = (i) => (i < 0 ? 'head' : `tail ${i}`);

// (C + 1) the share of the classes below an index, by Zipf's law.
function sharesBelow(n, exponent) {
  const below = new Float64Array(n + 1);
  for (let r = 1; r <= n; r++) below[r] = below[r - 1] + r ** -exponent;
  for (let r = 1; r <= n; r++) below[r] /= below[n];
  return below;
}

// The parts of the layer: sizes as the port gives them, and what they cost for a batch.
function partsOf({classes, cutoffs, features, div_value, batch}, below) {
  const sizes = shapes({in_features: features, n_classes: classes, cutoffs, div_value, head_bias: false});
  const [columns] = sizes['head.weight'],
    edges = [...cutoffs, classes];
  const head = {share: 1, size: cutoffs[0], columns, weights: columns * features, work: batch * columns * features};
  return [
    head,
    ...cutoffs.map((a, i) => {
      const share = below[edges[i + 1]] - below[a],
        [hidden] = sizes[`tail.${i}.0.weight`],
        size = edges[i + 1] - a;
      return {
        share,
        size,
        hidden,
        weights: hidden * (features + size),
        work: batch * share * hidden * (features + size),
      };
    }),
  ];
}

// What `plan` charges for a tail, in classes that the whole batch meets [npadasoft/planning/cost.py].
function tailCost({hidden, features, div_value}) {
  if (!hidden) return (i, share, size) => share * size;
  const width = [0, 1, 2, 3, 4].map((i) => floorDivide(features, div_value ** (i + 1)));
  return (i, share, size) => share * (width[i] / features) * (size + features);
}

// The cost of each part, the head first.
function costs(cutoffs, below, charge) {
  const edges = [...cutoffs, below.length - 1];
  return [
    cutoffs[0] + cutoffs.length,
    ...cutoffs.map((a, i) => charge(i, below[edges[i + 1]] - below[a], edges[i + 1] - a)),
  ];
}

// The cheapest cutoffs, exactly, as npadasoft/planning/optimum.py finds them: the best end b of a tail that begins at
// a never decreases in a, so the best of the middle a splits the search.
function plan(below, tails, charge) {
  const n = below.length - 1,
    ends = [];
  let later = Float64Array.from({length: n}, (_, a) => charge(tails - 1, below[n] - below[a], n - a));
  for (let j = tails - 2; j >= 0; j--) {
    const size = n - (tails - j) + 1,
      value = new Float64Array(size),
      end = new Int32Array(size),
      next = later;
    const search = (low, high, first, last) => {
      if (low > high) return;
      const a = (low + high) >> 1;
      let least = Infinity,
        best = 0;
      for (let b = Math.max(first, a + 1); b <= last; b++) {
        const total = charge(j, below[b] - below[a], b - a) + next[b];
        if (total < least) [least, best] = [total, b];
      }
      [value[a], end[a]] = [least, best];
      search(low, a - 1, first, best);
      search(a + 1, high, best, last);
    };
    search(0, size - 1, 1, next.length - 1);
    ends.unshift(end);
    later = value;
  }
  let best = 1;
  for (let a = 1; a <= n - tails; a++) if (a + later[a] < best + later[best]) best = a;
  return ends.reduce((cutoffs, end) => [...cutoffs, end[cutoffs[cutoffs.length - 1]]], [best]);
}

// Computed once for the same arguments: dragging asks again and again.
function remembered(compute) {
  let key, value;
  return (...args) => {
    if (JSON.stringify(args) !== key) [key, value] = [JSON.stringify(args), compute(...args)];
    return value;
  };
}
const belowOf = remembered(sharesBelow);
const bestOf = remembered((classes, exponent, tails, hidden, features, div_value) =>
  plan(belowOf(classes, exponent), tails, tailCost({hidden, features, div_value})),
);
