import { missingText } from './opened-stack.ts';
import { type Stack, serverNames, serverVariables } from './stack.ts';

/** The environment of suites that share a stack. */
export function stackEnvironment(stack: Stack): Record<string, string> {
  const isMissing = (name: string) => stack.missing.some((missing) => missing.name === name);
  const there = serverNames.filter((name) => !isMissing(name));
  return {
    ...Object.fromEntries(there.map((name) => [serverVariables[name], stack[name].address])),
    ...Object.assign(
      {},
      ...stack.missing.map((missing) =>
        withReason(serverVariables[missing.name], missingText(missing)),
      ),
    ),
  };
}

/** Says in the environment why a variable has no value, whatever it was outside. */
export function withReason(variable: string, reason: string): Record<string, string> {
  return { [variable]: '', [`${variable}_MISSING`]: reason };
}

/**
 * What the environment says under this name. There is no default: a green run without a server
 * proves nothing.
 *
 * @throws why the server is missing
 */
export function requireVariable(variable: string): string {
  const value = process.env[variable]?.trim();
  if (value) return value;
  throw new Error(process.env[`${variable}_MISSING`] || `${variable} is not set`);
}
