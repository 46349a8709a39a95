import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';

/** Beside the sources and ignored by git, so that a failed run leaves its files where one looks. */
const folder = join(import.meta.dirname, '../../../../.test-data');

/** A path for a database in a folder of its own, which is removed on dispose. */
export async function temporaryFile(): Promise<AsyncDisposable & { readonly file: string }> {
  await mkdir(folder, { recursive: true });
  const own = await mkdtemp(join(folder, 'sqlite-'));
  return {
    file: join(own, 'journal.db'),
    [Symbol.asyncDispose]: () => rm(own, { recursive: true, force: true }),
  };
}
