import {
  AccessDeniedError,
  JournalError,
  LogUnavailableError,
  NotSetUpError,
  WriteRejectedError,
} from '../model/errors.ts';

/** What the failing call was about; names the right that a refusal lacks. */
export interface CallPlace {
  readonly address: string;
  readonly topic?: string | undefined;
  readonly group?: string | undefined;
  readonly right: 'READ' | 'WRITE' | 'DESCRIBE' | 'CREATE';
}

/** Kafka's error codes that a fetch answers with. */
export const fetchErrors = {
  offsetOutOfRange: 1,
  unknownTopic: 3,
  topicDenied: 29,
} as const;

/** The part of a driver error that says what happened; kafkajs wraps it in up to three others. */
interface DriverError {
  readonly name: string;
  readonly type?: string;
  readonly message: string;
}

/**
 * A driver error as one of ours (stack.md 4 has the table). What is not known is taken for a log
 * that did not answer, which may be tried again.
 */
export function journalErrorOf(error: unknown, place: CallPlace): JournalError {
  if (error instanceof JournalError) return error;
  const parts = chainOf(error);
  for (const part of parts) {
    const known = knownErrors[part.type ?? part.name];
    if (known !== undefined) return known(place, error, part);
  }
  const messages = new Set(parts.map(({ message }) => message));
  const text = messages.size === 0 ? String(error) : [...messages].join(': ');
  return new LogUnavailableError(`Kafka at ${place.address} did not answer: ${text}`, {
    cause: error,
  });
}

/** Kafka's name of the innermost protocol error, such as `MESSAGE_TOO_LARGE`. */
export function protocolErrorOf(error: unknown): string | undefined {
  return chainOf(error).find((part) => part.type !== undefined)?.type;
}

/** The first error of a class along the causes. */
export function causeOf<T extends Error>(
  error: unknown,
  type: abstract new (...parameters: never[]) => T,
): T | undefined {
  return chainOf(error).find((part) => part instanceof type) as T | undefined;
}

/** Names along the causes: which of kafkajs's errors it is. */
export function isDriverError(error: unknown, ...names: readonly string[]): boolean {
  return chainOf(error).some((part) => names.includes(part.name));
}

const maxDepth = 10;

function chainOf(error: unknown): DriverError[] {
  const parts: DriverError[] = [];
  let current = error;
  while (current instanceof Error && parts.length < maxDepth) {
    parts.push(current as DriverError);
    current = (current as { errors?: readonly unknown[] }).errors?.[0] ?? current.cause;
  }
  return parts;
}

type Known = (place: CallPlace, cause: unknown, part: DriverError) => JournalError;

const topicText = ({ topic }: CallPlace): string =>
  topic === undefined ? 'the topic' : `topic ${topic}`;

const denied =
  (text: (place: CallPlace) => string): Known =>
  (place, cause) =>
    new AccessDeniedError(`${text(place)} (Kafka at ${place.address})`, { cause });

const notSetUp =
  (text: (place: CallPlace) => string): Known =>
  (place, cause) =>
    new NotSetUpError(`${text(place)} (Kafka at ${place.address})`, { cause });

const rejected: Known = (place, cause, part) =>
  new WriteRejectedError(`Kafka refuses a record of ${topicText(place)}: ${part.message}`, {
    cause,
  });

const notSent: Known = (place, cause, part) =>
  new WriteRejectedError(
    `a record of ${topicText(place)} was not sent, and is not stored: ${part.message}`,
    { cause },
  );

const notCreated: Known = (place, cause, part) =>
  new NotSetUpError(`${topicText(place)} was not created: ${part.message}`, { cause });

const knownErrors: Readonly<Record<string, Known>> = {
  TOPIC_AUTHORIZATION_FAILED: denied(
    (place) => `this user has no right ${place.right} on ${topicText(place)}: grant it`,
  ),
  // An idempotent producer is refused so when the user may write no topic at all.
  CLUSTER_AUTHORIZATION_FAILED: denied((place) =>
    place.right === 'CREATE'
      ? `this user may not create ${topicText(place)}: grant CREATE`
      : `this user may not write to any topic: grant WRITE on ${topicText(place)}`,
  ),
  GROUP_AUTHORIZATION_FAILED: denied(
    ({ group, right }) => `this user may not use group ${group}: grant ${right} on the group`,
  ),
  KafkaJSSASLAuthenticationError: denied(() => 'user name or password are refused'),
  SASL_AUTHENTICATION_FAILED: denied(() => 'user name or password are refused'),
  UNSUPPORTED_SASL_MECHANISM: denied(() => 'the broker does not accept this SASL mechanism'),
  ILLEGAL_SASL_STATE: denied(() => 'the broker wants another way of authentication'),
  UNKNOWN_TOPIC_OR_PARTITION: notSetUp((place) => `${topicText(place)} does not exist`),
  INVALID_TOPIC_EXCEPTION: notSetUp((place) => `${topicText(place)} has a name that Kafka refuses`),
  INVALID_REPLICATION_FACTOR: notCreated,
  INVALID_PARTITIONS: notCreated,
  INVALID_CONFIG: notCreated,
  POLICY_VIOLATION: notCreated,
  INCONSISTENT_GROUP_PROTOCOL: notSetUp(
    ({ group }) =>
      `group ${group} has members with another assignor; ` +
      "all replicators of a topic are Node's or all are the JVM's",
  ),
  MESSAGE_TOO_LARGE: rejected,
  RECORD_LIST_TOO_LARGE: rejected,
  INVALID_RECORD: rejected,
  INVALID_TIMESTAMP: rejected,
  UNSUPPORTED_FOR_MESSAGE_FORMAT: rejected,
  UNSUPPORTED_COMPRESSION_TYPE: rejected,
  INVALID_REQUIRED_ACKS: rejected,
  MovedRecordsError: notSent,
};
