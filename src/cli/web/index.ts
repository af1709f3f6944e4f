/** `rsm top --web`: a page with all that `rsm top` shows, for the browsers of this machine. */
import { setTimeout } from 'node:timers/promises';
import type { Controller } from '../../api/index.ts';
import type { Json } from '../command.ts';
import { look, withController } from '../session.ts';
import { note, say, sayJson } from '../terminal.ts';
import { userNames } from '../users.ts';
import type { Readers } from './readers.ts';
import { startServer } from './server.ts';
import { Watch } from './watch.ts';

export interface WebOptions extends Json {
  /** Seconds from look to look. */
  interval: number;
  /** undefined: a free one. */
  port?: number | undefined;
}

/** Serves the page until interrupted. @throws CommandError: the port cannot be used */
export async function topOnPage({ interval, port = 0, json }: WebOptions): Promise<void> {
  await withController([], async (controller, signal) => {
    const watch = new Watch(await look(), controller.topology(), userNames());
    const server = await startServer(port, () => watch.whole());
    try {
      announce(server.address, json);
      for (;;) {
        await setTimeout(interval * 1000, undefined, { signal });
        await lookAgain(watch, controller, server.readers);
      }
    } catch (error) {
      // Until interrupted: that is how this command ends well.
      if (!signal.aborted) throw error;
    } finally {
      await server.close();
    }
  });
}

function announce(address: string, json: true | undefined): void {
  if (json) sayJson({ address });
  else say(address);
  note('Open it in a browser on this machine: whoever has the address sees the page. Ctrl-C ends it.');
}

async function lookAgain(watch: Watch, controller: Controller, readers: Readers): Promise<void> {
  try {
    const tick = watch.add(await look(), controller.topology());
    readers.tell(tick, () => watch.whole());
  } catch (error) {
    // Out of descriptors, perhaps: it may be better the next time.
    readers.complain((error as Error).message);
  }
}
