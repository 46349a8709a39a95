import { toPlain, type Value } from './hocon/values.ts';

/** Characters of a value shown in a message. */
const shownValueLength = 100;

const secretKey = /password|jaas|secret|token|ssl-keystore-key/;

/** The value of a key in a message, short; never a secret. */
export function shownValue(key: string, value: Value): string {
  if (secretKey.test(key)) return '***';
  const text = JSON.stringify(toPlain(value));
  return text.length > shownValueLength ? `${text.slice(0, shownValueLength)}…` : text;
}

/** What is wrong where a section should be. */
export function noObject(key: string, value: Value | undefined): string {
  const found = value === undefined ? ', and is missing' : `, not ${shownValue(key, value)}`;
  return `must be an object${found}`;
}
