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

export interface StackFolder {
  readonly path: string;
  /** Nobody removes it from now on but a person. */
  disown(): void;
  remove(): void;
}

/** Makes a fresh folder for one stack, and removes those whose owners crashed. */
export function openStackFolder(
  name: string,
  { detached }: { readonly detached: boolean },
): StackFolder {
  mkdirSync(stackRoot, { recursive: true });
  removeAbandoned();
  const path = mkdtempSync(join(stackRoot, `${name}-`));
  const owner = join(path, ownerFile);
  if (!detached) writeFileSync(owner, String(process.pid));
  return {
    path,
    disown: () => rmSync(owner, { force: true }),
    remove: () => rmSync(path, { recursive: true, force: true }),
  };
}

function removeAbandoned(): void {
  for (const entry of readdirSync(stackRoot)) {
    const owner = join(stackRoot, entry, ownerFile);
    if (!existsSync(owner)) continue;
    const pid = Number(readFileSync(owner, 'utf8'));
    if (!isAlive(pid)) rmSync(join(stackRoot, entry), { recursive: true, force: true });
  }
}
