// What a reader does with the page, and what then stands on it, as JSON in an element at its end.
// It runs in a page of its own that holds the page in frames, of three widths.
const found = {};

function open(width, hash = '') {
  const frame = document.createElement('iframe');
  frame.width = width;
  frame.height = 900;
  frame.src = `page.html${hash}`;
  document.body.append(frame);
  return new Promise((resolve) => frame.addEventListener('load', () => resolve(frame.contentWindow)));
}

const all = (page, selector) => [...page.document.querySelectorAll(selector)];
const one = (page, selector) => page.document.querySelector(selector);
const text = (page, selector) => one(page, selector).textContent;
const press = (page, element, key) => {
  element.focus();
  element.dispatchEvent(new page.KeyboardEvent('keydown', {key, bubbles: true, cancelable: true}));
};
const set = (page, selector, value, event = 'input') => {
  const control = one(page, selector);
  if (control.type === 'checkbox') control.checked = value;
  else control.value = value;
  control.dispatchEvent(new page.Event(event, {bubbles: true}));
};

// Every number of the small layer, by tensor: [[place, value], ...].
function numbers(page) {
  const tensors = {};
  for (const td of all(page, '#layer td[data-name]')) {
    (tensors[td.dataset.name] ||= []).push([td.dataset.at, td.dataset.v]);
  }
  return tensors;
}

// The cells of a line of the table of sizes: head, tail 0, ..., adaptive, full softmax.
const sizes = (page) =>
  all(page, '#sizes tr')
    .slice(1)
    .map((tr) => [...tr.cells].map((cell) => cell.textContent));
const cut = (page) => ({
  sizes: sizes(page),
  ratio: text(page, '#ratio'),
  ...one(page, '#cut-answer').dataset,
  cutoffs: all(page, '#curve .handle').map((handle) => handle.getAttribute('aria-valuenow')),
});

function drag(page, handle, x) {
  const from = handle.querySelector('circle, rect').getBoundingClientRect();
  const at = (type, clientX) =>
    handle.dispatchEvent(new page.PointerEvent(type, {clientX, clientY: from.y, pointerId: 1, bubbles: true}));
  at('pointerdown', from.x + from.width / 2);
  at('pointermove', x);
  at('pointerup', x);
}

async function widths() {
  for (const width of [360, 1000, 1920]) {
    const page = await open(width),
      root = page.document.documentElement;
    found[`width ${width}`] = root.scrollWidth;
  }
}

async function cuts() {
  const page = await open(1000);
  found.cut = {start: cut(page)};
  const [first, second] = all(page, '#curve .handle'),
    edge = one(page, '#curve svg').getBoundingClientRect().left;
  drag(page, first, edge + 0.4 * page.innerWidth * 0.5);
  found.cut.dragged = {...cut(page), hash: page.location.hash};
  press(page, second, 'ArrowRight');
  found.cut.pressed = cut(page);
  press(page, second, 'Home');
  found.cut.home = cut(page);
  for (const [name, value] of [
    ['classes', Math.log2(50000)],
    ['exponent', 1.3],
    ['features', 10],
    ['div_value', 2],
    ['batch', 11],
  ]) {
    const fresh = await open(1000);
    set(fresh, `#knob-${name}`, value);
    found.cut[name] = cut(fresh);
  }
  one(page, '#more').click();
  one(page, '#best').click();
  found.cut.best = {...cut(page), hash: page.location.hash};
  for (const hash of [
    '#classes=50&cutoffs=7,20&features=8&div_value=2&batch=100',
    '#classes=100000&exponent=0.7&cutoffs=9,99,999,9999,99999',
    '#classes=3000&exponent=1.5&cutoffs=5&features=64&div_value=2',
    '#hidden=1&features=100&div_value=3',
    '#hidden=1&classes=20000&exponent=0.9&cutoffs=500,5000,10000',
  ])
    found.cut[hash] = cut(await open(1000, hash));
}

