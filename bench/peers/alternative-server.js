/** Alternative NAME at ADDRESS, with a value of BYTES: its port; undefined, and why, where it is not installed. */
import { ALTERNATIVES } from '../alternatives/between/index.js';
import { Missing } from '../alternatives/missing.js';
import { serve } from '../harness.js';

const [wanted, address, bytes] = process.argv.slice(2);
try {
  const { port } = await ALTERNATIVES.find(({ name }) => name === wanted).serve(address, Number(bytes));
  serve({ port }, () => {});
} catch (error) {
  if (!(error instanceof Missing)) throw error;
  serve({ reason: error.message }, () => {});
}
