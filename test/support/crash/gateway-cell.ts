/** One cell of the crash matrix: a gateway ends at one step of an operation; what the survivors find. */
import { setTimeout as pause } from 'node:timers/promises';
import { until } from '../actors.ts';
import type { Outcome } from './cell.ts';
import type { GatewayOperation } from './gateway-operations.ts';
import type { GatewaySurvivors } from './gateway-survivors.ts';
import type { GatewayVictim } from './gateway-victim.ts';
import { AFTERWARDS, type End, type Point } from './trace.ts';

/** What a gateway may still do after the call that needed it has returned. */
const TAIL_MS = 100;
/** A call that needs a blocked gateway comes back after less. */
const PATIENCE_MS = 10_000;

/** Makes the operation once, without an end, and returns the gateway's steps. */
export async function gatewaySteps(
  survivors: GatewaySurvivors,
  operation: GatewayOperation,
): Promise<Point[]> {
  const victim = survivors.gatewayOf(operation.role);
  await survivors.prepare(operation);
  await victim.arm('trace', AFTERWARDS);
  await survivors.perform(operation);
  await pause(TAIL_MS);
  const { steps } = victim;
  await victim.kill();
  await afterwards(survivors, operation);
  return steps;
}

export async function runGateway(
  survivors: GatewaySurvivors,
  operation: GatewayOperation,
  end: End,
  point: Point,
): Promise<Outcome> {
  const victim = survivors.gatewayOf(operation.role);
  await survivors.prepare(operation);
  await victim.arm(end, point);
  if (!end.startsWith('SIG')) await victim.endFromJavaScript(end, end === 'blocked' ? AFTERWARDS : point);
  if (end === 'blocked') await until(() => victim.actedNs !== undefined); // or what comes at once is still answered
  const call = survivors.perform(operation);
  const endedNs = await ended(victim, call, end);
  const inFlight = await call;
  const moment = BigInt(await survivors.aborted());
  const found = await afterwards(survivors, operation);
  const connected = operation.name !== 'first connect' && operation.name !== 'unpublish by the exporter';
  return { inFlight, ...found, timeMs: connected ? Math.max(0, Number(moment - endedNs) / 1e6) : undefined };
}

/** Until it has ended, by itself or, when it has come to the point or the call is over, by us. Returns when. */
async function ended(victim: GatewayVictim, call: Promise<string>, end: End): Promise<bigint> {
  let over = false;
  const settled = call.then(() => pause(end === 'blocked' ? 0 : TAIL_MS));
  void Promise.race([settled, pause(PATIENCE_MS)]).then(() => {
    over = true;
  });
  await until(() => victim.hasEnded || victim.isStopped || over);
  if (!victim.hasEnded && (end === 'process.exit' || end === 'exception')) {
    await victim.endFromJavaScript(end, AFTERWARDS); // it never came to the point
    await until(() => victim.hasEnded);
  }
  const byItself = victim.hasEnded ? victim.actedNs : undefined;
  const killed = await victim.kill();
  return byItself ?? killed;
}

async function afterwards(
  survivors: GatewaySurvivors,
  { role }: GatewayOperation,
): Promise<{ survivors: string; left: string }> {
  const said: string[] = [];
  await survivors.aborted();
  const codes = await survivors.fate();
  if (codes.length > 0) said.push(`imports ${codes.join(', ')}`);
  await survivors.alone();
  said.push((await survivors.goesOn()) ? 'its node goes on' : 'its node does not go on');
  said.push(`connect ${await survivors.connects()}`);
  const left = survivors.left(role);
  await survivors.comeBack(role);
  return { survivors: said.join('; '), left: left.join(' ') || 'nothing' };
}
