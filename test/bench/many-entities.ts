import { setTimeout as sleep } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { assign, createActor, setup } from 'xstate';
import { createPersistence, type EntityRegistry, type JournalPlugin } from '../../src/index.ts';
import { type Added, counter } from '../support/counter.ts';
import { type Figure, figure } from './figures.ts';

const inMemory = 'akka.persistence.journal.plugin = "akka.persistence.journal.inmem"';
const entities = 10_000;
const inFlight = 256;
const warmUp = 1_000;
/** A process knows 100,000 of them at most. */
const waiting = 100_000 - warmUp;
/**
 * Longer than it takes to start them all, so that all of them live when their memory is measured.
 */
const idleMs = 5_000;
const waitingIdleMs = 1_000;
const passivationLimitMs = 60_000;

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

/**
 * Ten thousand counters are started, store one event each, are stopped when idle, and are started
 * again by a second event: what that takes without the idle time, and their memory while they live,
 * beside as many plain actors. And a hundred thousand entities with a delayed event, stopped when
 * idle: what is known of each so that the event wakes it.
 */
export async function benchManyEntities(): Promise<readonly Figure[]> {
  const plain = measurePlain();
  const ours = await measureEntities();
  return [
    figure('entities.10k', 'ms', [ours.ms, plain.ms]),
    figure('entities.10k.heap', 'bytes/entity', [ours.heap, plain.heap]),
    figure('entities.10k.heap.more', 'bytes/entity', [ours.heap - plain.heap]),
    figure('entities.100k.waiting', 'bytes/entity', [await measureWaiting()]),
  ];
}

interface Measured {
  readonly ms: number;
  readonly heap: number;
}

/** Started and given an event; then begun again from what they had come to, and given another. */
function measurePlain(): Measured {
  const ids = Array.from({ length: entities }, (_, index) => `counter-${index}`);
  const before = heapUsed();
  let startMs = performance.now();
  const actors = new Map(ids.map((id) => [id, createActor(counter, { id, input: { id } })]));
  for (const actor of actors.values()) actor.start().send({ type: 'added', by: 1 });
  let ms = performance.now() - startMs;
  const heap = (heapUsed() - before) / entities;
  startMs = performance.now();
  for (const [id, actor] of actors) {
    const snapshot = actor.getPersistedSnapshot();
    createActor(counter, { id, input: { id }, snapshot }).start().send({ type: 'added', by: 1 });
  }
  ms += performance.now() - startMs;
  return { ms, heap };
}

async function measureEntities(): Promise<Measured> {
  const persistence = await createPersistence({ config: inMemory });
  const logic = persistence.persistent(counter, {
    persistenceId: ({ input }) => input.id,
    passivateAfter: idleMs,
  });
  const counters = persistence.entities('counter', logic);
  const askAll = async (by: number): Promise<number> => {
    const startMs = performance.now();
    await inLanes(entities, (index) => counters.ask(`counter-${index}`, { type: 'added', by }));
    return performance.now() - startMs;
  };
  try {
    const started = await askAll(1);
    const live = heapUsed();
    await passivated(counters);
    // What the journal in memory holds is no part of an entity.
    const heap = (live - heapUsed()) / entities;
    return { ms: started + (await askAll(1)), heap };
  } finally {
    await persistence.shutdown();
  }
}

const reminded = setup({
  types: { context: {} as { sum: number }, events: {} as Added, input: {} as { id: string } },
  delays: { later: 24 * 60 * 60 * 1_000 },
}).createMachine({
  id: 'reminded',
  context: { sum: 0 },
  after: { later: { actions: assign({ sum: 0 }) } },
  on: { added: { actions: assign({ sum: ({ context, event }) => context.sum + event.by }) } },
});

async function measureWaiting(): Promise<number> {
  const persistence = await createPersistence({
    config: 'akka.persistence.journal.plugin = "forgetful"',
    plugins: { forgetful: { create: forgetfulJournal } },
  });
  const logic = persistence.persistent(reminded, {
    persistenceId: ({ input }) => input.id,
    passivateAfter: waitingIdleMs,
  });
  const all = persistence.entities('reminded', logic);
  const ask = (index: number) => all.ask(`reminded-${index}`, { type: 'added', by: 1 });
  try {
    await inLanes(warmUp, ask);
    await passivated(all);
    const before = heapUsed();
    await inLanes(waiting, (index) => ask(index + warmUp));
    await passivated(all);
    return (heapUsed() - before) / waiting;
  } finally {
    await persistence.shutdown();
  }
}

/** It keeps nothing, so that the memory is that of the entities. */
async function forgetfulJournal(): Promise<JournalPlugin> {
  async function* nothing(): ReturnType<JournalPlugin['replay']> {}
  return {
    write: async () => [],
    deleteTo: async () => {},
    highestSeqNr: async () => 0,
    replay: nothing,
    [Symbol.asyncDispose]: async () => {},
  };
}

async function inLanes(total: number, run: (index: number) => Promise<unknown>): Promise<void> {
  let next = 0;
  const lane = async (): Promise<void> => {
    while (next < total) await run(next++);
  };
  await Promise.all(Array.from({ length: inFlight }, lane));
}

async function passivated(registry: Pick<EntityRegistry<never>, 'ids'>): Promise<void> {
  const limitMs = performance.now() + passivationLimitMs;
  while (registry.ids().length > 0) {
    if (performance.now() > limitMs) throw new Error('idle entities are not stopped');
    await sleep(100);
  }
}

function heapUsed(): number {
  collectGarbage();
  collectGarbage();
  return process.memoryUsage().heapUsed;
}
