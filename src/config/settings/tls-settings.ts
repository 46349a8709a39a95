import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { text } from '../kinds.ts';
import type { SettingReader } from '../setting-reader.ts';

const certificate = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

/** An encrypted connection, and whom it trusts. */
export interface TlsSettings {
  /** PEM texts of the certificate authorities to trust; empty = those of Node. */
  readonly ca: readonly string[];
}

/** Under which keys a section names the certificates that it trusts. */
export interface TruststoreKeys {
  /** Key of PEM text. */
  readonly certificates: string;
  /** Key of the path of a PEM file. */
  readonly location: string;
  /** TLS is on; else the keys are only known, and noted where they are set. */
  readonly used: boolean;
  /** What turns it on, for the note. */
  readonly usedWith: string;
}

/** The certificate authorities to trust: PEM text wins over a PEM file; neither = those of Node. */
export function readTrustedCertificates(
  reader: SettingReader,
  keys: TruststoreKeys,
): TlsSettings | undefined {
  const written = reader.optional(keys.certificates, text);
  const location = reader.optional(keys.location, text);
  if (!keys.used) {
    for (const key of [keys.certificates, keys.location]) noteUnused(reader, key, keys.usedWith);
    return undefined;
  }
  if (written !== undefined) return { ca: certificatesIn(reader, keys.certificates, written) };
  if (location === undefined) return { ca: [] };
  const content = readNear(reader.config.originOf(keys.location)?.file, location);
  if (content === undefined)
    reader.problem(keys.location, `must be a file that can be read, not ${location}`);
  return { ca: content === undefined ? [] : certificatesIn(reader, keys.location, content) };
}

/** Who sets it may believe that the connection is secured. */
export function noteUnused(reader: SettingReader, key: string, usedWith: string): void {
  if (reader.has(key)) reader.note(key, `counts only with ${usedWith}`);
}

function certificatesIn(reader: SettingReader, key: string, pem: string): readonly string[] {
  const found = pem.match(certificate) ?? [];
  if (found.length === 0)
    reader.problem(key, 'must hold certificates in PEM form (-----BEGIN CERTIFICATE-----)');
  return found;
}

/** Relative to the working directory, as on the JVM, else to the file that names it. */
export function readNear(file: string | undefined, location: string): string | undefined {
  const folders = ['.', ...(file === undefined ? [] : [dirname(file)])];
  for (const folder of folders) {
    try {
      return readFileSync(resolve(folder, location), 'utf8');
    } catch {
      // Whether any of them can be read is what the caller reports.
    }
  }
  return undefined;
}
