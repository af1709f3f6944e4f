/** What the topology shows of a controller: RSMAPI knows numbers, and not IP addresses. */
import { net } from './seldom.ts';

/** All of an IPv4 address, the lower half of an IPv6 address. */
export function hardwareAddress(address: string): bigint {
  if (net().isIP(address) === 4)
    return address.split('.').reduce((sum, part) => (sum << 8n) | BigInt(part), 0n);
  const { hostname } = new URL(`http://[${address}]`);
  const [before = '', after = ''] = hostname.slice(1, -1).split('::');
  const groups = (text: string) => (text === '' ? [] : text.split(':'));
  const head = groups(before);
  const tail = groups(after);
  const zeros = hostname.includes('::') ? Array<string>(8 - head.length - tail.length).fill('0') : [];
  return [...head, ...zeros, ...tail].slice(4).reduce((sum, part) => (sum << 16n) | BigInt(`0x${part}`), 0n);
}
