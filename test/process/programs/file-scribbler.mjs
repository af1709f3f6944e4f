// Puts whatever it may into a runtime directory: `file-scribbler.mjs DIRECTORY`, until it is killed.
import fs from 'node:fs';

const [directory] = process.argv.slice(2);
const home = `${directory}/u/${process.getuid()}`;
const random = (below) => Math.floor(Math.random() * below);
const pick = (list) => list[random(list.length)];
const NAMES = [
  '00600300',
  '00600301',
  '80000000',
  '1.0.00000000',
  '2.0.0123abcd',
  '2.0.0123abcd.s',
  'x',
  'node.lock',
];
const TARGETS = ['1.0.00000000', '2.0.0123abcd', '../0/00600300', '../../node.lock', '/etc/passwd', '.', ''];

function attempt(work) {
  try {
    work();
  } catch {
    // It may not, or is in its own way.
  }
}

attempt(() => fs.mkdirSync(home));
for (let turn = 0; ; turn += 1) {
  const path = `${home}/${pick(NAMES)}`;
  const bytes = Buffer.from(Array.from({ length: random(6000) }, () => random(256)));
  attempt(() => fs.rmSync(path, { recursive: true, force: true }));
  const kind = random(5);
  if (kind === 0) attempt(() => fs.writeFileSync(path, bytes));
  else if (kind === 1) attempt(() => fs.symlinkSync(pick(TARGETS), path));
  else if (kind === 2) attempt(() => fs.mkdirSync(path));
  else if (kind === 3) attempt(() => fs.chmodSync(home, pick([0o755, 0o000, 0o777])));
  else attempt(() => fs.writeFileSync(`${directory}/node.lock`, bytes.subarray(0, random(16))));
  if (turn % 50 === 0) {
    console.log('written');
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}
