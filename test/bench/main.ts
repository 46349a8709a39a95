/**
 * `npm run bench [-- --json] [-- --only append,recover]`: figures on real servers, each beside that of
 * the raw client where there is one, taken in the same run in turn.
 */
import { parseArgs } from 'node:util';
import { openStack } from '../support/stack/open-stack.ts';
import { benchActors } from './actors.ts';
import { benchAppend } from './append.ts';
import { benchEmbedded } from './embedded.ts';
import { type Figure, printFigure } from './figures.ts';
import { benchRecoverCassandra, benchRecoverKafka } from './recover.ts';
import { benchReplicate } from './replicate.ts';

const { values } = parseArgs({
  options: { json: { type: 'boolean', default: false }, only: { type: 'string' } },
});

const stack = await openStack({
  profile: 'keep',
  name: 'bench',
  note: (line) => console.error(line),
});
const servers = { kafka: stack.kafka.address, cassandra: stack.cassandra.address };

const benches: readonly [name: string, run: () => Promise<readonly Figure[]>][] = [
  ['append', () => benchAppend(servers)],
  ['actors', () => benchActors(servers)],
  ['recover', () => benchRecoverCassandra(servers)],
  ['recover-kafka', () => benchRecoverKafka(servers)],
  ['replicate', () => benchReplicate(servers)],
  ['embedded', () => benchEmbedded()],
];

try {
  const only = values.only?.split(',');
  for (const [name, run] of benches) {
    if (only !== undefined && !only.includes(name)) continue;
    for (const figure of await run()) {
      printFigure(figure, values.json);
    }
  }
} finally {
  await stack[Symbol.asyncDispose]();
}
