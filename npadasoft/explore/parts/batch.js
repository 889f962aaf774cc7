// ---------------------------------------------------------------- 2, a batch

const rowName = (n) => `row ${n}`;
const columnNames = [...count(config.cutoffs[0], (k) => k), ...TAILS.map((i) => `tail ${i}`)];
const edges = [0, ...config.cutoffs, config.n_classes];
const classesIn = (i) => count(edges[i + 2] - edges[i + 1], (k) => edges[i + 1] + k);
// A sign and what follows it, which stay together where a line is broken.
const step = (sign, ...then) => make('div', {class: 'step'}, make('span', {class: 'op'}, sign), ...then);

function drawChips() {
  const deepest = Math.max(3, ...count(config.n_classes, (k) => state.target.filter((y) => y === k).length));
  const {ground, svg, width, em} = drawing($('chips'), 4.6 + 1.9 * deepest, 'the target of each row');
  const gap = 0.8 * em,
    slot = (Math.min(width, 56 * em) - 2 * gap) / config.n_classes;
  const partOf = (k) => clusterOf(k, config.cutoffs),
    at = (k) => slot * k + gap * partOf(k);
  const top = 2.6 * em,
    bottom = top + 1.9 * em * deepest + 0.4 * em;
  edges.slice(1).forEach((end, part) => {
    const x = at(edges[part]),
      w = slot * (end - edges[part]);
    ground.append(
      make('rect', {
        x,
        y: top - 1.3 * em,
        width: w,
        height: bottom - top + 1.3 * em,
        class: 'lane',
        stroke: TONES[part],
      }),
      words(x + w / 2, 0.9 * em, part ? `tail ${part - 1}` : 'short-list', {class: 'label', 'text-anchor': 'middle'}),
      words(
        x + w / 2,
        bottom + 1.2 * em,
        (slot > 3.4 * em ? 'head ' : '') +
          (part ? `column ${config.cutoffs[0] + part - 1}` : `columns 0 … ${end - 1}`),
        {class: 'small', 'text-anchor': 'middle'},
      ),
    );
  });
  for (let k = 0; k < config.n_classes; k++) {
    ground.append(
      words(at(k) + slot / 2, top - 0.3 * em, slot > 4.4 * em ? `class ${k}` : k, {
        class: 'small',
        'text-anchor': 'middle',
      }),
    );
  }
  const depth = count(config.n_classes, () => 0);
  handlesOf(svg, N, chip).forEach((handle, n) => {
    const y = state.target[n],
      part = partOf(y),
      x = at(y) + 0.15 * em,
      line = top + 0.2 * em + 1.9 * em * depth[y]++;
    handle.replaceChildren(
      make('rect', {x, y: line, width: slot - 0.3 * em, height: 1.6 * em, rx: 0.4 * em, fill: TONES[part]}),
      words(x + slot / 2 - 0.15 * em, line + 1.15 * em, slot > 3.4 * em ? rowName(n) : n, {
        'text-anchor': 'middle',
        class: part < 2 ? 'light' : '',
      }),
    );
    handle.setAttribute('aria-valuenow', y);
    handle.setAttribute('aria-valuetext', `class ${y}, ${part ? `tail ${part - 1}` : 'short-list'}`);
    handle.classAt = (px) => {
      const part = edges.slice(1, -1).filter((c) => px >= at(c) - gap / 2).length;
      return clamp(Math.floor((px - gap * part) / slot), 0, config.n_classes - 1);
    };
  });
}

function chip(n) {
  const handle = make('g', {
    class: 'handle chip',
    tabindex: 0,
    role: 'slider',
    'aria-label': `target of row ${n}`,
    'data-row': n,
    'aria-valuemin': 0,
    'aria-valuemax': config.n_classes - 1,
  });
  const move = (y) =>
    y !== state.target[n] &&
    change({target: state.target.map((old, m) => (m === n ? clamp(y, 0, config.n_classes - 1) : old))});
  dragged(handle, (x) => move(handle.classAt(x)));
  handle.addEventListener('keydown', (event) => {
    const step = {ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1}[event.key];
    if (step) {
      event.preventDefault();
      move(state.target[n] + step);
    }
  });
  return handle;
}

