import { InvalidInputError } from '../../model/errors.ts';
import { shown } from '../../model/shown.ts';

/**
 * A validator as the Standard Schema specification has it (https://standardschema.dev): Zod,
 * Valibot, ArkType and others make such objects. One that answers with a promise is refused.
 */
export interface StandardSchema<Output = unknown> {
  readonly '~standard': {
    readonly version: 1;
    readonly vendor: string;
    readonly validate: (value: unknown) => SchemaResult<Output> | Promise<SchemaResult<Output>>;
  };
}

/** What a validator answers. */
export type SchemaResult<Output> =
  | { readonly value: Output; readonly issues?: undefined }
  | { readonly issues: readonly SchemaIssue[] };

/** What is wrong, and where. */
export interface SchemaIssue {
  readonly message: string;
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined;
}

/** Throws an `InvalidInputError` when the event is not valid. */
export type EventCheck = (event: unknown) => void;

/**
 * The value as the validator gives it back, with its defaults and conversions.
 *
 * @param name what stands before each path, such as `command`
 * @throws {InvalidInputError} all issues, each with its path; `path` is that of the first one
 */
export function validated(schema: StandardSchema, value: unknown, name: string): unknown {
  const result: unknown = schema['~standard'].validate(value);
  // Also one of another realm, or of a library: to go on would let everything pass.
  if (typeof Object(result).then === 'function') {
    Promise.resolve(result).catch(() => {});
    throw new InvalidInputError(`the schema of the ${name} answers with a promise: it must not`);
  }
  if (!isJudgement(result)) {
    const text = `the schema of the ${name} answers ${shown(result)}`;
    throw new InvalidInputError(`${text}, which has neither a "value" nor an array of "issues"`);
  }
  if (result.issues === undefined) return result.value;
  const issues = result.issues.map(({ message, path = [] }) => ({ message, at: at(name, path) }));
  const text = issues.map(({ message, at }) => `${at}: ${message}`).join('; ');
  throw new InvalidInputError(`the ${name} is not valid: ${text}`, { path: issues[0]?.at ?? name });
}

function isJudgement(result: unknown): result is SchemaResult<unknown> {
  if (typeof result !== 'object' || result === null) return false;
  const { issues } = result as { readonly issues?: unknown };
  return issues === undefined ? 'value' in result : Array.isArray(issues);
}

/** @throws {InvalidInputError} it is none */
export function checkSchema(schema: unknown, option: string): void {
  const standard = (schema as Partial<StandardSchema> | null)?.['~standard'];
  if (typeof standard?.validate === 'function') return;
  const text = `the option "${option}" must be a validator with the "~standard" interface`;
  throw new InvalidInputError(text);
}

function at(name: string, path: NonNullable<SchemaIssue['path']>): string {
  let place = name;
  for (const segment of path) {
    const key = typeof segment === 'object' ? segment.key : segment;
    if (typeof key === 'number') place += `[${key}]`;
    else if (/^[A-Za-z_$][\w$]*$/.test(String(key))) place += `.${String(key)}`;
    else place += `[${JSON.stringify(String(key))}]`;
  }
  return place;
}
