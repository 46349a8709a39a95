/**
 * `npm run bench [-- NAME…] [--heavy] [--json]`: figures on real servers, each beside that of the
 * raw client where there is one, taken in the same run in turn. `append.256.held` and
 * `append.256.actors.held` have beside them the same with journals that nobody holds, the first in
 * a process of its own; `hold.contended` is four processes that want one journal, or each one a
 * journal of the same partition (`.keys`); `remote.ask` and `remote.look` have beside them the same
 * to entities of the asking instance, `.more` is the difference. `append.256.actors.plain` has
 * beside it plain actors whose events the raw client appends, `.grouped` is with group commit;
 * `actors.memory` has beside it xstate's `send`, `.replay` its `transition`, `.snapshots` the same
 * without snapshots; `entities` have beside them plain actors.
 *
 * A NAME is a figure or the beginning of some: `npm run bench -- replicate.lag recover.16`; figures
 * that are taken together are printed together. Without names all run but those that take minutes;
 * `--heavy` runs them too. `--events N` sets the backlog of `replicate.memory`. `--profile keep`
 * takes the small servers of the tests, whose Cassandra syncs its commit log before it answers,
 * instead of servers as they are installed.
 */
import { parseArgs } from 'node:util';
import { openStack } from '../support/stack/open-stack.ts';
import { benchActors, benchHeldActors } from './actors.ts';
import { benchAppend } from './append.ts';
import { benchEmbedded } from './embedded.ts';
import { type Figure, printFigure } from './figures.ts';
import { benchContended, benchHeld } from './held.ts';
import { benchManyEntities } from './many-entities.ts';
import { benchMemory } from './memory.ts';
import { benchRecoverCassandra, benchRecoverKafka, benchRecoverPostgres } from './recover.ts';
import { benchRecoverCrowd, benchRecoverMany } from './recover-many.ts';
import { benchRecoverSnapshot } from './recover-snapshot.ts';
import { benchRecoverTail } from './recover-tail.ts';
import { benchRemoteAsk } from './remote-ask.ts';
import { benchReplicate } from './replicate.ts';
import { benchReplicateLag } from './replicate-lag.ts';
import { benchReplicateMemory } from './replicate-memory.ts';
import { benchReplicatePostgres } from './replicate-postgres.ts';
import { benchSnapshotSizes } from './snapshot-sizes.ts';

const { values, positionals: wanted } = parseArgs({
  allowPositionals: true,
  options: {
    json: { type: 'boolean', default: false },
    heavy: { type: 'boolean', default: false },
    profile: { type: 'string', default: 'bench' },
    events: { type: 'string', default: '1000000' },
  },
});

interface Bench {
  /** What it measures; figures that are taken together are run together. */
  readonly figures: readonly string[];
  /** Only by name or with `--heavy`. */
  readonly heavy?: boolean;
  readonly run: () => Promise<readonly Figure[]>;
}

const stack = await openStack({
  profile: values.profile === 'keep' ? 'keep' : 'bench',
  name: 'bench',
  note: (line) => console.error(line),
});
const servers = {
  kafka: stack.kafka.address,
  cassandra: stack.cassandra.address,
  postgres: stack.postgres.address,
};

const benches: readonly Bench[] = [
  { figures: ['append.256', 'append.sequential'], run: () => benchAppend(servers) },
  {
    figures: [
      'append.256.actors',
      'append.256.actors.grouped',
      'append.256.actors.plain',
      'append.256.actors.grouped.plain',
    ],
    run: () => benchActors(servers),
  },
  { figures: ['append.256.actors.held'], run: () => benchHeldActors(servers) },
  { figures: ['append.256.held'], run: () => benchHeld(servers) },
  {
    figures: [
      'hold.contended',
      'hold.contended.tenures',
      'hold.contended.keys',
      'hold.contended.keys.tenures',
    ],
    run: () => benchContended(servers),
  },
  {
    figures: [
      'recover.10k.cassandra',
      'recover.10k.cassandra.machine',
      'recover.10k.cassandra.first',
    ],
    run: () => benchRecoverCassandra(servers),
  },
  {
    figures: ['recover.10k.postgres', 'recover.10k.postgres.machine', 'recover.10k.postgres.first'],
    run: () => benchRecoverPostgres(servers),
  },
  {
    figures: ['recover.10k.kafka', 'recover.10k.kafka.machine'],
    run: () => benchRecoverKafka(servers),
  },
  { figures: ['recover.16x'], run: () => benchRecoverMany(servers) },
  { figures: ['recover.1000', 'recover.1000.kafka'], run: () => benchRecoverCrowd(servers) },
  { figures: ['recover.tail.cold', 'recover.tail.warm'], run: () => benchRecoverTail(servers) },
  { figures: ['recover.snapshot.cassandra'], run: () => benchRecoverSnapshot(servers) },
  { figures: ['snapshot.size'], heavy: true, run: () => benchSnapshotSizes(servers) },
  { figures: ['replicate', 'replicate.1000-a-key'], run: () => benchReplicate(servers) },
  {
    figures: ['replicate.postgres', 'replicate.postgres.1000-a-key'],
    run: () => benchReplicatePostgres(servers),
  },
  {
    figures: ['replicate.lag.p50', 'replicate.lag.p99', 'replicate.lag.alone.p50'],
    run: () => benchReplicateLag(servers),
  },
  {
    figures: ['remote.ask', 'remote.ask.more', 'remote.look', 'remote.look.more'],
    run: () => benchRemoteAsk(servers),
  },
  {
    figures: ['append.embedded', 'recover.10k.embedded', 'recover.10k.embedded.machine'],
    run: () => benchEmbedded(),
  },
  {
    figures: ['actors.memory', 'actors.memory.snapshots', 'actors.memory.replay'],
    run: () => benchMemory(),
  },
  {
    figures: [
      'entities.10k',
      'entities.10k.heap',
      'entities.10k.heap.more',
      'entities.100k.waiting',
    ],
    run: () => benchManyEntities(),
  },
  {
    figures: ['replicate.memory'],
    heavy: true,
    run: () => benchReplicateMemory(stack, Number(values.events)),
  },
];

try {
  const chosen = benches.filter(isChosen);
  if (chosen.length === 0) throw new Error(`no figure begins with ${wanted.join(' or ')}`);
  for (const { run } of chosen) for (const figure of await run()) printFigure(figure, values.json);
} finally {
  await stack[Symbol.asyncDispose]();
}

/** A name that is a figure means that one alone; any other means all that begin with it. */
function isChosen({ figures, heavy = false }: Bench): boolean {
  if (wanted.length === 0) return values.heavy || !heavy;
  const all = benches.flatMap((bench) => bench.figures);
  return wanted.some((name) =>
    all.includes(name) ? figures.includes(name) : figures.some((figure) => figure.startsWith(name)),
  );
}