// Which rows go into a tail: lines from all rows to its own.
function gathered(rows, back) {
  const step = 20,
    side = (m) => (back ? 70 - m : m),
    text = (x, y, n, anchor) => words(x, y, n, {class: 'tiny', 'text-anchor': anchor});
  const height = N * step,
    first = (height - rows.length * step) / 2 + step / 2;
  return make(
    'svg',
    {
      width: 70,
      height,
      class: 'gather',
      role: 'img',
      'aria-label': `rows ${rows.join(', ')} ${back ? 'go back to their places' : 'are gathered'}`,
    },
    ...count(N, (n) => text(side(4), n * step + step / 2 + 4, n, back ? 'end' : 'start')),
    ...rows.flatMap((n, r) => [
      make('line', {x1: side(16), x2: side(54), y1: n * step + step / 2, y2: first + r * step, class: 'thread'}),
      text(side(66), first + r * step + 4, n, back ? 'start' : 'end'),
    ]),
  );
}

function drawForward() {
  const pickedHead = ([n, k]) => got.head_column[n] === k,
    rows = count(N, rowName);
  const blocks = [
    make(
      'div',
      {class: 'flow'},
      matrix('cluster', {rows, title: 'cluster: 0 the short-list, i + 1 tail i'}),
      matrix('head_column', {rows, title: 'its column of the head'}),
    ),
    make('h3', {}, 'Every row meets the head'),
    make(
      'div',
      {class: 'flow'},
      matrix('input', {rows}),
      step('×', matrix('head.weight', {rows: columnNames})),
      step('+', matrix('head.bias', {rows: columnNames})),
      step('=', matrix('head_logits', {rows, columns: columnNames})),
      step('log_softmax', matrix('head_log_prob', {rows, columns: columnNames, bars: true, marked: pickedHead})),
    ),
  ];
  for (const i of TAILS) blocks.push(...forwardTail(i));
  blocks.push(make('h3', {}, 'Head + tail = output'), outputs());
  show($('forward'), ...blocks);
}

function forwardTail(i) {
  const own = rowsIn(got, i),
    rows = own.map(rowName),
    t = `tail.${i}`;
  const title = make(
    'h3',
    {},
    `Tail ${i} is asked by ${own.length === 0 ? 'no row' : `${own.length === 1 ? 'row' : 'rows'} ${own.join(', ')}`}`,
  );
  const weights = [
    matrix(`${t}.0.weight`, {title: make('span', {}, make('code', {}, `${t}.0.weight`), ', P')}),
    matrix(`${t}.1.weight`, {rows: classesIn(i), title: make('span', {}, make('code', {}, `${t}.1.weight`), ', U')}),
  ];
  if (own.length === 0)
    return [
      title,
      make(
        'div',
        {class: 'flow'},
        ...weights,
        make('p', {class: 'hint'}, 'Nothing is computed here: that is what the cut saves.'),
      ),
    ];
  return [
    title,
    make(
      'div',
      {class: 'flow'},
      gathered(own),
      step('×', weights[0]),
      step('=', matrix(`${t}.hidden`, {rows})),
      step('×', weights[1]),
      step('=', matrix(`${t}.logits`, {rows, columns: classesIn(i)})),
      step(
        'log_softmax',
        matrix(`${t}.log_prob`, {
          rows,
          columns: classesIn(i),
          bars: true,
          marked: ([r, o]) => got[`${t}.relative_target`][r] === o,
        }),
        matrix(`${t}.relative_target`, {title: 'picked'}),
        gathered(own, true),
      ),
    ),
  ];
}

// One line a row: both terms, their sum, and the sum as a bar of two parts.
function outputs() {
  const longest = Math.max(...got.output.map(Math.abs).filter(Number.isFinite), 1e-300);
  const lines = got.output.map((out, n) => {
    const tail = got.cluster[n] - 1,
      r = tail < 0 ? -1 : rowsIn(got, tail).indexOf(n);
    const head = valueAt(got, 'head_log_prob', [n, got.head_column[n]]),
      own = tail < 0 ? null : valueAt(got, `tail.${tail}.log_prob`, [r, got[`tail.${tail}.relative_target`][r]]);
    const bar = (v, tone) =>
      make('span', {
        class: 'length',
        style: `width:${clamp((100 * Math.abs(v)) / longest, 0, 100) || 0}%;background:${TONES[tone]}`,
      });
    return make(
      'tr',
      {},
      make('th', {scope: 'row'}, rowName(n)),
      make('td', {}, `class ${state.target[n]}`),
      make('td', {class: 'number'}, short(head)),
      make('td', {class: 'number'}, own === null ? '' : `+ ${own === undefined ? '?' : bracket(short(own))}`),
      make('td', {}, '='),
      cell('output', [n], out, 1, {}),
      make('td', {class: 'lengths'}, bar(head, 0), own === null ? null : bar(own, tail + 1)),
    );
  });
  const flag = (name) => (origins.includes(name) ? make('b', {class: 'flag'}, ' ← starts here') : null);
  return make(
    'div',
    {class: 'scroll'},
    make(
      'table',
      {class: 'outputs'},
      make(
        'thead',
        {},
        make(
          'tr',
          {},
          ...['', 'target', 'head', 'tail', ''].map((t) => make('th', {}, t)),
          make('th', {}, 'output', flag('output')),
          make('th', {}, 'the longer, the costlier'),
        ),
      ),
      make(
        'tbody',
        {},
        ...lines,
        make(
          'tr',
          {class: 'total'},
          make('th', {colspan: 5, scope: 'row'}, 'loss, the mean of −output'),
          cell('loss', [], got.loss, 1, {}),
          make('td', {}, flag('loss')),
        ),
      ),
    ),
  );
}

