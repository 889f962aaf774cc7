// ---------------------------------------------------------------- one change at a time

const CUT = ['classes', 'exponent', 'cutoffs', 'features', 'div_value', 'batch', 'hidden', 'moved'];
const LAYER = ['target', 'upstream', 'rows', 'mistake'];

// Everything that is set goes through here: the state, the address, and the pictures that it touches.
function change(news) {
  const changed = Object.keys(news).filter((name) => String(news[name]) !== String(state[name]));
  if (changed.length === 0) return;
  Object.assign(state, news);
  writeAddress();
  draw(changed);
}

function draw(changed) {
  const any = (names) => names.some((name) => changed.includes(name));
  if (any(CUT)) {
    showKnobs();
    drawCut();
  }
  if (any(LAYER)) {
    computeBoth();
    drawChips();
    drawForward();
    showUpstream();
    drawVerdict();
    drawBackward();
    if (chosen && valueAt(got, chosen.name, chosen.at) !== undefined) spell(chosen.name, chosen.at);
    else unspell();
  }
  if (any(['lead'])) drawConfident();
}

const drawAll = () => draw(Object.keys(START));

function arrive() {
  const at = readAddress();
  drawAll();
  if (at && $(at)) $(at).scrollIntoView();
}

buildKnobs();
buildConfident();
buildUpstream();
buildMistake();
for (const id of ['forward', 'backward']) watchNumbers($(id));
document.querySelector('nav').addEventListener('click', (event) => {
  const at = new URL(event.target.href || location.href).hash.slice(4);
  if (event.target.matches('a') && $(at)) {
    event.preventDefault(); // the address keeps the state
    $(at).scrollIntoView();
  }
});
window.addEventListener('hashchange', arrive);
let width = window.innerWidth;
window.addEventListener('resize', () => {
  if (window.innerWidth !== width) drawAll();
  width = window.innerWidth;
});
arrive();
