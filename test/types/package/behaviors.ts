/** What `behavior` infers, without type arguments. It is compiled, and never run. */
import type {
  BehaviorDecideArgs,
  BehaviorState,
  Decision,
  Persistence,
  WriteArgs,
} from 'kafka-journal';
import { upcasters } from 'kafka-journal';
import type { EventFromLogic, InputFrom } from 'xstate';
import { createActor } from 'xstate';
import type { Booked, Command } from './account.ts';
import { sameType } from './same-type.ts';

declare const persistence: Persistence;

const types = { commands: {} as Command, events: {} as Booked };

export async function infersCommandEventStateInputAndReply(): Promise<void> {
  const logic = persistence.behavior({
    types: { commands: {} as Command, events: {} as Booked },
    persistenceId: ({ input }) => {
      sameType<typeof input.id, string>(true);
      return input.id;
    },
    initialState: 0,
    decide: ({ state, command }) => {
      sameType<typeof state, number>(true);
      sameType<typeof command, Command>(true);
      if (command.type === 'look') return { type: 'none', reply: { at: state } };
      if (command.type === 'withdraw') {
        if (state < command.cents) return { type: 'reject', reason: new Error('not enough') };
        return { type: 'persist', events: [{ ...command, type: 'withdrawn', by: 'card' }] };
      }
      return {
        type: 'persist',
        events: [{ type: 'deposited', cents: command.cents, notes: ['a'] }],
        reply: 'stored',
        thenRun: ({ context }) => sameType<typeof context, number>(true),
      };
    },
    evolve: (state, event) => {
      sameType<typeof event, Booked>(true);
      return state + event.cents;
    },
    unstashOn: (state) => state > 0,
    tagger: (event, { context }) => new Set([event.type, String(context)]),
  });
  sameType<EventFromLogic<typeof logic>, Command>(true);
  const accounts = persistence.entities('account', logic);
  const { reply, events, snapshot } = await accounts.ask('a-1', { type: 'look' });
  sameType<typeof reply, string | { at: number } | undefined>(true);
  sameType<typeof events, readonly Booked[]>(true);
  sameType<typeof snapshot.context, number>(true);
  // @ts-expect-error no such command
  await accounts.ask('a-1', { type: 'deposited', cents: 1 });
  // @ts-expect-error the journal is named by the input
  createActor(logic);
}

/** Needs the type of what the destination answers: logic and entities are made from each other. */
export async function deliversToItsOwnType(): Promise<void> {
  const logic = persistence.behavior({
    types,
    initialState: 0,
    decide: ({ command: { type } }) => ({ type: 'none', reply: type }),
    evolve: (state, { cents }) => state + cents,
    deliveries: {
      to: {
        account: (to: string, { id: commandId }): Promise<unknown> =>
          accounts.ask(to, { type: 'look' }, { commandId }),
      },
    },
  });
  const accounts = persistence.entities('account', logic);
  const { reply } = await accounts.ask('a-1', { type: 'look' });
  sameType<typeof reply, Command['type']>(true);
}

export async function takesADecideFromElsewhere(): Promise<void> {
  type Given = BehaviorDecideArgs<number, Command>;
  function decide({ state }: Given): Decision<Booked, BehaviorState<number>, number> {
    return { type: 'none', reply: state };
  }
  const logic = persistence.behavior({
    types,
    initialState: 0,
    decide,
    evolve: (state) => state,
    headers: ({ command }: WriteArgs<Booked>) => ({ of: command?.type ?? '' }),
  });
  const { reply } = await persistence.entities('account', logic).ask('a-1', { type: 'look' });
  sameType<typeof reply, number | undefined>(true);
}

export function namesStateAndInputWhereTheyCannotBeInferred(): void {
  const logic = persistence.behavior({
    types: { ...types, state: {} as { owner: string }, input: {} as { owner: string } },
    initialState: ({ input }) => ({ owner: input.owner }),
    decide: ({ state }) => ({ type: 'none', reply: state.owner }),
    evolve: (state) => state,
  });
  sameType<InputFrom<typeof logic>, { owner: string }>(true);
  // @ts-expect-error an id is not the input
  persistence.entities('owned', logic);
  persistence.entities('owned', logic, { input: (owner) => ({ owner }) });
}

