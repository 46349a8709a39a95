/**
 * `npm run chaos -- --kills N [--seed S]`: N times, at random moments under load, SIGKILL the actors'
 * process, the replicator or the broker, start it again and go on; then compare what was acknowledged
 * with what every journal recovers to. Exit code 1 when anything is lost, doubled, out of order or missing.
 */
import { randomInt } from 'node:crypto';
import { parseArgs } from 'node:util';
import { openStack } from '../support/stack/open-stack.ts';
import { runChaos } from './chaos-run.ts';
import type { Damage } from './ledger.ts';

const { values } = parseArgs({
  options: { kills: { type: 'string', default: '30' }, seed: { type: 'string' } },
});
const kills = Number(values.kills);
const seed = Number(values.seed ?? randomInt(1_000_000));
const note = (line: string): void => console.log(line);

note(`chaos: ${kills} kills, seed ${seed}`);
const stack = await openStack({ profile: 'keep', name: 'chaos', note });
try {
  const {
    acknowledged,
    kills: killed,
    atLag,
    replicated,
  } = await runChaos({ stack, kills, seed, note });
  const killText = Object.entries(killed).map(([victim, count]) => `${victim} ${count}`);
  console.log(`killed: ${killText.join(', ')}`);
  console.log(`acknowledged ${acknowledged}`);
  console.log(`Cassandra and Kafka:     ${textOf(atLag)}`);
  console.log(`after full replication:  ${textOf(replicated)}`);
  process.exitCode = [atLag, replicated].some(isDamaged) ? 1 : 0;
} finally {
  await stack[Symbol.asyncDispose]();
}

function textOf({ lost, duplicated, reordered, missing }: Damage): string {
  return `lost ${lost}, duplicated ${duplicated}, reordered ${reordered}, missing ${missing}`;
}

function isDamaged(damage: Damage): boolean {
  return Object.values(damage).some((count) => count !== 0);
}
