import { createActor, initialTransition, transition, waitFor } from 'xstate';
import { createPersistence, isReady, type Persistence } from '../../src/index.ts';
import { counter } from '../support/counter.ts';
import { alternate, cpuUs, type Figure, figure, median, throughput } from './figures.ts';

const inMemory = 'akka.persistence.journal.plugin = "akka.persistence.journal.inmem"';
const snapshotsToo =
  'akka.persistence.snapshot-store.plugin = "akka.persistence.snapshot-store.inmem"';

const keys = 1_000;
const inFlight = 256;
const commands = 30_000;
const replayed = 10_000;
const warmUpRounds = 2;
const rounds = 5;
const snapshotEvery = 100;
/** Short rounds, of a tenth of the commands between two snapshots of a counter. */
const snapshotCommands = (keys * snapshotEvery) / 10;
const snapshotPairs = 24;

/**
 * What an actor itself costs, with a journal in memory: a command through `ask` beside xstate's
 * `send`, the same with snapshots beside without, and a replayed event beside `transition`. All of
 * it is CPU time of the thread.
 */
export async function benchMemory(): Promise<readonly Figure[]> {
  const plain = await openCounters([inMemory]);
  try {
    const usPerCommand = (): Promise<number> => plain.usPerCommand(commands);
    await alternate(warmUpRounds, usPerCommand, sendPlain);
    const command = await alternate(rounds, usPerCommand, sendPlain);
    return [
      figure('actors.memory', 'µs/command', [command.a, command.b]),
      await benchSnapshots(),
      await benchReplay(plain.persistence),
    ];
  } finally {
    await plain.persistence.shutdown();
  }
}

/**
 * Each round takes as many snapshots as any other: the counters begin with different numbers of
 * events, or all of them would take their snapshots in the same round, and most rounds none. What
 * both cost drifts by more than they differ, so the ratio is the median of those of two rounds side
 * by side.
 */
async function benchSnapshots(): Promise<Figure> {
  const plain = await openCounters([inMemory]);
  const snapshots = await openCounters([inMemory, snapshotsToo], { snapshotEvery });
  const pairs: { readonly a: number; readonly b: number }[] = [];
  try {
    await plain.spread();
    await snapshots.spread();
    for (let pair = 0; pair < snapshotPairs / 2; pair++) {
      const a = await snapshots.usPerCommand(snapshotCommands);
      const b = await plain.usPerCommand(snapshotCommands);
      const later = await plain.usPerCommand(snapshotCommands);
      pairs.push({ a, b }, { a: await snapshots.usPerCommand(snapshotCommands), b: later });
    }
  } finally {
    await plain.persistence.shutdown();
    await snapshots.persistence.shutdown();
  }
  const [a, b] = [median(pairs.map(({ a }) => a)), median(pairs.map(({ b }) => b))];
  const ratio = median(pairs.map(({ a, b }) => a / b));
  return { ...figure('actors.memory.snapshots', 'µs/command', [a, b]), ratio };
}

/** A thousand counters, all of them live. */
async function openCounters(config: readonly string[], retention?: { snapshotEvery: number }) {
  const persistence = await createPersistence({ config: config.join('\n') });
  const logic = persistence.persistent(counter, {
    persistenceId: ({ input }) => input.id,
    ...(retention && { retention }),
  });
  const counters = persistence.entities('counter', logic);
  const ask = (index: number): Promise<unknown> =>
    counters.ask(`counter-${index % keys}`, { type: 'added', by: index });
  return {
    persistence,
    usPerCommand: async (total: number) =>
      (await cpuUs(() => throughput(total, inFlight, ask))) / total,
    /** Each counter gets its share of 0 to `snapshotEvery` - 1 events. */
    spread: async () => {
      for (let events = 1; events < snapshotEvery; events++) {
        await throughput(keys, inFlight, async (key) => {
          if (key % snapshotEvery >= events) await ask(key);
        });
      }
    },
  };
}

async function sendPlain(): Promise<number> {
  const actors = Array.from({ length: keys }, () =>
    createActor(counter, { input: { id: '' } }).start(),
  );
  const us = await cpuUs(() => {
    for (let index = 0; index < commands; index++) {
      actors[index % keys]?.send({ type: 'added', by: index });
    }
  });
  return us / commands;
}

async function benchReplay(persistence: Persistence): Promise<Figure> {
  const logic = persistence.persistent(counter, {
    persistenceId: 'long',
    initEvent: 'never',
    groupCommit: replayed,
    stashCapacity: replayed,
  });
  const open = async () => {
    const actor = createActor(logic, { input: { id: '' } }).start();
    await waitFor(actor, isReady);
    return actor;
  };
  const first = await open();
  for (let by = 0; by < replayed; by++) first.send({ type: 'added', by });
  await persistence.stop(first);
  const recover = async (): Promise<number> => {
    let actor: typeof first | undefined;
    const us = await cpuUs(async () => {
      actor = await open();
    });
    const { sequenceNr } = actor?.getSnapshot().persistence ?? {};
    if (sequenceNr !== replayed) throw new Error(`the counter is at ${sequenceNr}`);
    if (actor !== undefined) await persistence.stop(actor);
    return us / replayed;
  };
  await alternate(warmUpRounds, recover, foldPlain);
  const { a, b } = await alternate(rounds, recover, foldPlain);
  return figure('actors.memory.replay', 'µs/event', [a, b]);
}

async function foldPlain(): Promise<number> {
  const us = await cpuUs(() => {
    let [state] = initialTransition(counter, { id: '' });
    for (let by = 0; by < replayed; by++) {
      [state] = transition(counter, state, { type: 'added', by });
    }
  });
  return us / replayed;
}
