import type { ConfigProblem } from '../../model/errors.ts';
import type { Config } from '../config.ts';
import { renderPath } from '../hocon/origin.ts';
import { noObject } from '../shown-value.ts';
import { acceptedFor, matchesKey } from './keys-without-effect.ts';
import { editDistance, nearest } from './nearest.ts';

const root = 'evolutiongaming.kafka-journal';

/** Our sections; their readers check what is inside. */
const sections = [
  'persistence.journal',
  'embedded.journal',
  'embedded.snapshot-store',
  'snapshot-store.cassandra',
  'snapshot-store.postgres',
  'replicator',
  'kafka',
  'eventual',
  'cassandra',
  'postgres',
  'sqlite',
];

/** Where our sections begin: the parent belongs to others as well. */
const beginnings = [
  ['akka', 'persistence'],
  ['pekko', 'persistence'],
  ['evolutiongaming', 'kafka-journal'],
] as const;

/** Edits that make a name one of ours, misspelt. */
const maxEdits = 2;

/**
 * Keys beside our sections: a misspelt section name would otherwise leave all its settings unread.
 * An object with a `class` is a plugin section under a name of the user's choice.
 */
export function rootProblems(config: Config): readonly ConfigProblem[] {
  const problems: ConfigProblem[] = [];
  for (const [parent, ours] of beginnings) {
    for (const name of config.keys(parent)) {
      if (name === ours || editDistance(name, ours) > maxEdits) continue;
      const path = renderPath([parent, name]);
      const origin = config.originOf(path) ?? { file: undefined, line: undefined };
      problems.push({ path, ...origin, message: `is not a known key; did you mean ${ours}?` });
    }
  }
  for (const key of config.keys(root)) check(config, [key], problems);
  return problems;
}

function check(config: Config, path: readonly string[], problems: ConfigProblem[]): void {
  const key = renderPath(path);
  const full = `${root}.${key}`;
  if (sections.includes(key) || config.has(`${full}.class`)) return;
  const accepted = acceptedFor('root').find(({ keys }) =>
    keys.some((pattern) => matchesKey(pattern, path)),
  );
  if (accepted !== undefined) {
    config.note(full, accepted.why, accepted);
    return;
  }
  const inside = sections.some((section) => section.startsWith(`${key}.`));
  const value = config.value(full);
  if (!inside || value?.kind !== 'object') {
    const near = nearest(key, [...sections, 'persistence', 'embedded', 'snapshot-store']);
    const hint =
      near === undefined ? `sections here are ${sections.join(', ')}` : `did you mean ${near}?`;
    const origin = config.originOf(full) ?? { file: undefined, line: undefined };
    const message = inside ? noObject(key, value) : `is not a known key; ${hint}`;
    problems.push({ path: full, ...origin, message });
    return;
  }
  for (const child of config.keys(full)) check(config, [...path, child], problems);
}
