import { parseFile } from '../../src/config/hocon/parse/parse-file.ts';
import { resolveConfig } from '../../src/config/hocon/resolve/resolver.ts';
import { toPlain } from '../../src/config/hocon/values.ts';
import { ConfigError } from '../../src/model/errors.ts';

/**
 * A program of its own, so that its heap can have a limit: parses and resolves the files that its
 * arguments name, and prints an outcome a line, in that order.
 */
export interface Outcome {
  readonly cpuMs: number;
  /** Absent when the file is all right; `undefined` line or path where the problem names none. */
  readonly problem?: { readonly path: string; readonly line?: number; readonly message: string };
  /** Anything but a ConfigError. */
  readonly crash?: string;
}

function outcomeOf(file: string): Omit<Outcome, 'cpuMs'> {
  try {
    const tree = parseFile(file);
    if (tree === undefined) return { crash: 'there is no such file' };
    toPlain(resolveConfig(tree));
    return {};
  } catch (error) {
    const problem = error instanceof ConfigError ? error.problems[0] : undefined;
    if (problem === undefined) return { crash: String(error) };
    const { path, line, message } = problem;
    return { problem: { path, message, ...(line === undefined ? {} : { line }) } };
  }
}

for (const file of process.argv.slice(2)) {
  const before = process.cpuUsage();
  const outcome = outcomeOf(file);
  const { user, system } = process.cpuUsage(before);
  console.log(JSON.stringify({ ...outcome, cpuMs: Math.round((user + system) / 1_000) }));
}
