/** Begins a pattern that stands for the instances of a class. */
export const classPrefix = 'class:';

/** Why a pattern can stand for no event; `undefined` = it is one. */
export function patternFault(pattern: string): string | undefined {
  const isClass = pattern.startsWith(classPrefix);
  const name = isClass ? pattern.slice(classPrefix.length) : pattern;
  if (name.trim() !== '') return undefined;
  const what = isClass ? 'names no class' : 'is blank';
  return `binds ${JSON.stringify(pattern)}, which ${what}: it must be the type of an event, "prefix.*", "class:Name" or "*"`;
}
