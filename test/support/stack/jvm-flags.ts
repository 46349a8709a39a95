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

/** Compilers and collector of the JVM's own choice, as in production, and memory for the tables of a bench. */
const asInstalled = ['-Xms1g', '-Xmx3g'];

export function jvmFlags(profile: StackProfile): readonly string[] {
  return profile === 'bench' ? asInstalled : quickStart;
}
