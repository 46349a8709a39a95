import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
} from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);
const javaMajor = 17;
const checkTimeoutMs = 20_000;
const downloadTimeoutMs = 300_000;
/** Of what Maven says when it fails. */
const saidCharacters = 2_000;

let checked: Promise<string | undefined> | undefined;

/** Why Java processes cannot serve here; `undefined` when they can. Looked up once. */
export function javaProblem(): Promise<string | undefined> {
  checked ??= findProblem();
  return checked;
}

async function findProblem(): Promise<string | undefined> {
  const found = await javaVersion();
  if (found === undefined) return 'no java on the PATH';
  // Cassandra 5.0 does not run on later ones.
  if (found !== javaMajor) return `java is version ${found}, ${javaMajor} is needed`;
  const cached = (['kafka', 'cassandra'] as const).every((name) => existsSync(jarFolder(name)));
  if (!cached && !(await answers('mvn', ['-version']))) return 'no mvn on the PATH';
  return undefined;
}

/** Class path of a server: its jars, sorted, fetched by Maven once per user and version. */
export async function classPath(name: 'kafka' | 'cassandra'): Promise<string> {
  const folder = jarFolder(name);
  if (!existsSync(folder)) await fetchInTurn(name, folder);
  const jars = readdirSync(folder).filter((file) => file.endsWith('.jar'));
  if (jars.length === 0) throw new Error(`${folder} holds no jars: remove it and try again`);
  return jars
    .sort()
    .map((jar) => join(folder, jar))
    .join(':');
}

/** The folder's name carries the pom's digest: another version or dependency is another folder. */
function jarFolder(name: string): string {
  const digest = createHash('sha256')
    .update(readFileSync(pomFile(name)))
    .digest('hex');
  const cache = process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache');
  return join(cache, 'kafka-journal', `${name}-${digest.slice(0, 12)}`);
}

function pomFile(name: string): string {
  return fileURLToPath(new URL(`${name}.pom.xml`, import.meta.url));
}

let fetching: Promise<void> = Promise.resolve();

/**
 * Two Mavens at once spoil what they download into the repository that they share, and several
 * stacks of one run want the same jars. So one fetch follows another, and finds what is there.
 */
function fetchInTurn(name: string, folder: string): Promise<void> {
  const fetched = fetching.then(async () => {
    if (!existsSync(folder)) await fetchJars(name, folder);
  });
  fetching = fetched.catch(() => {});
  return fetched;
}

/**
 * Copies into a folder of our own first, so that an interrupted download leaves nothing half done.
 */
async function fetchJars(name: string, folder: string): Promise<void> {
  mkdirSync(dirname(folder), { recursive: true });
  const partial = mkdtempSync(`${folder}.`);
  const goal = ['dependency:copy-dependencies', '-DincludeScope=runtime'];
  const args = ['-q', '-B', '-f', pomFile(name), ...goal, `-DoutputDirectory=${partial}`];
  try {
    await run('mvn', args, { timeout: downloadTimeoutMs });
    // Another process may have been faster.
    if (!existsSync(folder)) renameSync(partial, folder);
  } catch (cause) {
    const { stdout = '' } = cause as { readonly stdout?: string };
    const said = stdout.trim().slice(-saidCharacters);
    throw new Error(`Maven could not fetch the jars of ${name}: ${said}`, { cause });
  } finally {
    rmSync(partial, { recursive: true, force: true });
  }
}

async function javaVersion(): Promise<number | undefined> {
  try {
    const { stderr } = await run('java', ['-version'], { timeout: checkTimeoutMs });
    const major = /version "(?:1\.)?(\d+)/.exec(stderr)?.[1];
    return major === undefined ? undefined : Number(major);
  } catch {
    return undefined;
  }
}

async function answers(command: string, args: readonly string[]): Promise<boolean> {
  try {
    await run(command, args, { timeout: checkTimeoutMs });
    return true;
  } catch {
    return false;
  }
}
