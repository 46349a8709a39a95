import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import type { Outcome } from '../../support/hocon-in-child.ts';

const child = fileURLToPath(new URL('../../support/hocon-in-child.ts', import.meta.url));

/** `count` pieces, or as many as make `bytes`. */
function many(count: number, piece: (index: number) => string, separator = '\n'): string {
  return Array.from({ length: count }, (_, index) => piece(index)).join(separator);
}

function filled(piece: (index: number) => string, separator = '\n', bytes = 400_000): string {
  const count = Math.ceil(bytes / (piece(50_000).length + separator.length));
  return many(count, piece, separator);
}

/** Texts of 400 kB, one for each thing that a text can have many of. */
const shapes: Readonly<Record<string, string>> = {
  'siblings under a dotted path': filled((i) => `a.b.k${i} = ${i}`),
  'siblings over a reference': `x.y = 1\na = \${x}\n${filled((i) => `a.k${i} = ${i}`)}`,
  'layers over a reference': `x.y = 1\na = \${x}\n${filled((i) => `a.k = \${x.y}, a.u${i} = \${x.y}`)}`,
  'an object opened again': filled((i) => `a { b { k${i} = 1 } }`),
  '+= of values': filled((i) => `a += ${i}`),
  '+= of references': `x = 1\n${filled(() => `z.a += \${x}`)}`,
  'references to the sibling before': `a.k0 = 1\n${filled((i) => `a.k${i + 1} = \${a.k${i}}`)}`,
  'references through a merge': `b.z = 1\nx = \${b}\nx.k0 = 1\n${filled((i) => `x.k${i + 1} = \${x.k${i}}`)}`,
  'values that a reference overrides': `x = 1\n${filled((i) => `k${i} = 1, k${i} = \${x}`)}`,
  'values that look back': filled((i) => `k${i} = 1, k${i} = \${k${i}}x`),
  'inherited objects': `d { a = 1, b = 2 }\n${filled((i) => `k${i} = \${d} { c = ${i} }`)}`,
  'a long list': `a = [${filled(() => '1', ',')}]`,
  'a list of references': `x = 1\na = [${filled(() => `\${x}`, ',')}]`,
  'a list of objects that look back': `x = 1\na = [${filled(() => `{a=1,a=\${x}}`, ',')}]`,
  'concatenated lists': `a = ${filled(() => '[1]', '')}`,
  'concatenated objects': `a = ${filled((i) => `{k${i}:1}`, '')}`,
  'concatenated references': `x = [1]\na = ${filled(() => `\${x}`, '')}`,
  'deep paths': filled((i) => `${'a.'.repeat(150)}k${i} = 1`),
  'references along deep paths': `${'a.'.repeat(150)}k = 1\n${filled((i) => `k${i} = \${${'a.'.repeat(150)}k}`)}`,
  'duplicate keys': filled((i) => `a = ${i}`),
  'duplicate objects and references': `x.c = 1\n${filled((i) => `a = {b=${i}}, a = \${x}`)}`,
  comments: `${filled(() => 'a = 1 // a comment')}\n${filled(() => '# a comment')}`,
  'CRLF line ends': filled((i) => `a.k${i} = ${i}`, '\r\n'),
  'a long string': `a = "${'x\\n'.repeat(120_000)}"`,
  'a long unquoted text': `a = ${'x/'.repeat(200_000)}`,
  'a long number': `a = ${'1'.repeat(400_000)}e`,
};

