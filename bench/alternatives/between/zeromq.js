/** zeromq.js over TCP, as two dealers: requests need not wait for answers, which come in their order. */
import { packageOf } from '../missing.js';

export const name = 'ZeroMQ';

const NOTHING = Buffer.alloc(0);

export async function serve(address, bytes) {
  const { Dealer } = await packageOf('zeromq');
  const socket = new Dealer();
  const value = Buffer.alloc(bytes, 'x');
  await socket.bind(`tcp://${address}:*`);
  const answer = async () => {
    for await (const [request] of socket) await socket.send(request.length === 0 ? value : NOTHING);
  };
  void answer();
  return { port: Number(/\d+$/.exec(socket.lastEndpoint)[0]) };
}

export async function open(host, port, bytes) {
  const { Dealer } = await packageOf('zeromq');
  const socket = new Dealer();
  socket.connect(`tcp://${host}:${port}`);
  const payload = Buffer.alloc(bytes, 'x');
  const waiting = [];
  const hear = async () => {
    for await (const [answer] of socket) waiting.shift()(answer);
  };
  void hear();
  // A socket takes one message at a time.
  let last = Promise.resolve();
  const ask = (request) =>
    new Promise((resolve) => {
      last = last.then(() => {
        waiting.push(resolve);
        return socket.send(request);
      });
    });
  return {
    put: () => ask(payload),
    get: () => ask(NOTHING),
  };
}
