/** The options of actors, with their right and their wrong uses. It is compiled, and never run. */
import type {
  AppendOptions,
  AskOptions,
  EntityKeys,
  EventAdapter,
  JsonCodec,
  Persistence,
  SnapshotAdapter,
  StandardSchema,
} from 'kafka-journal';
import { SeqNr, taggedJson, upcasters } from 'kafka-journal';
import {
  createMachine,
  fromCallback,
  fromObservable,
  fromPromise,
  fromTransition,
  type PromiseActorLogic,
  setup,
} from 'xstate';
import { account, type Booked, type Command } from './account.ts';
import { sameType } from './same-type.ts';

declare const persistence: Persistence;
declare const accounts: ReturnType<typeof openAccounts>;
declare const text: string | undefined;
declare const count: number | undefined;

function openAccounts() {
  return persistence.entities('account', persistence.persistent(account, {}));
}

const deposited = { type: 'deposited', cents: 1, notes: [] } satisfies Booked;

export async function asksOnTerms(): Promise<void> {
  const signal: AbortSignal | undefined = undefined;
  await accounts.ask('a-1', deposited, {
    expectedSequenceNr: 3,
    commandId: 'order-1',
    correlationId: 'order',
    causationId: 'click',
    timeout: 1000,
    signal: AbortSignal.timeout(1000),
  });
  const unset: AskOptions = {
    expectedSequenceNr: count,
    commandId: text,
    correlationId: text,
    causationId: text,
    timeout: count,
    signal,
  };
  await accounts.ask('a-1', deposited, unset);
  // @ts-expect-error a number
  await accounts.ask('a-1', deposited, { expectedSequenceNr: '3' });
  // @ts-expect-error a text
  await accounts.ask('a-1', deposited, { commandId: 1 });
  // @ts-expect-error its controller is no signal
  await accounts.ask('a-1', deposited, { signal: new AbortController() });
  // @ts-expect-error no such option
  await accounts.ask('a-1', deposited, { comandId: 'order-1' });
}

export async function looksDeletesAndPurges(): Promise<void> {
  const early = await accounts.stateAt('a-1', { sequenceNr: 1 });
  sameType<typeof early.context, { cents: number }>(true);
  await accounts.stateAt('a-1', { time: new Date() }, { timeout: count });
  await accounts.peek('a-1', { signal: AbortSignal.timeout(1) });
  await accounts.deleteEvents('a-1', SeqNr.max);
  await accounts.purge('a-1');
  // @ts-expect-error no moment
  await accounts.stateAt('a-1', { seqNr: 1 });
  // @ts-expect-error a moment is no bare number
  await accounts.stateAt('a-1', 1);
  // @ts-expect-error up to which number
  await accounts.deleteEvents('a-1');
}

export function takesSnapshots(): void {
  const snapshotAdapter: SnapshotAdapter = {
    toStore: (state) => state,
    fromStore: (_stored, { machineVersion }) => ({ value: machineVersion ?? 'open' }),
  };
  persistence.persistent(account, {
    machineVersion: text,
    snapshotAdapter,
    retention: { snapshotEvery: 100, keepSnapshots: count, deleteEvents: true },
    snapshotWhen: ({ snapshot, event, sequenceNr }) => {
      sameType<typeof snapshot.context, { cents: number }>(true);
      return event.type === 'withdrawn' && event.by === 'cash' && sequenceNr > 10;
    },
    waitForSnapshot: true,
    snapshotPluginId: text,
    recovery: { fromSnapshot: { maxSeqNr: 10 }, toSeqNr: 10 },
  });
  // @ts-expect-error how often is missing
  persistence.persistent(account, { retention: { keepSnapshots: 2 } });
  // @ts-expect-error yes or no
  persistence.persistent(account, { snapshotWhen: () => 'yes' });
  // @ts-expect-error no such event
  persistence.persistent(account, { snapshotWhen: ({ event }) => event.type === 'deposit' });
  persistence.persistent(account, {
    // @ts-expect-error the way back is missing
    snapshotAdapter: { toStore: (state) => state },
  });
  // @ts-expect-error no such bound
  persistence.persistent(account, { recovery: { fromSnapshot: { max: 1 } } });
}

/** As docs/snapshots.md shows it. */
export function readsSnapshotsOfAnotherVersion(): void {
  persistence.persistent(account, {
    snapshotAdapter: {
      toStore: (state) => state,
      fromStore: (stored, { machineVersion }) => {
        const state = stored as Readonly<Record<string, unknown>>; // what `toStore` gave
        return machineVersion === '2' ? { ...state, value: 'open' } : state;
      },
    },
  });
}