type Door =
  | { readonly type: 'open' }
  | { readonly type: 'shut'; readonly by: string; readonly times: number };

export function keepsTheTextsOfAStateThatIsAUnion(): void {
  const door = { ...types, state: {} as Door, input: {} as { by: string } };
  persistence.behavior({
    types: door,
    initialState: ({ input: { by } }) =>
      by === '' ? { type: 'open' } : { type: 'shut', by, times: 1 },
    decide: ({ state }) => ({ type: 'none', reply: state.type }),
    evolve: (state, event) => {
      sameType<typeof state, Door>(true);
      if (event.type === 'deposited') return { type: 'open' };
      return { type: 'shut', by: event.by, times: state.type === 'shut' ? state.times + 1 : 1 };
    },
    delivered: (_state, { id }) => ({ type: 'shut', by: id, times: 0 }),
  });
  persistence.behavior({
    types: door,
    initialState: { type: 'open' },
    decide: () => ({ type: 'none' }),
    // @ts-expect-error no such state
    evolve: () => ({ type: 'ajar' }),
  });
  // @ts-expect-error no such first state
  persistence.behavior({ ...shutDoor, types: door, initialState: { type: 'ajar' } });
}

declare const shutDoor: {
  readonly decide: () => { readonly type: 'none' };
  readonly evolve: (state: Door) => Door;
};

export function needsNoInputForOneJournal(): void {
  const only = { types, initialState: 0, evolve: (state: number) => state };
  createActor(
    persistence.behavior({ ...only, persistenceId: 'one', decide: () => ({ type: 'none' }) }),
  );
}

export function takesADecideWithoutParameters(): void {
  persistence.behavior({
    types: { commands: {} as Command, events: {} as { type: 'counted' } | { type: 'ended' } },
    initialState: 0,
    decide: () => ({ type: 'persist', events: [{ type: 'counted' }] }),
    evolve: (state) => state + 1,
  });
}

export function keepsItsEventsBesideAnAdapter(): void {
  const rest = { types, initialState: 0, decide: () => noDecision };
  const count = (state: number, event: Booked): number => state + event.cents;
  const adapter = upcasters([]);
  for (const eventAdapter of [adapter, undefined]) {
    persistence.behavior({ ...rest, evolve: count, eventAdapter });
  }
  persistence.behavior({
    ...rest,
    evolve: (state, { cents }) => state + cents,
    eventAdapter: upcasters([]),
  });
  persistence.behavior({
    ...rest,
    evolve: (state, { cents }) => state + cents,
    eventAdapter: {
      toJournal: ({ cents }) => cents,
      fromJournal: (stored) => [{ type: 'deposited', cents: Number(stored), notes: [] }],
    },
  });
  persistence.behavior({
    ...rest,
    evolve: count,
    eventAdapter: {
      toJournal: (event) => event,
      // @ts-expect-error no such event
      fromJournal: () => [{ type: 'deposit', cents: 1 }],
    },
  });
}

export function refusesWhatIsWrong(): void {
  const evolve = (state: number): number => state;
  const rest = { types, initialState: 0, evolve };
  persistence.behavior({
    ...rest,
    // @ts-expect-error no such event
    decide: () => ({ type: 'persist', events: [{ type: 'deposit', cents: 1 }] }),
  });
  persistence.behavior({
    ...rest,
    decide: ({ state }) => ({
      type: 'persist',
      // @ts-expect-error no such payload
      events: [{ type: 'withdrawn', cents: `${state}`, by: 'card' }],
    }),
  });
  persistence.behavior({
    ...rest,
    // @ts-expect-error its member is called reply
    decide: ({ state }) => ({ type: 'none', replay: state }),
  });
  persistence.behavior({
    types,
    initialState: 0,
    decide: () => ({ type: 'none' }),
    // @ts-expect-error another state
    evolve: (state) => `${state}`,
  });
  // @ts-expect-error the types of commands and events are missing
  persistence.behavior({
    initialState: 0,
    decide: () => ({ type: 'none' }),
    evolve: (state) => state,
  });
  // @ts-expect-error the type of the commands is missing
  persistence.behavior({ ...rest, types: { events: {} as Booked }, decide: () => noDecision });
}

declare const noDecision: Decision<Booked>;
