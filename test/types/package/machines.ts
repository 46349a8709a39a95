/** What `persistent` infers, without type arguments. It is compiled, and never run. */
import type {
  DecideArgs,
  Decision,
  Delivered,
  Persistence,
  PersistentLogic,
  XstateEvent,
} from 'kafka-journal';
import type { EventFromLogic, SnapshotFrom } from 'xstate';
import { createActor, createMachine, setup } from 'xstate';
import { account, type Booked, type Command } from './account.ts';
import { sameType } from './same-type.ts';

declare const persistence: Persistence;

const commands = { commands: {} as Command };

export async function infersCommandEventStateInputAndReply(): Promise<void> {
  const logic = persistence.persistent(account, {
    types: { commands: {} as Command },
    persistenceId: ({ input }) => {
      sameType<typeof input, { id: string }>(true);
      return input.id;
    },
    decide: ({ snapshot, command, sequenceNr }) => {
      sameType<typeof command, Command>(true);
      sameType<typeof sequenceNr, number>(true);
      sameType<typeof snapshot.context, { cents: number }>(true);
      if (snapshot.matches('shut')) return { type: 'reject', reason: new Error('shut') };
      switch (command.type) {
        case 'deposit':
          return {
            type: 'persist',
            events: [{ type: 'deposited', cents: command.cents, notes: [] }],
            reply: snapshot.context.cents + command.cents,
            thenRun: (after) => sameType<typeof after.context, { cents: number }>(true),
          };
        case 'withdraw':
          return {
            type: 'persist',
            events: [
              { type: 'withdrawn', cents: command.cents, by: 'card' },
              { type: 'withdrawn', cents: 1, by: 'cash' },
            ],
          };
        case 'look':
          return { type: 'none', reply: 'looked' };
      }
    },
    tagger: (event, after) => [event.type, String(after.context.cents)],
  });
  sameType<EventFromLogic<typeof logic>, Command>(true);
  const actor = createActor(logic, { input: { id: 'a-1' } });
  const { reply, events, snapshot } = await persistence.ask(actor, { type: 'look' });
  sameType<typeof reply, number | string | undefined>(true);
  sameType<typeof snapshot.context, { cents: number }>(true);
  const [first] = events;
  if (first?.type === 'withdrawn') sameType<typeof first.by, 'card' | 'cash'>(true);
  // A machine stores what xstate makes of its timers and children as well.
  sameType<typeof events, readonly (Booked | XstateEvent)[]>(true);
  const answer = await persistence.entities('account', logic).ask('a-1', { type: 'look' });
  sameType<typeof answer.reply, number | string | undefined>(true);
  // @ts-expect-error no such command
  await persistence.ask(actor, { type: 'deposited', cents: 1, notes: [] });
  // @ts-expect-error a command without its payload
  await persistence.entities('account', logic).ask('a-1', { type: 'deposit' });
  // @ts-expect-error the machine needs its input
  createActor(logic);
  // @ts-expect-error no such state
  snapshot.matches('ajar');
}

export async function takesTheEventsForTheCommandsUnlessGiven(): Promise<void> {
  const plain = persistence.entities('plain', persistence.persistent(account, {}));
  const { reply } = await plain.ask('a-1', { type: 'deposited', cents: 1, notes: [] });
  sameType<typeof reply, undefined>(true);
  persistence.persistent(account, {
    decide: ({ command }) => {
      sameType<typeof command, Booked>(true);
      // @ts-expect-error the type of the commands was forgotten
      return command.type === 'deposit' ? { type: 'none' } : { type: 'unhandled' };
    },
  });
}

export async function keepsConfirmationsFromCallers(): Promise<void> {
  type Mailed = Delivered<'mail', { at: number }>;
  const mailing = setup({ types: { events: {} as Booked | Mailed } }).createMachine({
    on: {
      'persistence.delivered.mail': {
        actions: ({ event }) => sameType<typeof event.output, { at: number } | undefined>(true),
      },
    },
  });
  const logic = persistence.persistent(mailing, {
    decide: ({ command }) => {
      sameType<typeof command, Booked>(true);
      return { type: 'persist', events: [command] };
    },
  });
  const written: PersistentLogic<typeof mailing> = logic;
  const { events } = await persistence.entities('mailing', logic).ask('a-1', booked);
  sameType<typeof events, readonly (Booked | Mailed | XstateEvent)[]>(true);
  // @ts-expect-error deliveries alone send it: an actor refuses it
  await persistence.entities('plain', written).ask('a-1', { ...mailed, type: mailed.type });
}

declare const booked: Booked;
declare const mailed: Delivered<'mail', { at: number }>;