async function layer(golden) {
  const page = await open(1400, golden);
  found.golden = numbers(page);
  found.sums = all(page, '#layer td[data-name]').flatMap((td) => {
    td.focus();
    const sum = one(page, '#spelt [data-sum]');
    return sum
      ? [[td.dataset.name, sum.dataset.of, td.dataset.at, sum.dataset.sum, sum.dataset.due, td.dataset.v]]
      : [];
  });
  const weight = one(page, 'td[data-name="grad.head.weight"][data-at="3,1"]');
  weight.focus();
  found.spelt = {
    text: text(page, '#spelt'),
    sources: all(page, 'td.source').map((td) => `${td.dataset.name} ${td.dataset.at}`),
  };
  press(page, weight, 'ArrowDown');
  found.walked = page.document.activeElement.dataset.at;
  press(page, page.document.activeElement, 'Escape');
  found.closed = all(page, 'td.source, td.chosen').length;
  const chips = all(page, '#chips .handle');
  press(page, chips[0], 'ArrowRight');
  found.chip = new page.URLSearchParams(page.location.hash.slice(1)).get('target');
  const edge = one(page, '#chips svg').getBoundingClientRect().left;
  drag(page, chips[2], edge + 5);
  drag(page, chips[5], edge + 5);
  found.chips = new page.URLSearchParams(page.location.hash.slice(1)).get('target');
  found.emptied = {headings: all(page, '#layer h3').map((h) => h.textContent), numbers: numbers(page)};
  set(page, '#knob-upstream', -0.5);
  set(page, '#knob-row-3', 1.5);
  found.upstream = {q: all(page, '[data-q]').map((td) => td.dataset.q), hash: page.location.hash};
  const again = await open(1400, page.location.hash),
    body = (window) => one(window, 'main').innerHTML.replace(/ (tabindex="-?\d"|class="")/g, '');
  unspelt(page);
  found.again = body(again) === body(page);
  let changes = 0;
  new page.MutationObserver((list) => {
    changes += list.length;
  }).observe(page.document, {subtree: true, childList: true, attributes: true, characterData: true});
  await new Promise((resolve) => setTimeout(resolve, 500));
  found.still = changes;
}

const unspelt = (page) => press(page, one(page, '#layer td[data-name]'), 'Escape');

async function mistakes() {
  const page = await open(1400),
    right = numbers(page);
  found.mistakes = {};
  for (const option of [...one(page, '#mistakes').options].slice(1)) {
    set(page, '#mistakes', option.value, 'change');
    const touched = (kind) => [...new Set(all(page, `td.${kind}[data-name]`).map((td) => td.dataset.name))];
    found.mistakes[option.value] = {
      first: one(page, '[data-first]')?.dataset.first,
      begins: touched('begins'),
      spreads: touched('spreads'),
      flags: all(page, '.flag').length,
      said: text(page, '#verdict'),
      changed: JSON.stringify(numbers(page)) !== JSON.stringify(right),
    };
  }
  set(page, '#mistakes', '', 'change');
  found.none =
    all(page, '.begins[data-name], .spreads').length +
    text(page, '#verdict').length +
    (JSON.stringify(numbers(page)) !== JSON.stringify(right));
}

async function confident() {
  found.confident = {};
  for (const lead of [1, 20, 36, 38, 60]) {
    const page = await open(1000, `#lead=${lead}`);
    found.confident[lead] = ['textbook', 'ours', 'slope', 'our-slope'].map((id) => one(page, `#${id}`).dataset.v);
  }
}

window.addEventListener('load', async () => {
  try {
    await widths();
    await cuts();
    await layer(GOLDEN);
    await mistakes();
    await confident();
  } catch (error) {
    found.error = String(error.stack);
  }
  for (const frame of document.querySelectorAll('iframe')) frame.remove();
  const result = document.createElement('script');
  result.type = 'application/json';
  result.id = 'found';
  result.textContent = JSON.stringify(found).replaceAll('<', '\\u003c');
  document.body.append(result);
});
