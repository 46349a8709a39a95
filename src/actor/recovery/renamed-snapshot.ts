import type { Renaming } from '../evolution/renamed.ts';
import type { StoredChild, StoredMachine } from '../machine/machine-snapshot.ts';

/**
 * The state of a snapshot with the names of today for the children of the entity, and for whatever
 * stands for them. Names of states follow in `restore`, which knows the machine.
 */
export function renamedChildren(state: unknown, renaming: Renaming): unknown {
  if (typeof state !== 'object' || state === null) return state;
  const { children, gone, ...others } = withNewPaths(state, renaming) as Partial<StoredMachine>;
  const child = ({ id, src, end, ...stored }: StoredChild): StoredChild => ({
    ...stored,
    id: renaming.actorOf(id),
    src: renaming.sourceOf(src),
    ...(end !== undefined && { end: renaming.eventOf(end) }),
  });
  return {
    ...others,
    ...(children !== undefined && {
      children: Object.fromEntries(
        Object.entries(children).map(([key, stored]) => [renaming.actorOf(key), child(stored)]),
      ),
    }),
    ...(gone !== undefined && { gone: gone.map(child) }),
  };
}

/** What stands for an actor within the entity begins with the key of one of its children. */
function withNewPaths(json: unknown, renaming: Renaming): unknown {
  if (typeof json !== 'object' || json === null) return json;
  if (Array.isArray(json)) return json.map((item) => withNewPaths(item, renaming));
  const { $ } = json as { readonly $?: unknown };
  if (Array.isArray($) && $[0] === 'stand') {
    const [kind, stand] = $ as [string, { readonly path?: readonly string[] }];
    const [first, ...rest] = stand.path ?? [];
    if (first === undefined) return json;
    return { $: [kind, { path: [renaming.actorOf(first), ...rest] }] };
  }
  const members = Object.entries(json).map(([name, member]) => {
    return [name, withNewPaths(member, renaming)] as const;
  });
  return Object.fromEntries(members);
}
