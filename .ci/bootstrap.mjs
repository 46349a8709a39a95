// bootstrap.mjs SCRIPT ARGS...: runs a TypeScript file of this repository under its own Node.
//
// Plain JavaScript for Node 20 and later, without packages: it is what runs on a fresh clone. It
// installs the locked packages when they are missing or stale, and then hands over to the Node 24
// that came with them. The exit code and signals of both processes are the same.
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, lstatSync, readFileSync } from 'node:fs';
import { constants } from 'node:os';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const oldestNode = [22, 18];
const parentPollMs = 250;
const root = fileURLToPath(new URL('..', import.meta.url));
const modules = join(root, 'node_modules');

const [script, ...args] = process.argv.slice(2);
if (script === undefined) fail('usage: node .ci/bootstrap.mjs SCRIPT [ARGUMENT...]');
if (!isInstalled()) install();
runScript(pickNode(), join(root, script), args);

/** True when node_modules holds what package-lock.json names: same packages, same versions. */
function isInstalled() {
  const installed = readPackages(join(modules, '.package-lock.json'));
  if (installed === undefined) return false;
  const locked = readPackages(join(root, 'package-lock.json')) ?? {};
  const paths = Object.keys(locked).filter((path) => path !== '');
  const isCurrent = (path) =>
    installed[path] === undefined
      ? locked[path].optional === true || locked[path].devOptional === true
      : installed[path].version === locked[path].version;
  return paths.every(isCurrent) && Object.keys(installed).every((path) => path in locked);
}

function readPackages(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8')).packages;
  } catch {
    return undefined;
  }
}

function install() {
  // npm would empty the folder that the link names, which other checkouts use as well.
  if (lstatSync(modules, { throwIfNoEntry: false })?.isSymbolicLink()) {
    fail('node_modules is a link, and its packages are not those of package-lock.json');
  }
  console.error('Installing the locked packages (npm ci) ...');
  const npm = process.env.npm_execpath;
  const [command, ...before] = npm === undefined ? ['npm'] : [process.execPath, npm];
  const result = spawnSync(
    command,
    [...before, 'ci', '--no-audit', '--no-fund', '--loglevel=error'],
    {
      cwd: root,
      stdio: ['ignore', 2, 2],
    },
  );
  if (result.status !== 0) fail('npm ci failed; its messages are above', result.status ?? 1);
}

/** The Node that the packages brought; where its install script was not allowed, a recent own one. */
function pickNode() {
  const brought = join(modules, 'node', 'bin', 'node');
  if (existsSync(brought)) return brought;
  const [major, minor] = process.versions.node.split('.').map(Number);
  const [oldestMajor, oldestMinor] = oldestNode;
  if (major > oldestMajor || (major === oldestMajor && minor >= oldestMinor)) {
    return process.execPath;
  }
  return fail(
    `node_modules/node has no binary and this is Node ${process.versions.node}: ` +
      `allow the install script of the package "node", or use Node ${oldestNode.join('.')} or later`,
  );
}

function runScript(node, file, args) {
  if (!existsSync(file)) fail(`${file} does not exist`);
  const child = spawn(node, [file, ...args], {
    stdio: 'inherit',
    env: {
      ...process.env,
      PATH: [join(modules, '.bin'), process.env.PATH ?? ''].join(delimiter),
      NODE_OPTIONS: withFlag(process.env.NODE_OPTIONS, '--disable-warning=ExperimentalWarning'),
    },
  });
  // A terminal sends Ctrl-C to both processes; a second one from here would look like impatience.
  process.on('SIGINT', () => process.stdin.isTTY || child.kill('SIGINT'));
  process.on('SIGTERM', () => child.kill('SIGTERM'));
  endWithNpm(() => child.kill('SIGTERM'));
  child.on('error', (error) => fail(`cannot start ${node}: ${error.message}`));
  child.on('exit', (code, signal) => {
    process.exitCode = signal === null ? code : 128 + constants.signals[signal];
  });
}

/** npm's shell dies of a signal without passing it on; our parent is another process then. */
function endWithNpm(end) {
  if (process.env.npm_lifecycle_event === undefined) return;
  const parent = process.ppid;
  const timer = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(timer);
    end();
  }, parentPollMs);
  timer.unref();
}

function withFlag(options, flag) {
  return options?.includes(flag) ? options : [options, flag].filter(Boolean).join(' ');
}

function fail(message, code = 1) {
  console.error(message);
  process.exit(code);
}
