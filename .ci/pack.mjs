// pack.mjs FILE: packs what `npm run build` made into FILE, as `npm publish` would.
import { execFileSync } from 'node:child_process';
import { mkdirSync, renameSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const [file] = process.argv.slice(2);
const root = fileURLToPath(new URL('..', import.meta.url));
const folder = dirname(file);
mkdirSync(folder, { recursive: true });
const args = ['pack', '--silent', '--ignore-scripts', '--pack-destination', folder];
const name = execFileSync('npm', args, { cwd: root, encoding: 'utf8' }).trim().split('\n').at(-1);
renameSync(join(folder, name), file);
