// complete-lock.mjs: adds to package-lock.json the packages for other systems that npm left out.
//
// npm leaves out an optional package that its registry does not offer, and `npm ci` then refuses the
// whole lock. What is added holds what the parent says (name and exact version) and what the name
// says (system and processor), so that npm passes it over on this system and fetches it on its own.
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const systems = {
  aix: 'aix',
  android: 'android',
  darwin: 'darwin',
  freebsd: 'freebsd',
  linux: 'linux',
  netbsd: 'netbsd',
  openbsd: 'openbsd',
  openharmony: 'openharmony',
  sunos: 'sunos',
  win32: 'win32',
};
const processors = ['arm64', 'arm', 'ia32', 'loong64', 'ppc64', 'riscv64', 's390x', 'x64'];
const libraries = { musl: 'musl', gnu: 'glibc' };

const file = fileURLToPath(new URL('../package-lock.json', import.meta.url));
const lock = JSON.parse(readFileSync(file, 'utf8'));
const missing = missingPackages(lock.packages);
for (const { path, entry } of missing) lock.packages[path] = entry;
lock.packages = sorted(lock.packages);
writeFileSync(file, `${JSON.stringify(lock, null, 2)}\n`);
console.log(`${missing.length} packages for other systems added`);

function missingPackages(packages) {
  const found = [];
  for (const [parent, { optionalDependencies = {}, dev }] of Object.entries(packages)) {
    for (const [name, version] of Object.entries(optionalDependencies)) {
      if (resolves(packages, { parent, name })) continue;
      const place = { version, optional: true, ...platform(name), ...(dev ? { dev } : {}) };
      found.push({ path: `node_modules/${name}`, entry: place });
    }
  }
  return found;
}

/** Looks for a package as Node does: in the parent's own folder, then in each folder above. */
function resolves(packages, { parent, name }) {
  for (
    let folder = parent;
    ;
    folder = folder.slice(0, Math.max(0, folder.lastIndexOf('/node_modules/')))
  ) {
    const path = folder === '' ? `node_modules/${name}` : `${folder}/node_modules/${name}`;
    if (path in packages) return true;
    if (folder === '') return false;
  }
}

function platform(name) {
  const words = name.split(/[^a-z0-9]+/);
  const os = words.map((word) => systems[word]).filter(Boolean);
  const cpu = processors.filter((processor) => words.some((word) => word === processor));
  if (os.length !== 1 || cpu.length !== 1)
    throw new Error(`${name} names no system: add it by hand`);
  const libc = Object.entries(libraries).find(([word]) => name.includes(word))?.[1];
  return { os, cpu, ...(libc === undefined ? {} : { libc: [libc] }) };
}

function sorted(packages) {
  const byPath = ([a], [b]) => a.localeCompare(b, 'en');
  return Object.fromEntries(Object.entries(packages).sort(byPath));
}