export function refusesWrongEvents(): void {
  persistence.persistent(account, {
    types: commands,
    // @ts-expect-error no such event
    decide: () => ({ type: 'persist', events: [{ type: 'deposit', cents: 1 }] }),
  });
  persistence.persistent(account, {
    types: commands,
    // @ts-expect-error no such payload
    decide: () => ({ type: 'persist', events: [{ type: 'withdrawn', cents: '1', by: 'card' }] }),
  });
  persistence.persistent(account, {
    types: commands,
    // @ts-expect-error one of two events is wrong
    decide: ({ command }) => {
      if (command.type === 'look') return { type: 'none' };
      return { type: 'persist', events: [{ type: 'withdrawn', cents: 1, by: 'cheque' }] };
    },
  });
  persistence.persistent(account, {
    types: commands,
    // @ts-expect-error no such decision
    decide: () => ({ type: 'store', events: [] }),
  });
  persistence.persistent(account, {
    types: commands,
    // @ts-expect-error its member is called thenRun
    decide: () => ({ type: 'persist', events: [], thenrun: () => {} }),
  });
  persistence.persistent(account, {
    types: commands,
    // @ts-expect-error nothing is stored that the delivery could follow
    decide: () => ({ type: 'none', deliver: [{ to: 'mail' }] }),
  });
  persistence.persistent(account, {
    types: commands,
    // @ts-expect-error its member is called id: each try would deliver anew
    decide: () => ({ type: 'persist', events: [], deliver: [{ to: 'mail', di: 'a' }] }),
  });
  persistence.persistent(account, {
    types: commands,
    decide: ({ command: { type } }) => ({
      type: 'persist',
      events: [{ type: 'withdrawn', cents: 1, by: 'cash' }],
      deliver: [{ to: 'mail' }, { to: 'mail', message: type }, { to: type, id: type }],
    }),
  });
  persistence.persistent(account, {
    types: commands,
    // @ts-expect-error a decision is returned at once
    decide: async () => ({ type: 'none' }),
  });
}

export async function takesADecideFromElsewhere(): Promise<void> {
  type Snapshot = SnapshotFrom<typeof account>;
  type Given = DecideArgs<Snapshot, Command>;
  function decide({ command }: Given): Decision<Booked, Snapshot, number> {
    if (command.type === 'look') return { type: 'none', reply: 1 };
    return { type: 'persist', events: [{ type: 'withdrawn', cents: command.cents, by: 'card' }] };
  }
  const logic = persistence.persistent(account, { types: commands, decide });
  const { reply } = await persistence.entities('account', logic).ask('a-1', { type: 'look' });
  sameType<typeof reply, number | undefined>(true);
  // The type of a logic may be written without its reply.
  const written: PersistentLogic<typeof account, Command> = logic;
  void written;
  persistence.persistent(account, {
    // @ts-expect-error it decides on other commands
    types: { commands: {} as { type: 'other' } },
    decide,
  });
}

export function namesStatesByTheirPaths(): void {
  const doors = setup({}).createMachine({
    id: 'doors',
    initial: 'front',
    states: {
      front: { initial: 'open', states: { open: {}, shut: {} } },
      both: { type: 'parallel', states: { left: { initial: 'open', states: { open: {} } } } },
      none: {},
    },
  });
  persistence.persistent(doors, {
    unstashOn: ['front', 'front.shut', 'both', 'both.left', 'both.left.open', 'none'],
  });
  persistence.persistent(doors, { unstashOn: 'front.open' });
  // @ts-expect-error no such state
  persistence.persistent(doors, { unstashOn: 'front.ajar' });
  // @ts-expect-error its path is front.open
  persistence.persistent(doors, { unstashOn: ['none', 'open'] });
  // The compiler does not know the states of this machine.
  persistence.persistent(createMachine({ states: { open: {} } }), { unstashOn: 'open' });
}

export function opensEntitiesWithTheirInput(): void {
  const owned = setup({
    types: { context: {} as { owner: string }, input: {} as { owner: string } },
  }).createMachine({ id: 'owned', context: ({ input }) => ({ owner: input.owner }) });
  const logic = persistence.persistent(owned, {});
  // @ts-expect-error an id is not the input of this machine
  persistence.entities('owned', logic);
  // @ts-expect-error neither are options without an input
  persistence.entities('owned', logic, { topics: ['journal'] });
  persistence.entities('owned', logic, { input: (id) => ({ owner: id }) });
  // @ts-expect-error the input of another machine
  persistence.entities('owned', logic, { input: (id) => ({ id }) });
  // @ts-expect-error a plain machine is no persistent actor
  persistence.entities('plain', account);
}

export function typesTheOutputOfAChild(): void {
  const child = persistence.persistent(
    setup({ types: { output: {} as number } }).createMachine({
      id: 'child',
      initial: 'end',
      states: { end: { type: 'final' } },
      output: 1,
    }),
    { persistenceId: 'child' },
  );
  setup({ actors: { child } }).createMachine({
    id: 'parent',
    invoke: {
      id: 'child',
      src: 'child',
      onDone: { actions: ({ event }) => sameType<typeof event.output, number>(true) },
    },
  });
}
