/** The channel of child_process.fork. Short messages as JSON, which is quicker for them; long ones cloned. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { caller } from './caller.js';

export const name = 'child_process IPC';
const JSON_BYTES = 4096;

export async function open({ bytes, replyBytes }) {
  const serialization = bytes > JSON_BYTES ? 'advanced' : 'json';
  const program = join(import.meta.dirname, '..', 'peers', 'answer-child-process.js');
  const child = fork(program, [String(replyBytes)], { serialization });
  await once(child, 'message');
  const payload = serialization === 'json' ? 'x'.repeat(bytes) : Buffer.alloc(bytes, 'x');
  const { call, answered } = caller(() => child.send(payload));
  child.on('message', answered);
  return {
    exchange: call,
    pids: [child.pid],
    async close() {
      child.kill('SIGKILL');
      await once(child, 'exit');
    },
  };
}
