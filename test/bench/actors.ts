import { assign, createActor, setup } from 'xstate';
import { createPersistence } from '../../src/index.ts';
import { openRawAppends } from './append.ts';
import { newNames, payloadOf, type Servers } from './bench-world.ts';
import { alternate, type Figure, figure, inTurn, median, throughput } from './figures.ts';

const keys = 1_000;
const inFlight = 256;
const commands = 30_000;
/** Until the compilers of all sides have seen what runs. */
const warmUpRounds = 3;
const rounds = 5;
const groupCommit = 'akka.persistence.xstate.group-commit-max-commands = 100';

const account = setup({
  types: {
    context: {} as { cents: number },
    events: {} as ReturnType<typeof depositOf>,
    input: {} as { id: string },
  },
}).createMachine({
  id: 'account',
  context: { cents: 0 },
  on: {
    deposited: { actions: assign({ cents: ({ context, event }) => context.cents + event.cents }) },
  },
});

/**
 * Commands through persistent actors and `ask`, with and without group commit, in turn with raw
 * kafkajs, and with plain actors whose events raw kafkajs appends.
 */
export async function benchActors(servers: Servers): Promise<readonly Figure[]> {
  const raw = await openRawAppends(servers);
  const bank = await openBank(newNames(servers).configText);
  const grouping = await openBank([newNames(servers).configText, groupCommit].join('\n'));
  try {
    const plain = plainBank();
    const sides = {
      bank: () => bank.perSecond(),
      grouping: () => grouping.perSecond(),
      plain: () => raw.perSecond(plain),
      raw: () => raw.perSecond(),
    };
    await inTurn(warmUpRounds, sides);
    const perSecond = await inTurn(rounds, sides);
    return [
      figure('append.256.actors', 'commands/s', [perSecond.bank, perSecond.raw]),
      figure('append.256.actors.grouped', 'commands/s', [perSecond.grouping, perSecond.raw]),
      figure('append.256.actors.plain', 'commands/s', [perSecond.bank, perSecond.plain]),
      figure('append.256.actors.grouped.plain', 'commands/s', [
        perSecond.grouping,
        perSecond.plain,
      ]),
    ];
  } finally {
    await bank.close();
    await grouping.close();
    await raw[Symbol.asyncDispose]();
  }
}

/** Plain actors: what is to be done with an event before it is appended. */
function plainBank(): (index: number) => void {
  const accounts = Array.from({ length: keys }, (_, index) =>
    createActor(account, { input: { id: `account-${index}` } }).start(),
  );
  return (index) => accounts[index % keys]?.send(depositOf(index));
}

/** Commands to actors that hold their journals, in turn with commands to actors that do not. */
export async function benchHeldActors(servers: Servers): Promise<readonly Figure[]> {
  const off = 'evolutiongaming.kafka-journal.persistence.journal.tenures = off';
  const held = await openBank(newNames(servers).configText);
  const plain = await openBank([newNames(servers).configText, off].join('\n'));
  try {
    const { a, b } = await alternate(
      rounds,
      () => held.perSecond(),
      () => plain.perSecond(),
    );
    return [figure('append.256.actors.held', 'commands/s', [a, b])];
  } finally {
    await held.close();
    await plain.close();
  }
}

/** The same on the configuration given, without a baseline. */
export async function commandsPerSecond(configText: string): Promise<number> {
  const bank = await openBank(configText);
  try {
    const values: number[] = [];
    for (let round = 0; round < rounds; round++) values.push(await bank.perSecond());
    return median(values);
  } finally {
    await bank.close();
  }
}

/** A thousand accounts, all of them recovered and warm. */
async function openBank(configText: string) {
  const persistence = await createPersistence({ config: configText });
  const logic = persistence.persistent(account, {
    persistenceId: ({ input }) => input.id,
    initEvent: 'never',
  });
  const accounts = persistence.entities('account', logic);
  const ask = (index: number): Promise<unknown> =>
    accounts.ask(`account-${index % keys}`, depositOf(index));
  await throughput(10_000, inFlight, ask);
  return {
    perSecond: () => throughput(commands, inFlight, ask),
    close: () => persistence.shutdown(),
  };
}

function depositOf(index: number) {
  return { ...payloadOf(index), type: 'deposited', cents: index % 10_000 } as const;
}
