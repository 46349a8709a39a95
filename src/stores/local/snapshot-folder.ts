import { createHash, randomUUID } from 'node:crypto';
import { mkdir, open, readdir, readFile, rename, rm, rmdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { SeqNr } from '../../model/seq-nr.ts';
import type { PersistenceId } from '../../ports/journal-plugin.ts';

/** Characters of an id that a folder shows, for people. */
const shownLength = 40;
const fileName = /^(\d{16})\.snapshot$/;
const temporaryEnding = '.tmp';
/** Another process may remove the empty folder each time, just after this one has made it. */
const makeAttempts = 10;

/** A snapshot's file as its name says it. */
export interface SnapshotFile {
  readonly seqNr: number;
  readonly path: string;
}

/**
 * The files of one entity's snapshots (docs/format.md#snapshots). A file is there whole or not
 * at all: it is written under another name, reaches the disk, and only then gets its own. Every
 * method rejects with the error of the file system.
 */
export class SnapshotFolder {
  readonly #path: string;

  constructor(dir: string, id: PersistenceId) {
    // The digest tells ids apart where a file system does not: by case, by what it cannot hold, by
    // what it cuts off.
    const digest = createHash('sha256').update(id).digest('hex');
    const shown = id.slice(0, shownLength).replaceAll(/[^A-Za-z0-9_-]/g, '_');
    this.#path = join(dir, `${shown}-${digest}`);
  }

  pathOf(seqNr: number): string {
    return join(this.#path, `${String(seqNr).padStart(16, '0')}.snapshot`);
  }

  /**
   * Highest number first; none when there is no folder.
   *
   * @throws the error of the file system
   */
  async list(): Promise<readonly SnapshotFile[]> {
    const files = (await this.#names()).flatMap((name) => {
      const [, seqNr] = fileName.exec(name) ?? [];
      return seqNr === undefined ? [] : [{ seqNr: Number(seqNr), path: join(this.#path, name) }];
    });
    return files.sort((a, b) => b.seqNr - a.seqNr);
  }

  /**
   * `undefined` = somebody has removed it meanwhile.
   *
   * @throws the error of the file system
   */
  async read(path: string): Promise<Buffer | undefined> {
    try {
      return await readFile(path);
    } catch (error) {
      return ifCode(error, 'ENOENT', undefined);
    }
  }

  /**
   * Replaces the file of that number.
   *
   * @param signal once it has fired the file is not replaced any more
   * @throws the error of the file system; the file may be replaced
   * @throws the abort reason when `signal` has fired before
   */
  async write(seqNr: SeqNr, bytes: Uint8Array, signal: AbortSignal | undefined): Promise<void> {
    const temporary = join(this.#path, `${randomUUID()}${temporaryEnding}`);
    try {
      await this.#writeWhole(temporary, bytes);
      signal?.throwIfAborted();
      await rename(temporary, this.pathOf(seqNr));
    } catch (error) {
      await rm(temporary, { force: true });
      throw error;
    }
    await reachDisk(this.#path);
  }

  /**
   * Removes files of snapshots; with the last one the folder. Those that are gone do not matter.
   *
   * @throws the error of the file system; some may be removed
   */
  async remove(paths: readonly string[]): Promise<void> {
    for (const path of paths) await rm(path, { force: true });
    if (paths.length > 0) await reachDisk(this.#path);
    try {
      await rmdir(this.#path);
    } catch (error) {
      const others = ['ENOENT', 'ENOTEMPTY', 'EEXIST'];
      return ifCode(error, others.find((code) => isCode(error, code)) ?? '', undefined);
    }
    await reachDisk(dirname(this.#path));
  }

  /**
   * Removes what a process that was killed has left of a file. Nobody else writes here: one process
   * at a time has the entity, and saves one snapshot after the other.
   *
   * @throws the error of the file system
   */
  async removeLeftovers(): Promise<void> {
    for (const name of await this.#names()) {
      if (name.endsWith(temporaryEnding)) await rm(join(this.#path, name), { force: true });
    }
  }

  async #names(): Promise<readonly string[]> {
    try {
      return await readdir(this.#path);
    } catch (error) {
      return ifCode(error, 'ENOENT', []);
    }
  }

  async #writeWhole(path: string, bytes: Uint8Array): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      const isNew = (await mkdir(this.#path, { recursive: true })) !== undefined;
      if (isNew) await reachDisk(dirname(this.#path));
      try {
        await writeFile(path, bytes, { flag: 'wx', flush: true });
        return;
      } catch (error) {
        if (!isCode(error, 'ENOENT') || attempt === makeAttempts) throw error;
      }
    }
  }
}

/**
 * What was created, renamed or removed in a folder outlives the machine from then on.
 *
 * @throws the error of the file system
 */
export async function reachDisk(folder: string): Promise<void> {
  try {
    const handle = await open(folder, 'r');
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
  } catch (error) {
    // Windows opens no folders; and with the folder its files are gone.
    if (!['EISDIR', 'EPERM', 'EACCES', 'ENOENT', 'EINVAL'].some((code) => isCode(error, code))) {
      throw error;
    }
  }
}

function isCode(error: unknown, code: string): boolean {
  return (error as { code?: unknown } | undefined)?.code === code;
}

function ifCode<T>(error: unknown, code: string, value: T): T {
  if (isCode(error, code)) return value;
  throw error;
}
