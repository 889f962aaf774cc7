// ---------------------------------------------------------------- 1, the cut: its pictures

function drawCut() {
  const {classes, exponent, cutoffs, hidden, features, div_value} = state;
  const below = belowOf(classes, exponent),
    charge = tailCost(state);
  const best = bestOf(classes, exponent, cutoffs.length, hidden, features, div_value);
  const parts = partsOf(state, below);
  drawCurve(below, best);
  drawValley(below, best, charge);
  drawSheet(parts);
  drawSizes(parts);
  const total = (list) => list.reduce((a, b) => a + b, 0);
  const here = total(costs(cutoffs, below, charge)) / classes,
    least = total(costs(best, below, charge)) / classes;
  const full = classes * features * state.batch,
    adaptive = total(parts.map((part) => part.work));
  $('cut-answer').replaceChildren(
    make(
      'b',
      {},
      `${compact(adaptive)} multiplications instead of ${compact(full)}: `,
      make('span', {id: 'ratio'}, (full / adaptive).toPrecision(3)),
      ' times fewer.',
    ),
  );
  $('ink').replaceChildren(
    `The ink is ${percent(here)} of the sheet; the best cut of these counts, ◆ ${best.map(whole).join(', ')}, `,
    `inks ${percent(least)}.`,
  );
  $('cut-answer').dataset.best = best;
  $('cut-answer').dataset.cost = here * classes;
}

const axis = (width, em) => {
  const left = 3 * em,
    right = width - em,
    span = right - left;
  return {
    left,
    right,
    at: (rank) => left + (span * Math.log(rank)) / Math.log(state.classes),
    rank: (x) => state.classes ** ((x - left) / span),
  };
};

// The line, 0 or 1, on which a label stands without touching another; 2 where there is none.  The moved one is first.
function levels(places, moved, room) {
  const found = places.map(() => undefined),
    order = [moved, ...places.keys()].filter((i, k) => k === 0 || i !== moved);
  for (const i of order) {
    const free = (line) => places.every((x, j) => found[j] !== line || Math.abs(x - places[i]) >= room);
    found[i] = free(0) ? 0 : free(1) ? 1 : 2;
  }
  return found;
}

function drawCurve(below, best) {
  const {ground, svg, width, height, em} = drawing($('curve'), 15, 'frequency of the classes, with the cutoffs');
  const {left, right, at, rank} = axis(width, em),
    n = state.classes,
    bottom = height - 2 * em,
    top = 3.6 * em,
    level = levels(state.cutoffs.map(at), state.moved, 3.6 * em);
  const least = Math.log10(n ** -state.exponent),
    y = (r) => top + ((bottom - top) * Math.log10(r ** -state.exponent)) / Math.min(least, -1);
  const edges = [1, ...state.cutoffs, n];
  edges.slice(1).forEach((b, i) => {
    const points = [
      [at(edges[i]), bottom],
      [at(edges[i]), y(edges[i])],
      [at(b), y(b)],
      [at(b), bottom],
    ];
    ground.append(make('polygon', {points: points.join(' '), fill: TONES[i], class: 'part'}));
    const share = below[b] - below[i ? edges[i] : 0],
      middle = (at(edges[i]) + at(b)) / 2,
      inside = bottom - y(Math.sqrt(edges[i] * b)) > 1.3 * em;
    if (at(b) - at(edges[i]) > 3.2 * em) {
      ground.append(
        words(middle, inside ? bottom - 0.5 * em : y(Math.sqrt(edges[i] * b)) - 0.4 * em, percent(share), {
          class: `small ${i < 3 && inside ? 'light' : ''}`,
          'text-anchor': 'middle',
        }),
      );
    }
  });
  for (let r = 1; r <= n; r *= 10) {
    ground.append(make('line', {x1: at(r), x2: at(r), y1: bottom, y2: bottom + 0.3 * em, class: 'axis'}));
    if (at(n) - at(r) > 2 * em || r * 10 > n)
      ground.append(words(at(r), bottom + 1.3 * em, compact(r), {class: 'small', 'text-anchor': 'middle'}));
  }
  ground.append(
    make('line', {x1: left, x2: right, y1: bottom, y2: bottom, class: 'axis'}),
    words(0, top + em, 'often', {class: 'small'}),
    words(0, bottom - 0.3 * em, 'rare', {class: 'small'}),
  );
  for (const c of best)
    ground.append(words(at(c), bottom + 0.45 * em, '◆', {class: 'best', 'text-anchor': 'middle'}));
  handlesOf(svg, state.cutoffs.length, cutHandle).forEach((handle, i) => {
    const c = state.cutoffs[i];
    handle.replaceChildren(
      make('line', {x1: at(c), x2: at(c), y1: 2.2 * em, y2: bottom, class: 'cutline'}),
      make('rect', {x: at(c) - 1.2 * em, y: 0, width: 2.4 * em, height: bottom, fill: 'transparent'}),
      make('circle', {cx: at(c), cy: 2.9 * em, r: 0.55 * em, class: 'knob'}),
      words(clamp(at(c), 2 * em, width - 2 * em), (2 - 1.1 * level[i]) * em, whole(c), {
        class: level[i] > 1 ? 'gone' : 'label',
        'text-anchor': 'middle',
      }),
    );
    handle.setAttribute('class', `handle${i === state.moved ? ' moved' : ''}`);
    for (const [name, value] of [
      ['valuenow', c],
      ['valuemin', i + 1],
      ['valuemax', n - 1],
    ])
      handle.setAttribute(`aria-${name}`, value);
    handle.rank = (x) => Math.round(rank(x));
  });
}

