/**
 * `npm run chaos`: breaks things under load on servers of its own and compares what was
 * acknowledged with what every journal recovers to. Exit code 1 when any count that has to be 0 is
 * not.
 *
 *     --kills N [--seed S] [--store cassandra|postgres]
 *         [--faults actors,replicator,broker,cassandra,postgres,
 *                   pause-broker,pause-cassandra,pause-postgres]
 *         N faults of these kinds, or of all that hit something, at random moments; `pause` is
 *         SIGSTOP and SIGCONT, the rest SIGKILL and a new start
 *     --scenario rebalance|zombie|truncation|recreation|catch-up|writers|embedded-writers|
 *                fleet|embedded-fleet|wake-ups|all
 *         [--seconds N]  of rebalancing        [--rounds N]  zombies
 *         [--events N]   to catch up with       [--writes N]  to be acknowledged, four times
 *         [--entities N] of a fleet             [--rate N]    commands a second to them
 *         [--timers N]   of a minute            [--ahead N]   wake-ups of the next day
 *         [--logs DIR]   for what the instances of a fleet log
 *     --tuned  servers as they are installed, and not as small and safe as faults need them: for
 *         times
 */
import { randomInt } from 'node:crypto';
import { parseArgs } from 'node:util';
import { openStack } from '../support/stack/open-stack.ts';
import type { Stack } from '../support/stack/stack.ts';
import { runChaos } from './chaos-run.ts';
import type { StoreName } from './chaos-world.ts';
import { faultsOf } from './faults.ts';
import { largeFleet } from './fleet.ts';
import { damageText, isDamaged } from './ledger.ts';
import { isFine, printScenario } from './scenario.ts';
import { type ScenarioName, scenarioNames, scenarios } from './scenarios.ts';
import { largeWakeUps } from './wake-ups.ts';

const { values } = parseArgs({
  options: {
    kills: { type: 'string', default: '30' },
    seed: { type: 'string' },
    store: { type: 'string', default: 'cassandra' },
    faults: { type: 'string' },
    scenario: { type: 'string' },
    seconds: { type: 'string', default: '30' },
    rounds: { type: 'string', default: '5' },
    events: { type: 'string', default: '1000000' },
    writes: { type: 'string', default: '50000' },
    entities: { type: 'string', default: '2000' },
    rate: { type: 'string', default: '2000' },
    timers: { type: 'string', default: '10000' },
    ahead: { type: 'string', default: '1000000' },
    logs: { type: 'string' },
    tuned: { type: 'boolean', default: false },
  },
});
const note = (line: string): void => console.log(line);
const store = storeOf(values.store);
const kinds = values.faults === undefined ? {} : { kinds: faultsOf(values.faults) };
const names = namesOf(values.scenario);

// An exit, unlike the end by a signal, ends the processes of the run; the servers end either way.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1));

const stack = await openStack({ profile: values.tuned ? 'bench' : 'keep', name: 'chaos', note });
try {
  const fine = names === undefined ? await runRandom(stack) : await runScenarios(stack, names);
  process.exitCode = fine ? 0 : 1;
} finally {
  await stack[Symbol.asyncDispose]();
}

async function runRandom(stack: Stack): Promise<boolean> {
  const kills = Number(values.kills);
  const seed = Number(values.seed ?? randomInt(1_000_000));
  note(`chaos on ${store}: ${kills} faults, seed ${seed}`);
  const result = await runChaos({ stack, kills, seed, store, ...kinds, restMs: 0, note });
  const faultText = Object.entries(result.faults).map(([fault, count]) => `${fault} ${count}`);
  note(`faults: ${faultText.join(', ')}`);
  note(`acknowledged ${result.acknowledged}`);
  note(`store and Kafka:         ${damageText(result.atLag)}`);
  note(`after full replication:  ${damageText(result.replicated)}`);
  return ![result.atLag, result.replicated].some(isDamaged);
}

async function runScenarios(stack: Stack, chosen: readonly ScenarioName[]): Promise<boolean> {
  let fine = true;
  const seed = Number(values.seed ?? randomInt(1_000_000));
  note(`seed ${seed}`);
  for (const name of chosen) {
    const result = await scenarios[name]({
      stack,
      note: (line) => note(`${name}: ${line}`),
      seconds: Number(values.seconds),
      rounds: Number(values.rounds),
      loadMs: 2_000,
      events: Number(values.events),
      writes: Number(values.writes),
      restMs: 0,
      fleet: { ...largeFleet, entities: Number(values.entities), rate: Number(values.rate) },
      wakeUps: {
        ...largeWakeUps,
        timers: Number(values.timers),
        farAhead: Number(values.ahead),
      },
      logs: values.logs,
      seed,
    });
    printScenario(name, result);
    fine &&= isFine(result);
  }
  return fine;
}

/** @throws naming the stores there are; scenarios look into Cassandra and run on it alone */
function storeOf(text: string): StoreName {
  if (text === 'cassandra') return text;
  if (text === 'postgres' && values.scenario === undefined) return text;
  throw new Error(`no store ${text}: cassandra, or without a scenario postgres`);
}

/** @throws naming the scenarios there are */
function namesOf(text: string | undefined): readonly ScenarioName[] | undefined {
  if (text === undefined) return undefined;
  if (text === 'all') return scenarioNames;
  return text.split(',').map((name) => {
    const known = scenarioNames.find((scenario) => scenario === name);
    if (known !== undefined) return known;
    throw new Error(`no scenario ${name}; there are ${scenarioNames.join(', ')} and all`);
  });
}