// ---- the confident row

function buildConfident() {
  const slider = make('input', {
    type: 'range',
    id: 'lead',
    min: 0,
    max: 60,
    step: 0.5,
    'aria-label': 'lead of the target’s score',
  });
  slider.addEventListener('input', () => change({lead: Number(slider.value)}));
  $('confident').append(
    make(
      'label',
      {class: 'wide'},
      make('span', {}, 'the target’s score leads the only other one by ', make('output', {id: 'is-lead'})),
      slider,
    ),
    make('div', {class: 'scroll'}, make('table', {class: 'formulas'}, make('tbody', {id: 'formulas'}))),
    make('div', {id: 'cliff'}),
  );
}

// Loss and gradient of two scores, `lead` and 0, by the textbook and by the port.
function confident(lead) {
  const s = Math.exp(-lead),
    [logP] = logSoftmax([lead, 0]);
  return {s, textbook: Math.log(1 + s), ours: -logP, slope: 1 - 1 / (1 + s), ourSlope: -expm1(logP)};
}

function drawConfident() {
  const {s, textbook, ours, slope, ourSlope} = confident(state.lead);
  const line = (label, ...cells) => make('tr', {}, make('th', {scope: 'row'}, label), ...cells);
  const formula = (text) => make('td', {}, make('code', {}, text), ' =');
  const value = (id, v) =>
    make('td', {id, 'data-v': v, class: v === 0 ? 'begins' : ''}, v === 0 ? '0, lost' : short(v));
  $('is-lead').value = state.lead;
  $('lead').value = state.lead;
  $('formulas').replaceChildren(
    line('', make('th', {scope: 'col', colspan: 2}, 'textbook'), make('th', {scope: 'col', colspan: 2}, 'here')),
    line('loss', formula('log(1 + s)'), value('textbook', textbook), formula('log1p(s)'), value('ours', ours)),
    line('gradient', formula('1 − p'), value('slope', slope), formula('−expm1(log p)'), value('our-slope', ourSlope)),
    line(
      '',
      make(
        'td',
        {colspan: 4},
        `s = exp(−${state.lead}) = ${short(s)}; 1 + s is rounded to 1`,
        1 + s === 1 ? ', and s is gone' : ` + ${short(1 + s - 1)}`,
      ),
    ),
  );
  const {ground, width, height, em} = drawing($('cliff'), 11, 'the loss by both formulas');
  const left = 3.6 * em,
    top = em,
    bottom = height - 3 * em,
    lowest = Math.log10(confident(60).ours);
  const x = (lead) => left + ((width - left - em) * lead) / 60,
    y = (v) => top + (bottom - top) * (v > 0 ? Math.log10(v) / lowest : 1.06);
  const leads = count(121, (k) => k / 2),
    path = (of) => leads.map((lead) => `${x(lead)},${y(of(confident(lead)))}`).join(' ');
  for (const v of [1, 1e-8, 1e-16, 1e-24])
    ground.append(
      words(0, y(v) + 0.3 * em, v === 1 ? '1' : v.toExponential(0).replace('-', '−'), {class: 'small'}),
      make('line', {x1: left, x2: width - em, y1: y(v), y2: y(v), class: 'grid'}),
    );
  for (const lead of [0, 20, 40, 60])
    ground.append(words(x(lead), height - 0.3 * em, lead, {class: 'small', 'text-anchor': 'middle'}));
  ground.append(
    make('polyline', {points: path((c) => c.ours), class: 'curve ours'}),
    make('polyline', {points: path((c) => c.textbook), class: 'curve textbook'}),
    words(x(53), y(confident(46).ours), 'log1p(s)', {class: 'small', 'text-anchor': 'middle'}),
    words(x(60), y(0) + 0.95 * em, 'log(1 + s) = 0', {class: 'small', 'text-anchor': 'end'}),
    make('circle', {cx: x(state.lead), cy: y(ours), r: 0.4 * em, class: 'knob'}),
    make('circle', {cx: x(state.lead), cy: y(textbook), r: 0.3 * em, class: 'knob hollow'}),
  );
}
