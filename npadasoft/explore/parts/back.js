// ---------------------------------------------------------------- 3, back

function buildUpstream() {
  const slider = make('input', {type: 'range', id: 'knob-upstream', min: -2, max: 2, step: 0.25});
  slider.addEventListener('input', () => change({upstream: Number(slider.value)}));
  const rows = count(N, (n) => {
    const box = make('input', {
      type: 'number',
      id: `knob-row-${n}`,
      min: -2,
      max: 2,
      step: 0.25,
      'aria-label': `what arrives at output ${n}`,
    });
    box.addEventListener(
      'input',
      () =>
        Number.isFinite(box.valueAsNumber) &&
        change({rows: state.rows.map((old, m) => (m === n ? clamp(box.valueAsNumber, -2, 2) : old))}),
    );
    return make('label', {}, make('span', {}, rowName(n)), box);
  });
  const loss = make('button', {type: 'button', id: 'plain'}, 'the loss alone');
  loss.addEventListener('click', () => change({upstream: START.upstream, rows: START.rows}));
  $('upstream').append(
    make(
      'label',
      {class: 'wide'},
      make('span', {}, 'what arrives at the loss: ', make('output', {id: 'is-upstream'})),
      slider,
    ),
    make('fieldset', {class: 'rows'}, make('legend', {}, 'what arrives at each output besides'), ...rows, loss),
  );
}

function buildMistake() {
  const list = make(
    'select',
    {id: 'mistakes'},
    make('option', {value: ''}, 'none: all is right'),
    ...GIVEN.mistakes.map((m) => make('option', {value: m.name}, m.sentence)),
  );
  list.addEventListener('change', () => change({mistake: list.value}));
  $('mistake').append(
    make('label', {class: 'wide'}, make('span', {}, 'switch a mistake on: '), list),
    make('div', {id: 'verdict', class: 'verdict', 'aria-live': 'polite'}),
  );
}

// What the judge says: the first wrong element of the tensor where it starts, how far it spreads, and its name.
function drawVerdict() {
  const mistake = GIVEN.mistakes.find((m) => m.name === state.mistake),
    [first] = origins;
  if (!mistake) return $('verdict').replaceChildren();
  const line = $('port')
    .textContent.split('\n')
    .find((text) => text.includes(mistake.right))
    .trim();
  const said = [
    make(
      'pre',
      {class: 'change'},
      make('del', {}, line),
      '\n',
      make('ins', {}, line.replace(mistake.right, () => mistake.wrong) || '(the line is left out)'),
    ),
  ];
  if (!first)
    said.push(make('p', {}, 'On these numbers nothing differs: the judge asks 164 cases, one of which shows it.'));
  else {
    const at = places(got[first]).find((place) => isWrong(first, place)) || [],
      due = wantedAt(first, at);
    said.push(
      make(
        'p',
        {},
        'first divergence: ',
        make('code', {'data-first': first}, first),
        make('br'),
        at.length ? `[${at.join(', ')}]  ` : '',
        `got ${short(valueAt(got, first, at))}   want ${due === undefined ? 'no such row' : short(due)}`,
        make('br'),
        touched.length > 1
          ? `computed from it, or wrong too: ${touched.filter((t) => t !== first).join(', ')}`
          : 'no other tensor differs',
        make('br'),
        'your answer is what this mistake gives: ',
        make('code', {}, mistake.name),
        `, ${mistake.sentence}`,
      ),
    );
  }
  return $('verdict').replaceChildren(...said);
}

function drawBackward() {
  const rows = count(N, rowName),
    block = [make('h3', {}, 'Every row teaches the head')];
  const q = make(
    'figure',
    {class: 'matrix'},
    make('figcaption', {}, make('i', {}, 'q')),
    make(
      'table',
      {},
      make('thead', {}, make('tr', {}, make('td', {class: 'corner'}), make('td', {class: 'corner'}, ' '))),
      make(
        'tbody',
        {},
        ...count(N, (n) =>
          make(
            'tr',
            {},
            make('th', {scope: 'row'}, rowName(n)),
            make('td', {class: 'number', 'data-q': upstreamOf(n)}, short(upstreamOf(n))),
          ),
        ),
      ),
    ),
  );
  block.push(
    make(
      'div',
      {class: 'flow'},
      q,
      step(
        '→',
        matrix('grad.head_logits', {
          rows,
          columns: columnNames,
          signed: true,
          marked: ([n, k]) => got.head_column[n] === k,
        }),
      ),
      step('→', matrix('grad.head.weight', {rows: columnNames, signed: true})),
      matrix('grad.head.bias', {rows: columnNames, signed: true}),
    ),
  );
  for (const i of TAILS) block.push(...backwardTail(i));
  block.push(
    make('h3', {}, 'And the input: the head’s part, and a tail’s for the rows that met one'),
    make('div', {class: 'flow'}, matrix('grad.input', {rows, signed: true})),
  );
  show($('backward'), ...block);
}

function backwardTail(i) {
  const own = rowsIn(got, i),
    rows = own.map(rowName),
    t = `grad.tail.${i}`;
  const weights = [
    matrix(`${t}.1.weight`, {rows: classesIn(i), signed: true}),
    matrix(`${t}.0.weight`, {signed: true}),
  ];
  if (own.length === 0)
    return [
      make('h3', {}, `Tail ${i} was asked by no row: its gradients are zeros`),
      make('div', {class: 'flow'}, ...weights),
    ];
  return [
    make('h3', {}, `Tail ${i} learns from ${own.length === 1 ? 'row' : 'rows'} ${own.join(', ')}`),
    make(
      'div',
      {class: 'flow'},
      gathered(own),
      step(
        '→',
        matrix(`${t}.logits`, {
          rows,
          columns: classesIn(i),
          signed: true,
          marked: ([r, o]) => got[`tail.${i}.relative_target`][r] === o,
        }),
      ),
      step('→', weights[0]),
      step('→', matrix(`${t}.hidden`, {rows, signed: true})),
      step('→', weights[1]),
    ),
  ];
}

function showUpstream() {
  $('knob-upstream').value = state.upstream;
  $('is-upstream').value = short(state.upstream);
  state.rows.forEach((v, n) => {
    if (document.activeElement !== $(`knob-row-${n}`)) $(`knob-row-${n}`).value = v;
  });
  $('mistakes').value = state.mistake;
}
