/** Segment ids that an administrator has set aside for applications (rsmapi.md 2.3, 3.9). */
import { readFileSync, statSync } from 'node:fs';
import { RSMERR_BAD_ADDR, RSMERR_BAD_APPID, RSMERR_BAD_CONF, RsmError } from '../errors.ts';
import { MAX_SEGMENT_ID_LINE_BYTES } from './limits.ts';
import { isUint32 } from './numbers.ts';

const OPERATION = 'get_segmentid_range';
const SYSTEM_FILE = '/etc/rsm/rsm.segmentid';

export interface SegmentIdRange {
  readonly base: number;
  readonly length: number;
}

/**
 * The range of an application, from RSM_SEGMENTID_FILE or /etc/rsm/rsm.segmentid.
 * @throws RsmError BAD_ADDR: no string; BAD_CONF: no such file, or malformed (C-195, C-197, C-199);
 *   BAD_APPID: not listed
 */
export function segmentIdRange(application: unknown): SegmentIdRange {
  if (typeof application !== 'string') throw new RsmError(RSMERR_BAD_ADDR, OPERATION);
  const file = process.env.RSM_SEGMENTID_FILE || SYSTEM_FILE;
  return findRange(readText(file), application, file);
}

/** The first line of an application decides; what is malformed behind it is not seen (C-198, C-199). */
export function findRange(text: string, application: string, file: string): SegmentIdRange {
  const lines = text.split('\n');
  if (lines.at(-1) === '') lines.pop();
  for (const [index, line] of lines.entries()) {
    const at = `${file}:${index + 1}`;
    if (/^\s*#/.test(line)) continue;
    const [keyword, name, base, length] = line.trim().split(/\s+/);
    if (length === undefined || Buffer.byteLength(line) > MAX_SEGMENT_ID_LINE_BYTES) {
      throw malformed(at, 'a line is "reserved APPID BASE LENGTH"; empty ones are not allowed');
    }
    if (name!.toLowerCase() !== application.toLowerCase()) continue;
    if (!/^reserved?$/i.test(keyword!)) throw malformed(at, `'${keyword}' is not "reserved"`);
    return { base: hexadecimal(at, base!), length: decimal(at, length) };
  }
  throw new RsmError(RSMERR_BAD_APPID, OPERATION, `${file} has no line for '${application}'`);
}

function hexadecimal(at: string, text: string): number {
  const value = Number.parseInt(text, 16);
  if (/^(0x)?[0-9a-f]+$/i.test(text) && isUint32(value)) return value;
  throw malformed(at, `'${text}' is not a hexadecimal 32-bit number`);
}

function decimal(at: string, text: string): number {
  const value = Number(text);
  if (/^[0-9]+$/.test(text) && isUint32(value)) return value;
  throw malformed(at, `'${text}' is not a decimal 32-bit number`);
}

function readText(file: string): string {
  try {
    // Of a pipe or a device the end may never come.
    if (!statSync(file).isFile()) throw new Error('it is not a regular file');
    return readFileSync(file, 'utf8');
  } catch (cause) {
    throw new RsmError(RSMERR_BAD_CONF, OPERATION, `cannot read ${file}: ${(cause as Error).message}`, {
      cause,
    });
  }
}

function malformed(at: string, why: string): RsmError {
  return new RsmError(RSMERR_BAD_CONF, OPERATION, `${at}: ${why}`);
}
