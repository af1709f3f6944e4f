/**
 * Frames on a stream, between a process and its gateway and between gateways:
 *
 *   0  u32 length   of the body, in bytes, little-endian
 *   4  body
 */
export const MAX_FRAME_BYTES: number = 64 * 1024;
const HEADER_BYTES = 4;

export function frameOf(body: Uint8Array): Buffer {
  if (body.length > MAX_FRAME_BYTES) throw new RangeError(`a frame of ${body.length} bytes is too long`);
  const frame = Buffer.allocUnsafe(HEADER_BYTES + body.length);
  frame.writeUInt32LE(body.length);
  frame.set(body, HEADER_BYTES);
  return frame;
}

/** Takes bytes as they come and gives bodies. Never holds more than one frame and what came with its end. */
export class FrameReader {
  #rest: Buffer = Buffer.alloc(0);

  /** @throws RangeError: a length that no frame has; nothing sensible can come after it */
  push(bytes: Uint8Array): Buffer[] {
    let rest = this.#rest.length === 0 ? Buffer.from(bytes) : Buffer.concat([this.#rest, bytes]);
    const bodies: Buffer[] = [];
    while (rest.length >= HEADER_BYTES) {
      const length = rest.readUInt32LE();
      if (length > MAX_FRAME_BYTES) throw new RangeError(`a frame of ${length} bytes is too long`);
      if (rest.length < HEADER_BYTES + length) break;
      bodies.push(rest.subarray(HEADER_BYTES, HEADER_BYTES + length));
      rest = rest.subarray(HEADER_BYTES + length);
    }
    this.#rest = rest;
    return bodies;
  }
}
