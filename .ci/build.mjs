// Compiles the package into dist: JavaScript, types, and the configuration files beside them.
import { execFileSync } from 'node:child_process';
import { chmodSync, cpSync, existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const dist = join(root, 'dist');

rmSync(dist, { recursive: true, force: true });
const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
execFileSync(process.execPath, [tsc, '-p', 'tsconfig.build.json'], { cwd: root, stdio: 'inherit' });
// `dist/src/config` finds them as `src/config` does: two folders up.
cpSync(join(root, 'plugin-config'), join(dist, 'plugin-config'), { recursive: true });
const command = join(dist, 'src', 'cli', 'main.js');
if (existsSync(command)) chmodSync(command, 0o755);
