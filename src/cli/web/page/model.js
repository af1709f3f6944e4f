/**
 * What the page knows, and how it learns it. Browsers open six connections to a server and no more, and a
 * stream holds one: of all windows on this page one listens, and tells the others. When it is closed,
 * another one takes its place.
 */

/** @typedef {import('../messages.ts').Whole} Whole */
/** @typedef {import('../messages.ts').Tick} Tick */
/** @typedef {{ state: 'waiting' | 'live' | 'lost' | 'ended' | 'troubled', text: string }} Condition */
/** @typedef {{ whole: Whole } | { tick: Tick } | { condition: Condition } | { hello: true }} Message */

/** As many as the server remembers. */
export const SHOWN_SAMPLES = 300;
const SHOWN_HAPPENINGS = 200;

/** @type {Condition} */
const LIVE = { state: 'live', text: 'Live' };
/** @type {Condition} */
const LOST = { state: 'lost', text: 'The connection is lost; trying again…' };
/** @type {Condition} */
const ENDED = {
  state: 'ended',
  text: 'rsm top has ended. Start it again and open the address that it prints.',
};

/**
 * @param {Whole} known
 * @param {Tick} tick
 * @returns {Whole}
 */
export function added(known, { view, sample, happenings }) {
  return {
    view,
    samples: [...known.samples, sample].slice(-SHOWN_SAMPLES),
    happenings: [...known.happenings, ...happenings].slice(-SHOWN_HAPPENINGS),
  };
}

/**
 * @param {(known: Whole) => void} show
 * @param {(condition: Condition) => void} say
 */
export function listen(show, say) {
  const channel = new BroadcastChannel(location.pathname);
  /** @type {Whole | undefined} */
  let known;
  /** @type {Condition} */
  let condition = { state: 'waiting', text: '' };
  let isListener = false;

  /** @param {Message} message */
  const take = (message) => {
    if ('condition' in message) {
      condition = message.condition;
      say(condition);
    } else if ('whole' in message) {
      known = message.whole;
      show(known);
    } else if ('tick' in message && known !== undefined) {
      known = added(known, message.tick);
      show(known);
    } else if ('hello' in message && isListener && known !== undefined) {
      channel.postMessage({ whole: known });
      channel.postMessage({ condition });
    }
  };
  channel.addEventListener('message', ({ data }) => take(data));
  channel.postMessage({ hello: true });

  /** @param {Message} message */
  const tell = (message) => {
    take(message);
    channel.postMessage(message);
  };
  navigator.locks
    .request(location.pathname, () => {
      isListener = true;
      // Held as long as this window is open.
      return new Promise(() => openStream(tell));
    })
    .catch((error) => say({ state: 'troubled', text: String(error) }));
}

/** @param {(message: Message) => void} tell */
function openStream(tell) {
  const source = new EventSource('events');
  /**
   * @param {string} name
   * @param {(data: string) => void} handle
   */
  const on = (name, handle) => source.addEventListener(name, (event) => handle(event.data));
  on('whole', (data) => {
    tell({ whole: JSON.parse(data) });
    tell({ condition: LIVE });
  });
  on('tick', (data) => tell({ tick: JSON.parse(data) }));
  on('problem', (data) => tell({ condition: { state: 'troubled', text: JSON.parse(data) } }));
  on('end', () => {
    source.close();
    tell({ condition: ENDED });
  });
  // Closed: somebody else has the port, and does not know this token.
  source.onerror = () => tell({ condition: source.readyState === EventSource.CLOSED ? ENDED : LOST });
}
