/**
 * The gateway: one process of a node that is in a cluster. Towards other nodes it holds a link to each of
 * their gateways; towards processes of its own it answers on `gateway.s`.
 */
import type { Logger } from 'pino';
import { RSMERR_BAD_CONF, RsmError } from '../errors.ts';
import {
  type Configuration,
  type ControllerConfiguration,
  type GatewayConfiguration,
  openNode,
  readConfiguration,
} from '../node/index.ts';
import { type Credentials, readCredentials } from './credentials.ts';
import { makeLog } from './log.ts';
import { type Configured, Running } from './running.ts';
import type { FabricTarget, TargetHandlers } from './target.ts';

export { openFabricTarget } from './fabric.ts';
export type { FabricTarget, Grant, TargetHandlers } from './target.ts';

export interface Gateway {
  /**
   * Reads the configuration and the certificates again: a `[[peer]]` that is taken out loses its link, and all that it
   * had here, at once. Where they cannot be read the log says so, and everything stays as it is.
   */
  reload(): void;
  /** Links, connections and sockets end. Again: nothing happens. */
  close(): void;
}

export interface GatewayOptions {
  /** The configuration file; the usual one when undefined. */
  config?: string | undefined;
  /** Where it says what happens; JSON lines on standard output when undefined. */
  log?: Logger;
  /** The fabric through which other nodes reach the memory of this one; undefined: they do not. */
  openTarget?: (
    handlers: TargetHandlers,
    controllers: readonly ControllerConfiguration[],
  ) => FabricTarget | undefined;
}

/**
 * Starts the gateway of this node.
 * @throws RsmError BAD_CONF: the configuration, the certificates, an address; CTLR_NOT_PRESENT: the
 *   runtime directory, or another gateway
 */
export async function startGateway({ config, log, openTarget }: GatewayOptions = {}): Promise<Gateway> {
  const { configuration, credentials } = read(config);
  const node = openNode({ config });
  const saying = log ?? makeLog(node.id);
  const running = new Running({ node, credentials, log: saying, configuration });
  try {
    await running.open(openTarget && ((handlers) => openTarget(handlers, configuration.controllers)));
  } catch (error) {
    running.close();
    throw error;
  }
  return {
    reload() {
      try {
        const again = read(config);
        running.change(again.configuration, again.credentials);
      } catch (error) {
        saying.error({ error: (error as Error).message }, 'not read again; all stays as it is');
      }
    },
    close: () => running.close(),
  };
}

function read(config: string | undefined): { configuration: Configured; credentials: Credentials } {
  const found = readConfiguration(config);
  const configuration = { ...found, gateway: checked(found) };
  return { configuration, credentials: readCredentials(found.nodeId, configuration.gateway) };
}

function checked({ gateway }: Configuration): GatewayConfiguration {
  const refuse = (detail: string) => {
    throw new RsmError(RSMERR_BAD_CONF, 'gateway', detail);
  };
  if (gateway === undefined) return refuse('the configuration has no [gateway]; rsm cluster add writes one');
  const uid = process.geteuid!();
  if (gateway.uid !== uid) {
    return refuse(
      `this is uid ${uid}, and exporters believe uid ${gateway.uid}: run it so, or set gateway.user`,
    );
  }
  return gateway;
}
