/** The other side of alternative NAME at ADDRESS and PORT: COUNT of `put` or `get`, so many at once. */
import { ALTERNATIVES } from '../alternatives/between/index.js';
import { pipelined, serve } from '../harness.js';

const [wanted, address, port, bytes] = process.argv.slice(2);
const alternative = ALTERNATIVES.find(({ name }) => name === wanted);
const client = await alternative.open(address, Number(port), Number(bytes));
serve('ready', ({ what, count, lanes }) => pipelined(lanes, count, () => client[what]()));
