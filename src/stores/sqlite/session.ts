import { closeSync, existsSync, openSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import type { DatabaseSync } from 'node:sqlite';
import { pathToFileURL } from 'node:url';
import {
  DataIntegrityError,
  InvalidInputError,
  JournalError,
  LogUnavailableError,
  StoreUnavailableError,
} from '../../model/errors.ts';

/** What SQLite binds and returns here; integers are always safe ones. */
export type SqlValue = null | number | string | Uint8Array;

/**
 * A prepared statement; `Row` names the columns that it selects. Its parameters are plain `?`: Node
 * 22 does not bind numbered ones.
 */
export interface Statement<Row = never> {
  run(...parameters: readonly SqlValue[]): unknown;
  get(...parameters: readonly SqlValue[]): Row | undefined;
  all(...parameters: readonly SqlValue[]): readonly Row[];
  /** Rows as arrays in the order of the columns: they cost a third less than objects. */
  setReturnArrays(enabled: boolean): void;
  /** Integers as `bigint`. */
  setReadBigInts(enabled: boolean): void;
}

/**
 * Reads rows; an integer that no `number` holds comes as a `bigint`, for the decoder to refuse by
 * name.
 */
export function allRows<Row extends object>(
  statement: Statement<Row>,
  ...parameters: readonly SqlValue[]
): readonly Row[] {
  try {
    return statement.all(...parameters);
  } catch (error) {
    if ((error as { code?: unknown }).code !== 'ERR_OUT_OF_RANGE') throw error;
    statement.setReadBigInts(true);
    try {
      return statement.all(...parameters).map(withNumbers);
    } finally {
      statement.setReadBigInts(false);
    }
  }
}

function withNumbers<Row extends object>(row: Row): Row {
  for (const name of Object.keys(row)) {
    const cell: unknown = Reflect.get(row, name);
    if (typeof cell !== 'bigint') continue;
    const value = Number(cell);
    if (Number.isSafeInteger(value)) Reflect.set(row, name, value);
  }
  return row;
}

/** One connection. It is synchronous: callers bound each stretch of work. */
export interface Database {
  exec(sql: string): void;
  prepare<Row = never>(sql: string): Statement<Row>;
  /** True between `BEGIN` and `COMMIT` or `ROLLBACK`. */
  readonly isTransaction: boolean;
  close(): void;
}

/** Longest time that one statement waits, with the process standing still, for another process. */
const busyWaitMs = 20;

/** Pages of the write-ahead log after which a commit moves them into the file. */
const checkpointPages = 1_000;
/** Of a new file: most group commits of one partition take one or two pages. */
const pageBytes = 8_192;
const cacheKib = 32_768;

/**
 * Opens `file`, or memory for `:memory:`, so that a commit has reached the disk when it returns.
 *
 * @throws {InvalidInputError} the file cannot be opened or is no SQLite database
 * @throws {StoreUnavailableError} another process has locked it
 */
export function openDatabase(file: string): Database {
  const sqlite = loadSqlite();
  let database: DatabaseSync | undefined;
  try {
    database = new sqlite.DatabaseSync(file);
    database.exec(`PRAGMA busy_timeout = ${busyWaitMs}`);
    database.exec(`PRAGMA page_size = ${pageBytes}`);
    database.exec('PRAGMA journal_mode = WAL');
    database.exec('PRAGMA synchronous = FULL');
    database.exec(`PRAGMA wal_autocheckpoint = ${checkpointPages}`);
    database.exec(`PRAGMA cache_size = -${cacheKib}`);
    return database as unknown as Database;
  } catch (error) {
    database?.close();
    if (isBusy(error)) throw storeFailure(error, `open ${file}`);
    throw cannotOpen(file, reasonOf(error, file));
  }
}

function cannotOpen(file: string, cause: unknown): InvalidInputError {
  const folder = dirname(file);
  const isLost = (cause as { code?: unknown }).code === 'ENOENT' && !existsSync(folder);
  const why = isFolder(file) ? ': it is a folder' : isLost ? `: there is no folder ${folder}` : '';
  return new InvalidInputError(`cannot open ${file} as a database${why}`, { cause });
}

function isFolder(file: string): boolean {
  try {
    return statSync(file).isDirectory();
  } catch {
    return false;
  }
}

/**
 * Whether there is such a file. A file that this process may not look for does not count as
 * missing.
 *
 * @throws {InvalidInputError} the system does not say
 */
export function isThere(file: string): boolean {
  try {
    return statSync(file, { throwIfNoEntry: false }) !== undefined;
  } catch (error) {
    throw cannotOpen(file, error);
  }
}

/** SQLite does not say why a file cannot be opened; the system does. */
function reasonOf(error: unknown, file: string): unknown {
  if (primaryCode(error) !== primaryCodes.cannotOpen) return error;
  try {
    closeSync(openSync(file, 'a'));
  } catch (reason) {
    return reason;
  }
  return error;
}

/**
 * Opens a file that is open already for writes that need not outlive the machine. No commit waits
 * for the disk, so it holds the lock of the file, for which all processes wait, for a moment only.
 * What other connections commit is as safe as ever.
 *
 * @throws as {@link openDatabase}
 */
export function openForShortLived(file: string): Database {
  const database = openDatabase(file);
  database.exec('PRAGMA synchronous = NORMAL');
  return database;
}

/**
 * Opens an existing file to look at it; nothing is written, beside the file neither. A connection
 * that may only read makes the files `-wal` and `-shm` when they are missing, as another user
 * perhaps, and nobody else could open the journal then. They are missing when no process has the
 * file open, and then it is read as one that nobody changes.
 *
 * @throws {InvalidInputError} the file cannot be opened
 */
export function openToRead(file: string): Database {
  const sqlite = loadSqlite();
  const url = pathToFileURL(resolve(file));
  if (!existsSync(`${file}-wal`)) url.searchParams.set('immutable', '1');
  try {
    const database = new sqlite.DatabaseSync(url, { readOnly: true, timeout: busyWaitMs });
    return database as unknown as Database;
  } catch (error) {
    throw cannotOpen(file, error);
  }
}

/**
 * SQLite goes on with a file that was deleted, moved or replaced: what it commits then is
 * acknowledged, and lost when the process ends. This answers a check to be made before each write,
 * that the file which `database` has open is still the one at its path. The check throws a
 * {@link DataIntegrityError}; for a database in memory it does nothing.
 */
export function fileCheck(database: Database): () => void {
  const files = database.prepare<{ name: string; file: string }>('PRAGMA database_list').all();
  const file = files.find(({ name }) => name === 'main')?.file ?? '';
  const opened = file === '' ? undefined : identityOf(file);
  if (opened === undefined) return () => {};
  return () => {
    const found = identityOf(file);
    if (found === undefined || found === opened) return;
    const text = `${file} was deleted, moved or replaced while this process had it open`;
    const advice = 'put the file back and restart the process';
    throw new DataIntegrityError(`${text}, so nothing more is written: ${advice}`);
  };
}

/** Names the file at a path, whatever it holds; `undefined` when the system does not say. */
function identityOf(file: string): string | undefined {
  try {
    const found = statSync(file, { bigint: true, throwIfNoEntry: false });
    return found === undefined ? 'missing' : `${found.dev}:${found.ino}`;
  } catch {
    return undefined;
  }
}

/**
 * Node 22 prints an `ExperimentalWarning` when `node:sqlite` is loaded. Only that warning is
 * dropped, and only during this one synchronous load (ADR 18).
 */
function loadSqlite(): typeof import('node:sqlite') {
  const emitWarning: typeof process.emitWarning = Reflect.get(process, 'emitWarning');
  process.emitWarning = (warning: string | Error, ...rest: unknown[]): void => {
    if (!String(warning).includes('SQLite'))
      Reflect.apply(emitWarning, process, [warning, ...rest]);
  };
  try {
    return process.getBuiltinModule('node:sqlite');
  } finally {
    process.emitWarning = emitWarning;
  }
}

const primaryCodes = { busy: 5, locked: 6, corrupt: 11, cannotOpen: 14, notADatabase: 26 } as const;

/** The primary result code of SQLite; `undefined` when the error is not SQLite's. */
function primaryCode(error: unknown): number | undefined {
  const code = (error as { errcode?: unknown } | undefined)?.errcode;
  return typeof code === 'number' ? code & 0xff : undefined;
}

/** Another process holds the lock; nothing was done. */
export function isBusy(error: unknown): boolean {
  const code = primaryCode(error);
  return code === primaryCodes.busy || code === primaryCodes.locked;
}

/** An error of the store or of the log; `what` completes "cannot …". */
export type FailureOf = (error: unknown, what: string) => JournalError;

/** What a failed statement of the store is for its caller. */
export const storeFailure: FailureOf = (error, what) =>
  knownFailure(error, what) ?? new StoreUnavailableError(`SQLite cannot ${what}`, { cause: error });

/** What a failed statement of the log is for its caller. */
export const logFailure: FailureOf = (error, what) =>
  knownFailure(error, what) ?? new LogUnavailableError(`SQLite cannot ${what}`, { cause: error });

function knownFailure(error: unknown, what: string): JournalError | undefined {
  if (error instanceof JournalError) return error;
  const code = primaryCode(error);
  const isDamaged = code === primaryCodes.corrupt || code === primaryCodes.notADatabase;
  return isDamaged ? new DataIntegrityError(`SQLite cannot ${what}`, { cause: error }) : undefined;
}

/** Runs a read; what SQLite throws becomes an error of ours. */
export function readOr<T>(failureOf: FailureOf, what: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw failureOf(error, what);
  }
}
