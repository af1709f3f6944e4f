/** A gateway that runs: its parts, and what they say to each other. */
import { isDeepStrictEqual } from 'node:util';
import type { Logger } from 'pino';
import { RSMERR_BAD_CONF, RsmError } from '../errors.ts';
import { type Configuration, type GatewayConfiguration, hardwareAddress, type Node } from '../node/index.ts';
import type { Credentials } from './credentials.ts';
import { type Exporting, openExporting, withoutFabric } from './exporting.ts';
import { Importing } from './importing.ts';
import type { Link, Refusal, Self } from './link.ts';
import { Links } from './links.ts';
import { type Listener, listen } from './listener.ts';
import { listenLocally } from './local.ts';
import { refusalLog } from './log.ts';
import { type Door, type Metrics, makeMetrics } from './metrics.ts';
import { serveStatus } from './status.ts';
import type { FabricTarget, TargetHandlers } from './target.ts';
import type { Connect } from './wire/link_pb.ts';

const DAY_MS = 86_400_000;
/** Enough to make a new certificate, and to be heard. */
const WARN_DAYS = 30;

export type Configured = Configuration & { gateway: GatewayConfiguration };

export interface RunningOptions {
  node: Node;
  credentials: Credentials;
  log: Logger;
  configuration: Configured;
}

export class Running {
  readonly #options: RunningOptions;
  readonly #links: Links;
  readonly #importing: Importing;
  readonly #metrics: Metrics;
  #exporting: Exporting | undefined;
  #listener: Listener | undefined;
  /** Closed in the order in which they were opened: first nobody comes in any more. */
  readonly #doors: { close(): unknown }[] = [];
  #closed = false;

  constructor(options: RunningOptions) {
    this.#options = options;
    const { configuration, credentials } = options;
    this.#links = new Links(selfOf(configuration), configuration.peers, credentials, {
      up: (link) => this.#up(link),
      down: (link, why) => this.#down(link, why),
      failed: (peer, why) => this.#options.log.warn({ peer, why }, 'no link'),
      connect: (link, connect) => this.#connect(link, connect),
      disconnect: (link, connection) => this.#exporting?.disconnect(link, connection),
      processGone: (link, process) => this.#exporting?.processGone(link, process),
      importerGone: (link, process, importer) => this.#exporting?.importerGone(link, process, importer),
      ended: (link, ended) => this.#importing.ended(link, ended),
      counts: (link, counts) => this.#exporting?.counts(link, counts),
    });
    this.#importing = new Importing((id) => this.#links.to(id), options.node.directory);
    this.#metrics = makeMetrics({
      states: () => this.#links.states(),
      exported: () => this.#exporting?.size ?? 0,
      imported: () => this.#importing.size,
    });
    this.#metrics.certificateExpires(credentials.expires);
  }

  /** The local socket first: with it comes the lock that keeps a second gateway from all the rest. */
  async open(openTarget?: (handlers: TargetHandlers) => FabricTarget | undefined): Promise<void> {
    const { node, credentials, log, configuration } = this.#options;
    const { gateway, peers } = configuration;
    const say = refusalLog(log);
    const refused = (door: Door) => (who: string, why: string) => {
      this.#metrics.refused(door);
      say(who, why);
    };
    const states = () => this.#links.states();
    const importing = this.#importing;
    this.#doors.push(await listenLocally(node.directory, { importing, states, refused: refused('local') }));
    if (openTarget !== undefined) {
      const find = (id: number) => node.find(id);
      this.#beginRecord();
      this.#exporting = openExporting(
        {
          node: node.id,
          find,
          show: (remote) => node.show(remote),
          squash: gateway.squash,
          refused: refused('fabric'),
        },
        openTarget,
      );
    }
    const peer = (id: number, socket: Parameters<Links['accept']>[1]) => this.#links.accept(id, socket);
    const handlers = { peer, refused: refused('link') };
    this.#listener = await listen(gateway.listen, credentials, handlers).catch((cause: Error) => {
      throw new RsmError(RSMERR_BAD_CONF, 'gateway', cause.message, { cause });
    });
    this.#doors.push(this.#listener);
    this.#doors.push(await serveStatus(node.directory, gateway.metrics, this.#metrics.registry, states));
    const { expires } = credentials;
    const ids = peers.map(({ id }) => id);
    log.info({ listen: gateway.listen, directory: node.directory, peers: ids, expires }, 'the gateway runs');
    this.#warnOfEnd(expires);
    this.#links.start();
  }

  /** The peers, and what the certificates are now. Of all else that differs the log says that it does not. */
  change({ peers, ...rest }: Configured, credentials: Credentials): void {
    const { log, configuration } = this.#options;
    this.#links.change(peers, credentials);
    this.#listener?.change(credentials);
    this.#metrics.certificateExpires(credentials.expires);
    log.info({ peers: peers.map(({ id }) => id), expires: credentials.expires }, 'read again');
    this.#warnOfEnd(credentials.expires);
    const { peers: _, ...before } = configuration;
    if (!isDeepStrictEqual(before, rest)) {
      log.warn('what differs in the configuration beside [[peer]] is for the next start of the gateway');
    }
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const door of this.#doors) door.close();
    this.#links.close();
    this.#importing.close();
    this.#exporting?.close();
    this.#options.node.close();
    this.#options.log.info('the gateway ends');
  }

  /** Without one everything works, and nobody sees who is connected from other nodes. */
  #beginRecord(): void {
    try {
      this.#options.node.begin();
    } catch (error) {
      this.#options.log.warn({ error: (error as Error).message }, 'importers of other nodes are not shown');
    }
  }

  #warnOfEnd(expires: Date): void {
    const days = Math.floor((expires.getTime() - Date.now()) / DAY_MS);
    if (days < WARN_DAYS) this.#options.log.warn({ expires, days }, 'the certificate of this node ends soon');
  }

  #up(link: Link): void {
    this.#metrics.linkUp(link.node);
    this.#options.log.info({ peer: link.node }, 'link up');
  }

  #down(link: Link, why: string): void {
    this.#options.log.warn({ peer: link.node, why }, 'link down');
    this.#exporting?.linkDown(link);
    this.#importing.linkDown(link);
  }

  #connect(link: Link, connect: Connect): void {
    const refuse = (refusal: Refusal) => {
      const { request } = connect;
      this.#metrics.connect(link.node, new RsmError(refusal.code, 'connect').code);
      link.send({ case: 'refused', value: { request, ...refusal } });
    };
    if (this.#exporting === undefined) {
      refuse(withoutFabric(this.#options.node.id));
      return;
    }
    this.#exporting.connect(link, connect).then(
      (answer) => {
        if ('code' in answer) {
          refuse(answer);
          return;
        }
        this.#metrics.connect(link.node, 'ok');
        link.send({ case: 'connected', value: { request: connect.request, ...answer } });
      },
      (error: Error) => {
        this.#options.log.error({ peer: link.node, error: error.message }, 'a connect failed');
        link.end('a connect of it failed here');
      },
    );
  }
}

function selfOf({ nodeId, controllers }: Configuration): Self {
  return {
    node: nodeId,
    controllers: controllers.map(({ name, address }) => ({
      name,
      hardwareAddress: hardwareAddress(address),
    })),
  };
}
