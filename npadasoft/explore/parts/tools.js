// ---------------------------------------------------------------- elements, numbers, and the state in the address

const NS = 'http://www.w3.org/2000/svg';
const DRAWN = new Set(['svg', 'g', 'path', 'rect', 'line', 'circle', 'text', 'polygon', 'polyline']);
const $ = (id) => document.getElementById(id);

// An element with attributes and children; the tags of SVG are made as such.
function make(tag, attributes = {}, ...children) {
  const made = DRAWN.has(tag) ? document.createElementNS(NS, tag) : document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== undefined && value !== null && value !== false) made.setAttribute(name, value);
  }
  made.append(...children.flat().filter((child) => child !== undefined && child !== null));
  return made;
}

// A drawing as wide as its place, in units of pixels; `em` is the size of a letter.  What was drawn goes, the handles
// stay, because one may hold the focus or the pointer.
function drawing(place, height, label) {
  const em = parseFloat(getComputedStyle(document.body).fontSize),
    width = Math.max(280, place.clientWidth);
  let svg = place.querySelector('svg');
  if (!svg) place.append((svg = make('svg', {role: 'group', 'aria-label': label})));
  for (const child of [...svg.children]) if (!child.classList.contains('handle')) child.remove();
  svg.setAttribute('width', width);
  svg.setAttribute('height', height * em);
  const ground = make('g');
  svg.prepend(ground);
  return {ground, svg, width, height: height * em, em};
}

// `n` handles of a drawing, made by create(i) where they are not there yet.
function handlesOf(svg, n, create) {
  const there = [...svg.querySelectorAll('.handle')];
  there.slice(n).forEach((handle) => handle.remove());
  return Array.from({length: n}, (_, i) => there[i] || svg.appendChild(create(i)));
}

const words = (x, y, text, attributes = {}) => make('text', {x, y, ...attributes}, text);

const whole = (v) => Math.round(v).toLocaleString('en-US');

// 1,234 or 12.3 k or 4.56 M.
function compact(v) {
  const unit = [
    [1e12, 'T'],
    [1e9, 'G'],
    [1e6, 'M'],
    [1e3, 'k'],
  ].find(([size]) => v >= (10 * size) / (size === 1e3 ? 1 : 10));
  return unit ? `${(v / unit[0]).toPrecision(3)} ${unit[1]}` : whole(v);
}

const percent = (v) => (100 * v < 1 ? `${(100 * v).toPrecision(2)} %` : `${(100 * v).toFixed(1)} %`);

// Four digits, or fewer where there is no room, a true minus sign, and no "-0".
function short(v, digits = 4) {
  if (!Number.isFinite(v)) return String(v);
  if (v === 0) return '0';
  const size = Math.abs(v),
    text = size >= 1e-3 && size < 1e4 ? String(+size.toPrecision(digits)) : size.toExponential(2);
  return (v < 0 ? '−' : '') + text;
}

const clamp = (v, low, high) => Math.min(high, Math.max(low, v));

// ---- the state

const START = {
  classes: 10000,
  exponent: 1,
  cutoffs: [1000, 4000],
  features: 512,
  div_value: 4,
  batch: 512,
  hidden: 0,
  moved: 0,
  target: GIVEN.target,
  upstream: 1,
  rows: GIVEN.target.map(() => 0),
  mistake: '',
  lead: 40,
};
const BOUNDS = {
  classes: [50, 300000],
  exponent: [0, 2],
  features: [8, 4096],
  div_value: [1, 8],
  batch: [1, 8192],
  hidden: [0, 1],
  moved: [0, 4],
  upstream: [-2, 2],
  lead: [0, 60],
};
const INTEGERS = ['classes', 'features', 'batch', 'hidden', 'moved'];
const state = {...START};

// One value out of the address; undefined where it makes no sense.
function readValue(name, text) {
  if (name === 'mistake') return GIVEN.mistakes.some((m) => m.name === text) ? text : undefined;
  const numbers = text.split(',').map(Number);
  if (numbers.some((v) => !Number.isFinite(v))) return undefined;
  if (name === 'cutoffs') return numbers;
  if (name === 'target')
    return numbers.length === 6 && numbers.every((v) => v >= 0 && v < 9 && v % 1 === 0) ? numbers : undefined;
  if (name === 'rows') return numbers.length === 6 ? numbers.map((v) => clamp(v, -2, 2)) : undefined;
  const [low, high] = BOUNDS[name];
  return clamp(INTEGERS.includes(name) ? Math.round(numbers[0]) : numbers[0], low, high);
}

function readAddress() {
  const given = new URLSearchParams(location.hash.slice(1));
  for (const name of Object.keys(START)) {
    const value = given.has(name) ? readValue(name, given.get(name)) : undefined;
    state[name] = value === undefined ? START[name] : value;
  }
  const rises = state.cutoffs.every((c, i) => c % 1 === 0 && c > (i ? state.cutoffs[i - 1] : 0) && c < state.classes);
  if (!rises || state.cutoffs.length > 5) state.cutoffs = scaled(START.cutoffs, START.classes, state.classes);
  state.moved = Math.min(state.moved, state.cutoffs.length - 1);
  return given.get('at');
}

function writeAddress() {
  const parts = Object.keys(START)
    .filter((name) => String(state[name]) !== String(START[name]))
    .map((name) => `${name}=${state[name]}`);
  history.replaceState(null, '', '#' + parts.join('&'));
}

// Cutoffs that stand at the same places of a logarithmic axis when the number of classes changes.
function scaled(cutoffs, before, now) {
  const found = cutoffs.map((c) => Math.round(now ** (Math.log(c) / Math.log(before))));
  return found
    .map((c, i) => clamp(c, i + 1, now - cutoffs.length + i))
    .map((c, i, all) => (i && c <= all[i - 1] ? all[i - 1] + 1 : c));
}