export function changesOverTheYears(): void {
  const eventAdapter: EventAdapter<Booked, { cents: number }> = {
    toJournal: ({ cents }) => ({ cents }),
    fromJournal: ({ cents }, _manifest, { seqNr }) =>
      cents > seqNr ? [{ type: 'deposited', cents, notes: [] }] : [],
  };
  const codec: JsonCodec<Date> = {
    name: 'date',
    toJson: (date) => date.getTime(),
    fromJson: (json) => new Date(Number(json)),
  };
  persistence.persistent(account, {
    eventAdapter,
    renamed: { events: { booked: 'deposited' }, states: { 'account.old': 'account.open' } },
    serializers: { '*': taggedJson, 'class:Date': codec },
    unknownStoredEvent: 'skip',
    unhandledReplayedEvent: 'warn',
    earlierMachines: { '1': account },
    machineVersion: '2',
    encryption: {} as EntityKeys,
    commandSchema: {} as StandardSchema,
    eventSchema: undefined,
  });
  persistence.persistent(account, {
    eventAdapter: upcasters(
      [
        {
          type: 'deposited',
          from: 1,
          to: 2,
          up: (old: { type: string; cents: number }) => ({ ...old, notes: [] }),
          down: undefined,
        },
      ],
      { writeVersions: { deposited: 2 } },
    ),
    unknownStoredEvent: ({ event }) => ({ ...event, type: 'deposited' }),
  });
  // @ts-expect-error to which version
  upcasters([{ type: 'deposited', from: 1, up: (old: Booked) => old }]);
  // @ts-expect-error it gives no event
  upcasters([{ type: 'deposited', from: 1, to: 2, up: () => 1 }]);
  persistence.persistent(account, {
    eventAdapter: {
      toJournal: (event: Booked) => event,
      // @ts-expect-error it gives another event
      fromJournal: () => [{ type: 'other' }],
    },
  });
  // @ts-expect-error from one text to another
  persistence.persistent(account, { renamed: { events: { booked: 1 } } });
  // @ts-expect-error no such policy
  persistence.persistent(account, { unknownStoredEvent: 'ignore' });
  // @ts-expect-error no serializer
  persistence.persistent(account, { serializers: { '*': { toJson: (value: Date) => value } } });
  // @ts-expect-error no machine
  persistence.persistent(account, { earlierMachines: { '1': {} } });
}

const work = setup({
  actors: {
    pay: fromPromise(async ({ input }: { input: { cents: number } }) => ({ paid: input.cents })),
    ping: fromPromise(async () => {}),
    given: {} as PromiseActorLogic<string>,
    listen: fromCallback(() => {}),
    watch: fromObservable(() => ({ subscribe: () => ({ unsubscribe: () => {} }) })),
    count: fromTransition((n: number) => n + 1, 0),
    account,
  },
}).createMachine({});

export function triesPromisesAgain(): void {
  const policy = { attempts: 3, minBackoff: '1s', maxBackoff: '1m' };
  const limits = { randomFactor: count, timeout: text };
  persistence.persistent(work, { retry: { pay: policy, ping: { ...policy, ...limits } } });
  persistence.persistent(work, { retry: { pay: undefined, given: policy } });
  // @ts-expect-error no such actor
  persistence.persistent(work, { retry: { shop: policy } });
  // @ts-expect-error a callback never fails: it is no promise
  persistence.persistent(work, { retry: { listen: policy } });
  // @ts-expect-error an observable is no promise
  persistence.persistent(work, { retry: { watch: policy } });
  // @ts-expect-error neither is a transition
  persistence.persistent(work, { retry: { count: policy } });
  // @ts-expect-error neither is a machine
  persistence.persistent(work, { retry: { account: policy } });
  // The compiler does not know the actors of this machine.
  persistence.persistent(createMachine({}), { retry: { pay: policy } });
}

export function leavesOptionsUnset(): void {
  persistence.persistent(account, {
    types: undefined,
    decide: () => ({
      type: 'persist',
      events: [deposited],
      deliver: [{ to: 'mail', message: undefined, id: text }],
    }),
    recovery: { fromSnapshot: { maxSeqNr: count, minTimestampMs: undefined } },
    retry: undefined,
  });
  const metadata = { header: { data: undefined }, payload: { expireAfter: undefined } };
  const append: AppendOptions = { metadata };
  const none: AppendOptions = { metadata: { header: undefined, payload: undefined } };
  void [append, none];
}

export function saysWhatGoesBesideTheEvents(): void {
  persistence.persistent(account, {
    types: { commands: {} as Command },
    decide: () => ({ type: 'none' }),
    metadata: ({ command, events }) => ({ by: command?.type, count: events.length }),
    headers: ({ events }) => ({ first: events[0]?.type ?? '' }),
    expireAfter: ({ events }) => (events.length > 1 ? '30d' : undefined),
    transient: ({ event }) => event.type === 'look',
    unstashOn: ['open', 'shut'],
    onSignal: ({ type, sequenceNr }, { context }) => {
      sameType<typeof context, { cents: number }>(true);
      return type === 'snapshot-saved' && sequenceNr > 0;
    },
    commandIds: { maxCount: count, maxAge: '1h' },
    onPersistFailure: { minBackoff: '1s', maxBackoff: 1000, randomFactor: count },
    passivateAfter: '5m',
  });
  persistence.persistent(account, {
    expireAfter: 1000,
    unstashOn: (after) => after.matches('open'),
  });
  // @ts-expect-error a tag is no list of tags
  persistence.persistent(account, { tagger: (event) => event.type });
  // @ts-expect-error tags are texts
  persistence.persistent(account, { tagger: () => [1] });
  // @ts-expect-error headers are texts
  persistence.persistent(account, { headers: ({ events }) => ({ count: events.length }) });
  // @ts-expect-error no duration
  persistence.persistent(account, { expireAfter: () => new Date() });
  // @ts-expect-error no such state
  persistence.persistent(account, { unstashOn: (after) => after.matches('ajar') });
  // @ts-expect-error the longest delay is missing
  persistence.persistent(account, { onPersistFailure: { minBackoff: 1 } });
  // @ts-expect-error no such option
  persistence.persistent(account, { persistanceId: 'a' });
}
