// ---------------------------------------------------------------- a number spelt out

// A number that another is made of: [tensor, place].
const factor = (name, ...at) => ({name, at, v: valueAt(wanted, name, at), text: short(valueAt(wanted, name, at))});
const bracket = (text) => (text.startsWith('−') ? `(${text})` : text);

// q · ((it was picked) - p), what a score receives.
function received(name, r, k) {
  const i = ownRows(name),
    n = i === null ? r : rowsIn(wanted, i)[r];
  const picked = i === null ? wanted.head_column[n] : wanted[`tail.${i}.relative_target`][r];
  const p = Math.exp(valueAt(wanted, i === null ? 'head_log_prob' : `tail.${i}.log_prob`, [r, k]));
  return {...factor(name, r, k), text: `${short(upstreamOf(n))} · (${k === picked ? 1 : 0} − ${short(p)})`};
}

const count = (n, term) => Array.from({length: n}, (_, j) => term(j));
const term = (label, ...factors) => ({label, factors, v: factors.reduce((product, f) => product * f.v, 1)});

// {rule, terms}: the formula and its numbers; null for what is given.
function spelling(name, [a, b]) {
  const i = Number((name.match(/tail\.(\d)/) || [])[1]),
    t = `tail.${i}`,
    rows = Number.isNaN(i) ? [] : rowsIn(wanted, i);
  const tensor = Number.isNaN(i) ? name : name.replace(/tail\.\d/, 'tail');
  const D = config.in_features,
    s = config.cutoffs[0];
  return (
    {
      head_logits: () => [
        'Σ over d of x[n, d] · W[k, d], + b[k]',
        [
          ...count(D, (d) => term(`d = ${d}`, factor('input', a, d), factor('head.weight', b, d))),
          term('bias', factor('head.bias', b)),
        ],
      ],
      head_log_prob: () => logProbSpelt('head_logits', a, b),
      'tail.hidden': () => [
        'Σ over d of x[n, d] · P[h, d]',
        count(D, (d) => term(`d = ${d}`, factor('input', rows[a], d), factor(`${t}.0.weight`, b, d))),
      ],
      'tail.logits': () => [
        'Σ over h of hidden[h] · U[o, h]',
        count(got[`${t}.0.weight`].length, (h) =>
          term(`h = ${h}`, factor(`${t}.hidden`, a, h), factor(`${t}.1.weight`, b, h)),
        ),
      ],
      'tail.log_prob': () => logProbSpelt(`${t}.logits`, a, b),
      output: () => {
        const tail = wanted.cluster[a] - 1,
          head = term('head', factor('head_log_prob', a, wanted.head_column[a]));
        if (tail < 0) return ['the head’s log p at the target', [head]];
        const r = rowsIn(wanted, tail).indexOf(a);
        return [
          'head + tail',
          [head, term(`tail ${tail}`, factor(`tail.${tail}.log_prob`, r, wanted[`tail.${tail}.relative_target`][r]))],
        ];
      },
      loss: () => [
        '− Σ over rows of output[n] / N',
        count(N, (n) => term(`row ${n}`, {text: '−1/6', v: -1 / N}, factor('output', n))),
      ],
      'grad.head_logits': () => ['q[n] · ((k was picked) − p[n, k])', [term(`row ${a}`, received(name, a, b))]],
      'grad.tail.logits': () => ['q[n] · ((o was picked) − p[n, o])', [term(`row ${rows[a]}`, received(name, a, b))]],
      'grad.tail.hidden': () => [
        'Σ over o of dz[o] · U[o, h]',
        count(got[`${t}.1.weight`].length, (o) =>
          term(`o = ${o}`, received(`grad.${t}.logits`, a, o), factor(`${t}.1.weight`, o, b)),
        ),
      ],
      'grad.head.weight': () => [
        'Σ over rows of q · ((k was picked) − p) · x[n, d]',
        count(N, (n) => term(`row ${n}`, received('grad.head_logits', n, a), factor('input', n, b))),
      ],
      'grad.head.bias': () => [
        'Σ over rows of q · ((k was picked) − p)',
        count(N, (n) => term(`row ${n}`, received('grad.head_logits', n, a))),
      ],
      'grad.tail.1.weight': () => [
        'Σ over its rows of q · ((o was picked) − p) · hidden[h]',
        rows.map((n, r) => term(`row ${n}`, received(`grad.${t}.logits`, r, a), factor(`${t}.hidden`, r, b))),
      ],
      'grad.tail.0.weight': () => [
        'Σ over its rows of dhidden[h] · x[n, d]',
        rows.map((n, r) => term(`row ${n}`, factor(`grad.${t}.hidden`, r, a), factor('input', n, b))),
      ],
      'grad.input': () => {
        const head = count(s + TAILS.length, (k) =>
          term(
            k < s ? `class ${k}` : `tail ${k - s}`,
            received('grad.head_logits', a, k),
            factor('head.weight', k, b),
          ),
        );
        const tail = wanted.cluster[a] - 1,
          r = tail < 0 ? -1 : rowsIn(wanted, tail).indexOf(a);
        return [
          'Σ over columns of dz[k] · W[k, d], + Σ over h of dhidden[h] · P[h, d] where the row met a tail',
          [
            ...head,
            ...(tail < 0
              ? []
              : count(wanted[`tail.${tail}.0.weight`].length, (h) =>
                  term(
                    `hidden ${h}`,
                    factor(`grad.tail.${tail}.hidden`, r, h),
                    factor(`tail.${tail}.0.weight`, h, b),
                  ),
                )),
          ],
        ];
      },
    }[tensor]?.() || null
  );
}

