// Applies the rule to lines of {"tensor": ..., "got": [...]}.
const {passes} = require('./rule.js');
const number = (v) => ({nan: NaN, inf: Infinity, '-inf': -Infinity})[v] ?? v;
require('readline').createInterface({input: process.stdin}).on('line', (line) => {
  const {tensor, got} = JSON.parse(line);
  console.log(passes(tensor, got.map(number)));
});