/** Small texts that ask for too much. */
const bombs: Readonly<Record<string, string>> = {
  'texts that double': `${many(60, (i) => `k${i} = \${k${i + 1}}\${k${i + 1}}`)}\nk60 = x`,
  'lists that double': `${many(60, (i) => `k${i} = \${k${i + 1}}\${k${i + 1}}`)}\nk60 = [x]`,
  'lists of lists': `${many(60, (i) => `k${i} = [\${k${i + 1}}, \${k${i + 1}}]`)}\nk60 = x`,
  'objects that double': `${many(60, (i) => `k${i} { x = \${k${i + 1}}, y = \${k${i + 1}} }`)}\nk60 = x`,
  'a text that doubles itself': `a = x\n${many(100, () => `a = \${a}\${a}`)}`,
  'a list that appends itself': `a = [x]\n${many(100, () => `a += \${a}`)}`,
  'a text that looks back 100,000 times': `a = x\n${many(100_000, () => `a = \${a}x`)}`,
  'a chain of references': `${many(100_000, (i) => `k${i} = \${k${i + 1}}`)}\nk100000 = 1`,
  'a chain of references through paths': `${many(50_000, (i) => `k${i} = \${k${i + 1}.a}`)}\nk50000.a = 1`,
  'a chain of merges': `${many(50_000, (i) => `k${i} = \${k${i + 1}}, k${i}.a = 1`)}\nk50000 {}`,
  'objects nested by references': `k0 = 1\n${many(50_000, (i) => `k${i + 1} { x = \${k${i}} }`)}`,
  'a long cycle': many(50_000, (i) => `k${i} = \${k${(i + 1) % 50_000}}`),
  'references to nothing that double': `${many(60, (i) => `k${i} = \${?k${i + 1}}\${?k${i + 1}}`)}`,
  'every reference to every other': many(30, (i) => `k${i} = ${many(30, (j) => `\${?k${j}}`, '')}`),
  'a wide object merged often': `d { ${many(1_000, (i) => `f${i} = 1`, ',')} }\n${many(20_000, (i) => `k${i} = \${d} { x = 1 }`)}`,
  'wide objects of objects merged often': `d { ${many(1_000, (i) => `f${i} { a = 1 }`, ',')} }\ne { ${many(1_000, (i) => `f${i} { b = 1 }`, ',')} }\n${many(20_000, (i) => `k${i} = \${d} \${e}`)}`,
  'a long list copied often': `d = [${many(10_000, () => '1', ',')}]\n${many(20_000, (i) => `k${i} = \${d} [2]`)}`,
  'texts longer by one each': `k0 = x\n${many(60_000, (i) => `k${i + 1} = \${k${i}}x`)}`,
  'lists inside each other': `a = ${'['.repeat(300_000)}`,
  'objects inside each other': 'a {'.repeat(300_000),
  'paths inside each other': many(200, () => `${'a.'.repeat(150)}a {`, ''),
  'substitutions inside each other': `a = ${`\${`.repeat(300_000)}`,
  'references to nothing': many(50_000, (i) => `k${i} = \${no${i}}`),
};

/** Files that include others; the first of each is parsed. */
const includes: Readonly<
  Record<string, (folder: (name: string, text: string) => string) => string>
> = {
  'a file that includes itself': (write) =>
    write('loop.conf', `${many(20_000, (i) => `k${i} = 1`)}\ninclude "loop"`),
  'files that include each other': (write) => {
    write('ping.conf', 'x { include "pong" }');
    return write('pong.conf', 'y { include "ping.conf" }');
  },
  'files that include the next one twice': (write) => {
    for (let i = 1; i < 45; i++) write(`t${i}.conf`, `include "t${i + 1}"\ninclude "t${i + 1}"`);
    write('t45.conf', `k = \${x}`);
    return write('t0.conf', 'include "t1"');
  },
  'files that have the next one twice': (write) => {
    for (let i = 1; i < 45; i++)
      write(`h${i}.conf`, `a { include "h${i + 1}" }, b { include "h${i + 1}" }`);
    write('h45.conf', 'k = 1');
    return write('h0.conf', 'include "h1"');
  },
  'a key of 100,000 elements': (write) => write('deep.properties', `${'a.'.repeat(100_000)}a = 1`),
  'JSON inside JSON': (write) => write('deep.json', `{"a":${'['.repeat(300_000)}`),
};

describe('the size of a HOCON text', () => {
  let folder = '';
  const write = (name: string, text: string): string => {
    writeFileSync(join(folder, name), text);
    return join(folder, name);
  };
  const parsed = (files: readonly string[], heapMb: number): readonly Outcome[] => {
    const args = [`--max-old-space-size=${heapMb}`, child, ...files];
    const { stdout, stderr } = spawnSync(process.execPath, args, {
      encoding: 'utf8',
      timeout: 280_000,
    });
    const lines = stdout.split('\n').filter((line) => line !== '');
    expect(lines, `${files[lines.length]} ended the process: ${stderr}`).to.have.lengthOf(
      files.length,
    );
    return lines.map((line) => JSON.parse(line) as Outcome);
  };

  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'hocon-'));
  });

  after(() => {
    rmSync(folder, { recursive: true });
  });

  it('costs time and memory in proportion: 400 kB of anything takes seconds and 100 MB at most', function () {
    this.timeout(300_000);
    const names = Object.keys(shapes);
    const included = write(
      'many.conf',
      filled(() => 'include "one"'),
    );
    write('one.conf', `k = \${?y}\nj = 1`);
    const properties = write(
      'many.properties',
      filled((i) => `a.b.k${i}=${i}`),
    );
    const files = names.map((name, i) => write(`shape${i}.conf`, shapes[name] ?? ''));
    const outcomes = parsed([...files, included, properties], 100);
    for (const [index, { cpuMs, ...outcome }] of outcomes.entries()) {
      const name = names[index] ?? 'files';
      expect(outcome, name).to.deep.equal({});
      // Quadratic behaviour takes longer by far; the bound leaves room for a busy machine.
      expect(cpuMs, name).to.be.below(4_000);
    }
  });

  it('is bounded: what asks for more than a machine has ends in a ConfigError with path and line', function () {
    this.timeout(300_000);
    const names = [...Object.keys(bombs), ...Object.keys(includes)];
    const files = Object.values(bombs).map((text, i) => write(`bomb${i}.conf`, text));
    const included = Object.values(includes).map((make) => make(write));
    const outcomes = parsed([...files, ...included], 200);
    for (const [index, { cpuMs, crash, problem }] of outcomes.entries()) {
      const name = names[index] ?? '';
      expect(crash, name).to.equal(undefined);
      expect(problem?.line, `${name}: ${problem?.message}`).to.be.a('number');
      if (index < files.length) expect(problem?.path, name).not.to.equal('(document)');
      expect(cpuMs, name).to.be.below(10_000);
    }
  });
});
