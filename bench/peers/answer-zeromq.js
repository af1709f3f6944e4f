/** The other side of alternatives/zeromq.js: ADDRESS REPLY_BYTES. */
import { Pair } from 'zeromq';
import { serve } from '../harness.js';

const [address, replyBytes] = process.argv.slice(2);
const reply = Buffer.alloc(Number(replyBytes), 'x');
const socket = new Pair();
socket.connect(address);
serve('ready', () => {});
for await (const _ of socket) await socket.send(reply);
