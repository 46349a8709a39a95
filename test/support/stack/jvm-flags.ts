import type { StackProfile } from './stack.ts';

/** Half the usual start: one compiler, one collector, a heap that tests fit in. */
const quickStart = [
  '-Xms64m',
  '-Xmx256m',
  '-Xss256k',
  '-XX:+UseSerialGC',
  '-XX:TieredStopAtLevel=1',
  '-XX:-UsePerfData',
];

/**
 * Compilers and collector of the JVM's own choice, as in production, and memory for the tables of a
 * bench.
 */
const asInstalled = ['-Xms1g', '-Xmx3g'];

export function jvmFlags(profile: StackProfile): readonly string[] {
  return profile === 'bench' ? asInstalled : quickStart;
}

/**
 * Servers that are measured share the first processor and leave the others to what is measured.
 * Their threads wake each other all the time: across processors that costs many times their work,
 * and on a machine with two of them there is little left for anything else.
 */
export function serverCommand(
  profile: StackProfile,
  command: readonly string[],
): readonly string[] {
  const isPinned = profile === 'bench' && process.platform === 'linux';
  return isPinned ? ['taskset', '--cpu-list', '0', ...command] : command;
}
