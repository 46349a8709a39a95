import { optionalKafka, readKafka, spelling } from '../keys/kafka-key-spellings.ts';
import { nonEmptyText, oneOf, text } from '../kinds.ts';
import type { SettingReader } from '../setting-reader.ts';
import { noteUnused, readTrustedCertificates, type TlsSettings } from './tls-settings.ts';

/** The user that the client logs in as. */
export interface KafkaSasl {
  readonly mechanism: 'plain' | 'scram-sha-256' | 'scram-sha-512';
  readonly username: string;
  readonly password: string;
}

/** How a connection to Kafka is secured. */
export interface KafkaSecurity {
  readonly sasl: KafkaSasl | undefined;
  readonly tls: TlsSettings | undefined;
}

const protocol = oneOf('PLAINTEXT', 'SSL', 'SASL_PLAINTEXT', 'SASL_SSL');
const mechanism = oneOf('plain', 'scram-sha-256', 'scram-sha-512');
const keystoreKeys = ['location', 'key', 'certificate-chain', 'password', 'type'];

/** Reads TLS and SASL from a section of the Kafka client. */
export function readKafkaSecurity(reader: SettingReader): KafkaSecurity {
  const name = readKafka(reader, { name: 'security-protocol', kind: protocol });
  for (const key of [...keystoreKeys.map((rest) => `ssl-keystore-${rest}`), 'ssl-key-password']) {
    reader.refuse(
      spelling(reader, { name: key }),
      'client certificates are not supported; use SASL',
    );
  }
  const hasUser = name.startsWith('SASL');
  const credentials = readCredentials(reader, hasUser);
  const key = { name: 'sasl-mechanism', kind: mechanism } as const;
  if (!hasUser) {
    const usedWith = 'security-protocol = SASL_PLAINTEXT or SASL_SSL';
    for (const unused of [key.name, 'sasl-jaas-config']) {
      noteUnused(reader, spelling(reader, { name: unused }), usedWith);
    }
  }
  const sasl = hasUser ? { mechanism: readKafka(reader, key), ...credentials } : undefined;
  const tls = readTls(reader, name.endsWith('SSL'));
  return { sasl, tls };
}

function readTls(reader: SettingReader, used: boolean): TlsSettings | undefined {
  const type = optionalKafka(reader, {
    name: 'ssl-truststore-type',
    kind: oneOf('PEM', 'JKS', 'PKCS12'),
  });
  const keys = {
    certificates: spelling(reader, { name: 'ssl-truststore-certificates' }),
    location: spelling(reader, { name: 'ssl-truststore-location' }),
  };
  if (used && type !== undefined && type !== 'PEM') {
    const key = spelling(reader, { name: 'ssl-truststore-type' });
    reader.problem(
      key,
      `must be PEM, not ${type}: export the certificates with keytool -exportcert -rfc`,
    );
  }
  const usedWith = 'security-protocol = SSL or SASL_SSL';
  return readTrustedCertificates(reader, { ...keys, used, usedWith });
}

type Credentials = Pick<KafkaSasl, 'username' | 'password'>;

const noCredentials: Credentials = { username: '', password: '' };

function readCredentials(reader: SettingReader, used: boolean): Credentials {
  const key = spelling(reader, { name: 'sasl-jaas-config' });
  if (reader.config.value(key)?.kind === 'object') {
    const object = reader.section(key, 'kafka');
    return {
      username: object.read('username', nonEmptyText),
      password: object.read('password', text),
    };
  }
  const jaas = used ? reader.read(key, nonEmptyText) : reader.optional(key, text);
  if (!used || jaas === undefined) return noCredentials;
  const credentials = parseJaas(jaas);
  if (credentials === undefined)
    reader.problem(
      key,
      'must be { username, password }, or a Scram- or PlainLoginModule with username="…" password="…"',
    );
  return credentials ?? noCredentials;
}

/** The user of a JAAS entry: `…ScramLoginModule required username="u" password="p";`. */
export function parseJaas(entry: string): { username: string; password: string } | undefined {
  if (!/(?:^|\.)(?:Scram|Plain)LoginModule\s+required\b/.test(entry.trim())) return undefined;
  const username = jaasOption(entry, 'username');
  const password = jaasOption(entry, 'password');
  return username && password !== undefined ? { username, password } : undefined;
}

function jaasOption(entry: string, name: string): string | undefined {
  const match = new RegExp(
    `\\s${name}\\s*=\\s*(?:"((?:\\\\.|[^"\\\\])*)"|'([^']*)'|([^\\s;"']+))`,
  ).exec(entry);
  return match?.[1]?.replace(/\\(.)/g, '$1') ?? match?.[2] ?? match?.[3];
}
