import { setTimeout as sleep } from 'node:timers/promises';
import type { Stack, StackServer } from '../support/stack/stack.ts';
import { type StoreName, until } from './chaos-world.ts';
import type { RestartableProcess } from './child-process.ts';
import type { ReplicatorLog } from './replicator-log.ts';

/** What can happen to a part of the system; those of one word are SIGKILL and a new start. */
export const faults = [
  'actors',
  'replicator',
  'broker',
  'cassandra',
  'postgres',
  'pause-broker',
  'pause-cassandra',
  'pause-postgres',
] as const;

export type Fault = (typeof faults)[number];

/** A pause is SIGSTOP: sockets stay open and nothing answers, from a hiccup to beyond time-outs. */
const minPauseMs = 200;
const maxPauseMs = 6_000;
/** Longest time from the replicator's start until it has reached its servers. */
export const startLimitMs = 30_000;

/** All kinds that hit something where this is the store. */
export function faultsWith(store: StoreName): readonly Fault[] {
  const unused = store === 'cassandra' ? 'postgres' : 'cassandra';
  return faults.filter((fault) => !fault.endsWith(unused));
}

/** @throws naming the kinds there are */
export function faultsOf(text: string): readonly Fault[] {
  return text.split(',').map((name) => {
    const fault = faults.find((known) => known === name);
    if (fault === undefined) throw new Error(`no fault ${name}; there are ${faults.join(', ')}`);
    return fault;
  });
}

export interface Victims {
  readonly stack: Stack;
  readonly actors: RestartableProcess;
  readonly replicator: RestartableProcess;
  readonly replicatorLog: ReplicatorLog;
}

/** Lets a fault happen; resolves when what it hit is there again. */
export async function inflict(fault: Fault, victims: Victims, random: () => number): Promise<void> {
  const { stack, actors } = victims;
  switch (fault) {
    case 'actors':
      return actors.restart();
    case 'replicator':
      return restartReplicator(victims);
    case 'broker':
      return restart(stack.kafka);
    case 'cassandra':
    case 'postgres':
      return restart(stack[fault]);
    case 'pause-broker':
      return pause(stack.kafka, random);
    case 'pause-cassandra':
      return pause(stack.cassandra, random);
    case 'pause-postgres':
      return pause(stack.postgres, random);
  }
}

async function restartReplicator({ replicator, replicatorLog }: Victims): Promise<void> {
  const { starts } = replicatorLog;
  await replicator.restart();
  await until('the replicator runs', () => replicatorLog.starts > starts, startLimitMs);
}

async function restart(server: StackServer): Promise<void> {
  await server.kill('SIGKILL');
  await server.start();
}

async function pause(server: StackServer, random: () => number): Promise<void> {
  await server.pause();
  try {
    await sleep(minPauseMs + random() * (maxPauseMs - minPauseMs));
  } finally {
    await server.resume();
  }
}