function cutHandle(i) {
  const handle = make('g', {
    class: 'handle',
    tabindex: 0,
    role: 'slider',
    'aria-label': `cutoff ${i}`,
    'data-cutoff': i,
  });
  const move = (c) => {
    const edges = [0, ...state.cutoffs, state.classes];
    change({
      moved: i,
      cutoffs: state.cutoffs.map((old, j) => (j === i ? clamp(c, edges[i] + 1, edges[i + 2] - 1) : old)),
    });
  };
  dragged(handle, (x) => move(handle.rank(x)));
  handle.addEventListener('focus', () => change({moved: i}));
  handle.addEventListener('keydown', (event) => {
    const c = state.cutoffs[i],
      step = Math.max(1, Math.round(c * (event.shiftKey ? 0.2 : 0.02)));
    const moves = {
      ArrowLeft: c - step,
      ArrowDown: c - step,
      ArrowRight: c + step,
      ArrowUp: c + step,
      Home: 1,
      End: state.classes,
    };
    if (event.key in moves) {
      event.preventDefault();
      move(moves[event.key]);
    }
  });
  return handle;
}

// Calls move(x) with the place in the drawing while the pointer is down.
function dragged(handle, move) {
  let held = false;
  const place = (event) => event.clientX - handle.ownerSVGElement.getBoundingClientRect().left;
  handle.addEventListener('pointerdown', (event) => {
    held = true;
    try {
      handle.setPointerCapture(event.pointerId);
    } catch {
      /* a pointer that is not real has no capture */
    }
    handle.focus({preventScroll: true});
    event.preventDefault();
  });
  handle.addEventListener('pointermove', (event) => held && move(place(event)));
  for (const end of ['pointerup', 'pointercancel', 'lostpointercapture'])
    handle.addEventListener(end, () => {
      held = false;
    });
}

