import { isDeepStrictEqual } from 'node:util';
import type { ConfigProblem } from '../../model/errors.ts';
import { renderPath } from '../hocon/origin.ts';
import { pathOf } from '../hocon/parse/path.ts';
import { withFallback } from '../hocon/resolve/merge.ts';
import { type ObjectValue, objectOf, objectUnder, toPlain, type Value } from '../hocon/values.ts';

const canonicalRoot = ['akka', 'persistence'] as const;
const aliasRoot = ['pekko', 'persistence'] as const;

/** The defaults, also where an application with `pekko.persistence` may refer to them. */
export function withAliasDefaults(reference: ObjectValue, application: ObjectValue): ObjectValue {
  const defaults = at(reference, canonicalRoot);
  if (!application.fields.has(aliasRoot[0]) || defaults?.kind !== 'object') return reference;
  const tree = withFallback(reference, objectUnder(aliasRoot, defaults));
  return tree.kind === 'object' ? tree : reference;
}

/** The resolved tree without the defaults that were there to be referred to. */
export function withoutAliasDefaults(
  root: ObjectValue,
  reference: ObjectValue,
  isReferenceFile: IsReferenceFile,
): ObjectValue {
  const [top, name] = aliasRoot;
  const parent = at(root, [top]);
  const alias = at(root, aliasRoot);
  if (parent?.kind !== 'object' || alias === undefined) return root;
  const own = ownOf(alias, at(reference, canonicalRoot), isReferenceFile);
  const fields = new Map(parent.fields);
  fields.delete(name);
  if (own !== undefined) fields.set(name, own);
  return objectOf(new Map(root.fields).set(top, objectOf(fields, parent.origin)), root.origin);
}

/** What of a value is no default; `undefined` = nothing is. */
function ownOf(
  value: Value,
  defaults: Value | undefined,
  isReferenceFile: IsReferenceFile,
): Value | undefined {
  if (defaults === undefined) return value;
  if (value.kind !== 'object' || defaults.kind !== 'object') {
    const isDefault = isReferenceFile(value.origin.file);
    return isDefault && isDeepStrictEqual(toPlain(value), toPlain(defaults)) ? undefined : value;
  }
  const own = [...value.fields].flatMap(([key, field]) => {
    const found = ownOf(field, defaults.fields.get(key), isReferenceFile);
    return found === undefined ? [] : [[key, found] as const];
  });
  return own.length === 0 ? undefined : objectOf(new Map(own), value.origin);
}

type IsReferenceFile = (file: string | undefined) => boolean;

/**
 * The resolved tree with `pekko.persistence` laid over `akka.persistence`, which is what readers
 * ask for. A key that the user set in both must have one value.
 */
export function withPekkoAlias(
  root: ObjectValue,
  isReferenceFile: IsReferenceFile,
): { readonly tree: ObjectValue; readonly problems: readonly ConfigProblem[] } {
  const alias = at(root, aliasRoot);
  const canonical = at(root, canonicalRoot);
  if (alias?.kind !== 'object') return { tree: root, problems: [] };
  const problems: ConfigProblem[] = [];
  if (canonical !== undefined)
    collectConflicts(alias, canonical, { path: [], problems, isReferenceFile });
  const tree = withFallback(objectUnder(canonicalRoot, alias), root);
  return { tree: tree.kind === 'object' ? tree : root, problems };
}

/**
 * The path as the user wrote it: under `pekko.persistence` when its value is set there, or when it
 * is set nowhere and that is the section which the user has.
 */
export function writtenIn(
  root: ObjectValue,
  isReferenceFile: IsReferenceFile,
): (path: readonly string[]) => readonly string[] {
  const hasAlias = at(root, aliasRoot)?.kind === 'object';
  return (path) => {
    const [first, second, ...rest] = path;
    if (!hasAlias || first !== canonicalRoot[0] || second !== canonicalRoot[1]) return path;
    const alias = [...aliasRoot, ...rest];
    const canonical = at(root, path);
    const isSetHere = canonical !== undefined && !isReferenceFile(canonical.origin.file);
    return isSetHere && at(root, alias) === undefined ? path : alias;
  };
}

/**
 * The one spelling of a path that a value names: a section of `pekko.persistence` is the one of
 * `akka.persistence`, and quotes are only where a path needs them. What is no path stays as it is.
 */
export function canonicalPath(text: string): string {
  let path: readonly string[];
  try {
    path = pathOf(text);
  } catch {
    return text;
  }
  const isAlias = aliasRoot.every((name, index) => path[index] === name);
  return renderPath(isAlias ? [...canonicalRoot, ...path.slice(aliasRoot.length)] : path);
}

function at(root: ObjectValue, path: readonly string[]): Value | undefined {
  return path.reduce<Value | undefined>(
    (value, key) => (value?.kind === 'object' ? value.fields.get(key) : undefined),
    root,
  );
}

interface Comparison {
  readonly path: readonly string[];
  readonly problems: ConfigProblem[];
  readonly isReferenceFile: IsReferenceFile;
}

function collectConflicts(alias: Value, canonical: Value, comparison: Comparison): void {
  if (alias.kind === 'object' && canonical.kind === 'object') {
    for (const [key, value] of alias.fields) {
      const other = canonical.fields.get(key);
      const path = [...comparison.path, key];
      if (other !== undefined) collectConflicts(value, other, { ...comparison, path });
    }
    return;
  }
  if (comparison.isReferenceFile(canonical.origin.file)) return;
  if (isDeepStrictEqual(toPlain(alias), toPlain(canonical))) return;
  const other = renderPath([...canonicalRoot, ...comparison.path]);
  const message = `differs from ${other}, which means the same; set one of them`;
  comparison.problems.push({
    path: renderPath([...aliasRoot, ...comparison.path]),
    ...alias.origin,
    message,
  });
}
