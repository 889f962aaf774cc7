// ---------------------------------------------------------------- 1, the cut: its knobs

const LOG = new Set(['classes', 'features', 'batch']);
const KNOBS = [
  ['classes', 'classes'],
  ['exponent', 'Zipf’s exponent'],
  ['features', 'features D'],
  ['div_value', 'div_value'],
  ['batch', 'rows in a batch'],
];

function buildKnobs() {
  const form = $('knobs');
  for (const [name, label] of KNOBS) {
    const [low, high] = BOUNDS[name],
      log = LOG.has(name);
    const slider = make('input', {
      type: 'range',
      id: `knob-${name}`,
      min: log ? Math.log2(low) : low,
      max: log ? Math.log2(high) : high,
      step: log ? 0.01 : name === 'exponent' ? 0.05 : 0.5,
    });
    slider.addEventListener('input', () => {
      const value = log ? nice(2 ** slider.value) : Number(slider.value);
      change(
        name === 'classes' ? {classes: value, cutoffs: scaled(state.cutoffs, state.classes, value)} : {[name]: value},
      );
    });
    form.append(make('label', {}, make('span', {}, `${label} `, make('output', {id: `is-${name}`})), slider));
  }
  const button = (id, text, act) => {
    const made = make('button', {type: 'button', id}, text);
    made.addEventListener('click', act);
    return made;
  };
  const box = make('input', {type: 'checkbox', id: 'knob-hidden'});
  box.addEventListener('change', () => change({hidden: Number(box.checked)}));
  form.append(
    make(
      'div',
      {class: 'buttons'},
      button('best', '◆ take the best cut', () =>
        change({
          cutoffs: bestOf(
            state.classes,
            state.exponent,
            state.cutoffs.length,
            state.hidden,
            state.features,
            state.div_value,
          ),
        }),
      ),
      button('more', '+ a tail', addTail),
      button('fewer', '− a tail', () =>
        change({
          cutoffs: state.cutoffs.slice(0, Math.max(1, state.cutoffs.length - 1)),
          moved: Math.min(state.moved, Math.max(0, state.cutoffs.length - 2)),
        }),
      ),
      make(
        'label',
        {class: 'check'},
        box,
        ' ink multiplications, not scores: a tail’s score costs H, not D (then deep tails look free)',
      ),
    ),
  );
}

// Two digits, as a person would choose them.
function nice(v) {
  const unit = 10 ** Math.max(0, Math.floor(Math.log10(v)) - 1);
  return Math.round(v / unit) * unit;
}

function addTail() {
  const {cutoffs, classes} = state,
    last = cutoffs[cutoffs.length - 1];
  if (cutoffs.length < 5 && last < classes - 1) {
    change({
      cutoffs: [...cutoffs, clamp(Math.round(Math.sqrt(last * classes)), last + 1, classes - 1)],
      moved: cutoffs.length,
    });
  }
}

function showKnobs() {
  for (const [name] of KNOBS) {
    $(`knob-${name}`).value = LOG.has(name) ? Math.log2(state[name]) : state[name];
    $(`is-${name}`).value =
      whole(state[name]) === String(state[name]) || LOG.has(name) ? whole(state[name]) : state[name];
  }
  $('knob-hidden').checked = Boolean(state.hidden);
  $('more').disabled = state.cutoffs.length >= 5;
  $('fewer').disabled = state.cutoffs.length <= 1;
}