// log p = z - the largest - log1p(s), with s the exponentials of the others.
function logProbSpelt(logits, r, k) {
  const z = valueAt(wanted, logits, [r]),
    top = z.indexOf(Math.max(...z));
  const s = z.reduce((total, v, j) => (j === top ? total : total + Math.exp(v - z[top])), 0);
  return [
    'z − the largest − log1p(s), s = Σ of exp(z − the largest) over the others',
    [
      term('z', factor(logits, r, k)),
      term('− the largest', {...factor(logits, r, top), v: -z[top], text: `−${bracket(short(z[top]))}`}),
      term(`− log1p(${short(s)})`, {v: -Math.log1p(s), text: short(-Math.log1p(s))}),
    ],
  ];
}

let chosen = null; // {name, at} of the number that is spelt out

// A given number is told with its gradient, and that is spelt out.
function spell(name, at) {
  unmark();
  chosen = {name, at};
  const due = wantedAt(name, at),
    of = name in params || name === 'input' ? `grad.${name}` : name,
    told = due === undefined ? null : spelling(of, wantedPlace(of, at));
  const close = make('button', {type: 'button', 'aria-label': 'close', class: 'close'}, '×');
  close.addEventListener('click', unspell);
  $('spelt').replaceChildren(
    make('p', {}, make('code', {}, placeName(name, at)), ' = ', make('b', {}, dueText(due)), close),
    ...(isWrong(name, at) ? [fault(name, at, due)] : []),
    ...(told ? sum(of, at, told, of !== name) : []),
  );
  $('spelt').classList.remove('empty');
  mark(name, at, 'chosen');
  for (const {factors} of told ? told[1] : []) for (const f of factors) if (f.name) mark(f.name, f.at, 'source');
}

const placeName = (name, at) => `${name}${at.length ? `[${at.join(', ')}]` : ''}`;
const dueText = (due) => (due === undefined ? 'no such row' : short(due));

function mark(name, at, kind) {
  const found = document.querySelectorAll(`td[data-name="${name}"][data-at="${at.join(',')}"]`);
  for (const td of found) td.classList.add(kind);
}

function unmark() {
  for (const old of document.querySelectorAll('td.source, td.chosen')) old.classList.remove('source', 'chosen');
}

function fault(name, at, due) {
  const from = origins.includes(name)
    ? 'The mistake starts in this tensor.'
    : `It spreads to here from ${origins.join(', ')}.`;
  return make('p', {class: 'fault'}, `got ${short(valueAt(got, name, at))}, want ${dueText(due)}. ${from}`);
}

function sum(name, at, [rule, terms], given) {
  const due = wantedAt(name, at),
    total = {'data-of': name, 'data-sum': terms.reduce((all, {v}) => all + v, 0), 'data-due': due};
  const line = (label, text, v, attributes) =>
    make('tr', {}, make('th', {scope: 'row'}, label), make('td', {}, text), make('td', attributes, '= ', short(v)));
  const body = terms.map(({label, factors, v}) =>
    line(label, factors.map((f, j) => (j ? bracket(f.text) : f.text)).join(' · '), v),
  );
  const last = line('sum', terms.length ? '' : 'no row: nothing to add', due, total);
  last.className = 'total';
  return [
    given ? make('p', {}, 'Given. Its gradient: ', make('code', {}, placeName(name, at))) : null,
    make('p', {class: 'rule'}, rule),
    make('table', {class: 'terms'}, ...body, last),
  ].filter(Boolean);
}

function unspell() {
  chosen = null;
  unmark();
  $('spelt').replaceChildren(make('p', {class: 'rule'}, 'Point at a number, and it is spelt out here.'));
  $('spelt').classList.add('empty');
}

const placeOf = (td) => (td.dataset.at === '' ? [] : td.dataset.at.split(',').map(Number));

// Pointing at a number or walking over them spells them out; one number of each table can be reached by Tab.
function watchNumbers(place) {
  const show = (event) => {
    const td = event.target.closest('td[data-name]');
    if (td) spell(td.dataset.name, placeOf(td));
  };
  place.addEventListener('pointerover', show);
  place.addEventListener('focusin', show);
  place.addEventListener('click', show);
  place.addEventListener('keydown', (event) => {
    const td = event.target.closest('td[data-name]'),
      step = {ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0]}[event.key];
    if (event.key === 'Escape') unspell();
    if (!td || !step) return;
    event.preventDefault();
    const line = td.parentNode,
      lines = [...line.parentNode.children],
      to = lines[lines.indexOf(line) + step[0]];
    const cells = [...line.querySelectorAll('td[data-name]')],
      next = to && [...to.querySelectorAll('td[data-name]')][cells.indexOf(td) + step[1]];
    if (next) {
      td.tabIndex = -1;
      next.tabIndex = 0;
      next.focus();
    }
  });
}

// After a new picture: one number of each table for Tab, and the focus back where it was.
function refocus(place, focused) {
  for (const table of place.querySelectorAll('table')) {
    const first = table.querySelector('td[data-name]');
    if (first) first.tabIndex = 0;
  }
  if (focused)
    place.querySelector(`td[data-name="${focused.name}"][data-at="${focused.at}"]`)?.focus({preventScroll: true});
}

function show(place, ...blocks) {
  const focused =
    document.activeElement?.dataset.name && place.contains(document.activeElement)
      ? {...document.activeElement.dataset}
      : null;
  place.replaceChildren(...blocks);
  refocus(place, focused);
}
