import { join } from 'node:path';

/** A check by one command; its exit code decides. Counts as one test. */
export interface Tool {
  readonly name: string;
  /** Run one after the other; the first that fails ends the check. */
  readonly commands: readonly (readonly string[])[];
}

/**
 * Names the packed package for the suites that install it; where it is not set they pack their own.
 */
export const packageVariable = 'KAFKA_JOURNAL_TEST_PACKAGE';

/** Where the check `package` leaves the package. */
export function packageFile(root: string): string {
  return join(root, '.stack', 'package.tgz');
}

/** In an order in which the first failure says most. */
export function tools(root: string): readonly Tool[] {
  const bin = (name: string): string => join(root, 'node_modules', '.bin', name);
  const compiler = (version: string): readonly string[] => [
    process.execPath,
    join(root, 'node_modules', version, 'bin', 'tsc'),
  ];
  // The threads of one compiler do part of the work twice, and the levels beside it need the
  // processor.
  const tsc = [...compiler('typescript'), '--singleThreaded'];
  const types = join('test', 'types', 'package');
  // With exact optional properties xstate's own declarations do not compile, so no library is
  // checked there.
  const loose = ['--exactOptionalPropertyTypes', 'false', '--skipLibCheck', 'false'];
  const tarball = packageFile(root);
  return [
    { name: 'format and lint', commands: [[bin('biome'), 'check', '--error-on-warnings']] },
    { name: 'typecheck', commands: [[...tsc, '-p', '.']] },
    { name: 'lint types', commands: [[bin('oxlint')]] },
    { name: 'imports', commands: [['npm', 'run', '--silent', 'lint:imports']] },
    { name: 'dead code', commands: [['npm', 'run', '--silent', 'lint:unused']] },
    { name: 'build', commands: [['npm', 'run', '--silent', 'build']] },
    // As a program that uses the package: over its declarations, with both compilers.
    {
      name: 'types of the package',
      commands: [
        [...tsc, '-p', types],
        [...tsc, '-p', types, ...loose],
        [...compiler('typescript-5.9'), '-p', types],
      ],
    },
    {
      name: 'package',
      commands: [
        [process.execPath, '.ci/pack.mjs', tarball],
        [bin('publint'), tarball, '--strict'],
        [bin('attw'), tarball, '--profile', 'esm-only'],
      ],
    },
  ];
}
