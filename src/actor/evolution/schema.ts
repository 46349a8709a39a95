import { InvalidInputError } from '../../model/errors.ts';

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
  const result = schema['~standard'].validate(value);
  // Also one of another realm, or of a library: to go on would let everything pass.
  if (typeof (result as Partial<Promise<unknown>>).then === 'function') {
    Promise.resolve(result).catch(() => {});
    throw new InvalidInputError(`the schema of the ${name} answers with a promise: it must not`);
  }
  const judged = result as SchemaResult<unknown>;
  if (judged.issues === undefined) return judged.value;
  const issues = judged.issues.map(({ message, path = [] }) => ({ message, at: at(name, path) }));
  const text = issues.map(({ message, at }) => `${at}: ${message}`).join('; ');
  throw new InvalidInputError(`the ${name} is not valid: ${text}`, { path: issues[0]?.at ?? name });
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