// Work of each part, stacked, as the moved cutoff takes every place between its neighbours.
function drawValley(below, best, charge) {
  const {ground, width, height, em} = drawing($('valley'), 10, 'work as the dark cutoff moves');
  const {left, right, at} = axis(width, em),
    {cutoffs, moved, classes} = state,
    edges = [0, ...cutoffs, classes];
  const low = edges[moved] + 1,
    high = edges[moved + 2] - 1,
    bottom = height - 0.6 * em,
    top = 0.8 * em;
  const places = [...new Set(Array.from({length: 161}, (_, k) => Math.round(low * (high / low) ** (k / 160))))];
  const stacks = places.map((c) => {
    let total = 0;
    return [
      0,
      ...costs(
        cutoffs.map((old, j) => (j === moved ? c : old)),
        below,
        charge,
      ).map((v) => (total += v / classes)),
    ];
  });
  const sums = stacks.map((stack) => stack[stack.length - 1]),
    highest = Math.min(1, Math.max(...sums)) * 1.05;
  const y = (v) => bottom - (bottom - top) * Math.min(1, v / highest);
  for (let i = 0; i <= cutoffs.length; i++) {
    const upper = stacks.map((stack, k) => [at(places[k]), y(stack[i + 1])]),
      lower = stacks.map((stack, k) => [at(places[k]), y(stack[i])]);
    ground.append(make('polygon', {points: [...upper, ...lower.reverse()].join(' '), fill: TONES[i], class: 'part'}));
  }
  const here = costs(cutoffs, below, charge).reduce((a, b) => a + b, 0) / classes,
    least = places[sums.indexOf(Math.min(...sums))];
  ground.append(
    make('line', {x1: left, x2: right, y1: bottom, y2: bottom, class: 'axis'}),
    words(0, y(highest / 1.05) + 0.4 * em, percent(highest / 1.05), {class: 'small'}),
    words(0, bottom, '0 %', {class: 'small'}),
    make('line', {x1: at(cutoffs[moved]), x2: at(cutoffs[moved]), y1: top, y2: bottom, class: 'cutline'}),
    make('circle', {cx: at(cutoffs[moved]), cy: y(here), r: 0.35 * em, class: 'knob'}),
    words(at(best[moved]), bottom + 0.45 * em, '◆', {class: 'best', 'text-anchor': 'middle'}),
    words(at(least), y(Math.min(...sums)) - 0.5 * em, '▾ least', {
      class: 'small',
      'text-anchor': at(least) > width / 2 ? 'end' : 'start',
    }),
  );
}

// The ink: rows down, sorted by where their target lives; classes across.
function drawSheet(parts) {
  const {ground, width, height, em} = drawing($('sheet'), 17, 'what is computed: rows by classes');
  const left = 1.8 * em,
    top = 1.4 * em,
    w = width - left - 2,
    h = height - top - 2,
    {cutoffs, classes, features, hidden} = state;
  const across = (c) => left + (w * c) / classes;
  ground.append(
    make('rect', {x: left, y: top, width: w, height: h, class: 'paper'}),
    words(left, 0.9 * em, `${whole(classes)} classes →`, {class: 'small'}),
    words(0, 0, `${whole(state.batch)} rows →`, {
      class: 'small',
      transform: `translate(${0.5 * em}, ${top + 0.2 * em}) rotate(90)`,
    }),
  );
  let row = 1 - parts.slice(1).reduce((total, part) => total + part.share, 0);
  parts.slice(1).forEach((part, i) => {
    const box = {x: across(cutoffs[i]), y: top + h * row, height: h * part.share};
    const ink = hidden ? (part.hidden / features) * (part.size + features) : part.size;
    ground.append(
      make('rect', {...box, width: (w * part.size) / classes, fill: TONES[i + 1], class: 'scores'}),
      make('rect', {
        ...box,
        width: Math.min((w * ink) / classes, left + w - box.x),
        fill: TONES[i + 1],
        class: 'part',
      }),
    );
    row += part.share;
  });
  ground.append(
    make('rect', {
      x: left,
      y: top,
      width: (w * parts[0].columns) / classes,
      height: h,
      fill: TONES[0],
      class: 'part',
    }),
  );
}

function drawSizes(parts) {
  const {batch, features, classes} = state,
    total = (name) => parts.reduce((sum, part) => sum + part[name], 0);
  const line = (name, ...cells) =>
    make('tr', {}, make('th', {scope: 'row'}, ...name), ...cells.map((cell) => make('td', {}, cell)));
  $('sizes').replaceChildren(
    make(
      'thead',
      {},
      make('tr', {}, ...['', 'classes', 'rows', 'H', 'weights', 'mult.'].map((t) => make('th', {scope: 'col'}, t))),
    ),
    make(
      'tbody',
      {},
      ...parts.map((part, i) =>
        line(
          [make('span', {class: 'swatch', style: `background:${TONES[i]}`}), partName(i - 1)],
          i ? whole(part.size) : `${whole(part.size)} + ${parts.length - 1}`,
          i ? `${compact(batch * part.share)}, ${percent(part.share)}` : `${whole(batch)}, all`,
          i ? whole(part.hidden) : '',
          compact(part.weights),
          compact(part.work),
        ),
      ),
    ),
    make(
      'tfoot',
      {},
      line(['adaptive'], '', '', '', compact(total('weights')), compact(total('work'))),
      line(
        ['full softmax'],
        whole(classes),
        whole(batch),
        '',
        compact(classes * features),
        compact(batch * classes * features),
      ),
    ),
  );
}
