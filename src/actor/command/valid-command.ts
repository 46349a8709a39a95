import type { EventObject } from 'xstate';
import { InvalidInputError } from '../../model/errors.ts';
import { eventFault } from '../entity/check-input.ts';
import { type StandardSchema, validated } from '../evolution/schema.ts';

/**
 * The command as the schema of the user gives it back; without a schema as it is.
 *
 * @throws {InvalidInputError} what its validator says, or makes of it, is no command
 */
export function validCommand(
  schema: StandardSchema | undefined,
  command: EventObject,
): EventObject {
  if (schema === undefined) return command;
  const value = validated(schema, command, 'command');
  const fault = eventFault(value);
  if (fault === undefined) return value as EventObject;
  throw new InvalidInputError(`what the schema of the command gives back ${fault}`);
}
