/** How a certificate says which node its holder is: the URI of its subject's alternative name. */
import { MAX_NODE_ID } from '../core/limits.ts';

const URI = /^URI:rsm:node:(\d{1,2})$/;

export function nodeName(node: number): string {
  return `rsm:node:${node}`;
}

/** Of a certificate as Node's `tls` shows it; undefined: it says no node, or more than one thing. */
export function nodeOf({ subjectaltname }: { subjectaltname?: string | undefined }): number | undefined {
  const [, digits] = URI.exec(subjectaltname ?? '') ?? [];
  const node = Number(digits);
  return digits !== undefined && String(node) === digits && node <= MAX_NODE_ID ? node : undefined;
}
