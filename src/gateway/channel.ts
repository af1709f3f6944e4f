/** Frames over a socket. What comes is hostile: the first nonsense ends the channel, and nothing else. */
import type { Socket } from 'node:net';
import { FrameReader, frameOf } from '../node/index.ts';

/** Who reads so slowly that this much waits for him is not there any more. */
const MOST_WAITING_BYTES = 1024 * 1024;

export interface ChannelHandlers {
  /** One body. What it throws is said of the peer. */
  frame(body: Buffer): void;
  /** Once. */
  ended(why: string): void;
}

export class Channel {
  readonly #socket: Socket;
  readonly #ended: (why: string) => void;
  #open = true;

  constructor(socket: Socket, { frame, ended }: ChannelHandlers) {
    this.#socket = socket;
    this.#ended = ended;
    const frames = new FrameReader();
    socket.on('data', (bytes) => {
      try {
        for (const body of frames.push(bytes)) if (this.#open) frame(body);
      } catch (error) {
        this.end(`it sent nonsense: ${(error as Error).message}`);
      }
    });
    socket.on('error', (error) => this.end(error.message));
    socket.on('close', () => this.end('it hung up'));
  }

  send(body: Uint8Array): void {
    this.sendFrame(frameOf(body));
  }

  sendFrame(frame: Buffer): void {
    if (!this.#open) return;
    this.#socket.write(frame);
    if (this.#socket.writableLength > MOST_WAITING_BYTES) this.end('it does not read');
  }

  /** Again: nothing happens. */
  end(why: string): void {
    if (!this.#open) return;
    this.#open = false;
    this.#socket.destroy();
    this.#ended(why);
  }
}
