import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { isAlive } from './process-end.ts';

/** Everything that servers write: data, logs, and what `up` remembers. Git ignores it. */
export const stackRoot = fileURLToPath(new URL('../../../.stack/', import.meta.url));

const ownerFile = 'owner';

/** Elsewhere, others have folders, too: ours begin with a name that no other repository takes. */
const digest = createHash('sha256').update(stackRoot).digest('hex').slice(0, 8);
const prefix = `kafka-journal-${digest}-`;

export interface StackFolder {
  readonly path: string;
  /** Programs that were copied for a server, if any; they go in any case. */
  readonly programs: string;
  /** Nobody removes it from now on but a person. */
  disown(): void;
  /** Data and logs stay, for a person. */
  keep(): void;
  remove(): void;
}

/** Makes a fresh folder for a server under `.stack`, and removes those whose owners crashed. */
export function openStackFolder(
  name: string,
  { detached, root = stackRoot }: { readonly detached: boolean; readonly root?: string },
): StackFolder {
  const start = root === stackRoot ? '' : prefix;
  mkdirSync(root, { recursive: true });
  removeAbandoned(root, start);
  const path = mkdtempSync(join(root, `${start}${name}-`));
  const owner = join(path, ownerFile);
  if (!detached) writeFileSync(owner, String(process.pid));
  const programs = join(path, 'programs');
  const disown = (): void => rmSync(owner, { force: true });
  return {
    path,
    programs,
    disown,
    keep() {
      disown();
      rmSync(programs, { recursive: true, force: true });
    },
    remove: () => rmSync(path, { recursive: true, force: true }),
  };
}

function removeAbandoned(root: string, start: string): void {
  for (const entry of readdirSync(root).filter((name) => name.startsWith(start))) {
    const owner = join(root, entry, ownerFile);
    if (!existsSync(owner)) continue;
    const pid = Number(readFileSync(owner, 'utf8'));
    if (!isAlive(pid)) rmSync(join(root, entry), { recursive: true, force: true });
  }
}
