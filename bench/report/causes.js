/** What profiles have shown of targets that are missed, by question. A cause that is mended is taken out here. */
const CAUSES = {
  T2: ['At the limit: rounds differ by more than what is missing.'],
  T4: [
    'On one processor the 9 µs of a round trip are system calls. The same of them in C (two bytes sent over a',
    'socket pair, received, two sleeps in `ppoll` on the set of bells) take 8.1, over eventfds that are polled',
    'before they are read 5.3, which is 1.3 times the reference already: what can be waited for together with',
    'other descriptors cannot reach 1.2. [Why it is a socket pair](decisions/0004-the-bell-is-a-socket-pair.md).',
  ],
  T5: [
    'On one processor a turn of the event loop (its own `epoll_wait`, microtasks) adds 4 µs on each side to those',
    'of T4.',
  ],
  T10: ['On one processor a round trip is that of T4.'],
  T21: [
    'Of what a put takes the importer, 92 % are the TCP stack of the kernel (perf), for both ends of the cable,',
    'which are on one machine here; libfabric and all above it take 1.5 µs. One check for at most eight puts,',
    'instead of one for all that are under way, brought 64 KiB from 22.5 to 19.5 µs.',
  ],
  T23: [
    'There are eight hand-overs between processes and threads (importer, its gateway, the other one, a thread of',
    'its pool, the agent of the exporter, and back), against two of the reference. Processor time of a connect,',
    'before each machine had a processor of its own: importer 157, its gateway 175, the other gateway 444,',
    'exporter 94 µs; only the scheduler has more than a few hundredths of that (perf). A local connect alone',
    'takes 130 µs (T6).',
  ],
  X1: [
    'V8 counts a mapping as memory of its own until `unmap`, and begins a collection once 64 MiB were added: of',
    '400 maps 170 met one, and half of the time went there. Up to 32 MiB the cost is constant.',
  ],
};

/** Those of the questions that are missed, as paragraphs. */
export function causesOf(ids) {
  return [...new Set(ids)].flatMap((id) => {
    const [first, ...rest] = CAUSES[id] ?? [];
    return first === undefined ? [] : [`**${id}.** ${first}`, ...rest, ''];
  });
}
