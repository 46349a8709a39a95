import { generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto';

/** PEM texts. */
export interface IssuedCertificate {
  readonly certificate: string;
  readonly key: string;
}

/** An authority that signs certificates for 127.0.0.1 and localhost. */
export interface CertificateAuthority {
  /** PEM text. */
  readonly ca: string;
  issue(): IssuedCertificate;
}

/** A new authority, with a name of its own. */
export function newAuthority(name: string): CertificateAuthority {
  const keys = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const issuer = { name, key: keys.privateKey };
  const isAuthority = extension([0x55, 0x1d, 0x13], sequence(tagged(0x01, Buffer.from([0xff]))));
  return {
    ca: certificateOf(issuer, name, keys.publicKey, isAuthority),
    issue() {
      const own = generateKeyPairSync('ec', { namedCurve: 'P-256' });
      const hosts = extension(
        [0x55, 0x1d, 0x11],
        sequence(tagged(0x87, Buffer.from([127, 0, 0, 1])), tagged(0x82, Buffer.from('localhost'))),
      );
      return {
        certificate: certificateOf(issuer, `${name} member`, own.publicKey, hosts),
        key: own.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
      };
    },
  };
}

interface Issuer {
  readonly name: string;
  readonly key: KeyObject;
}

/** RFC 5280, 4.1. */
function certificateOf(issuer: Issuer, name: string, key: KeyObject, extensions: Buffer): string {
  const ecdsaWithSha256 = sequence(oid([0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02]));
  const content = sequence(
    tagged(0xa0, integer(Buffer.from([2]))),
    integer(Buffer.concat([Buffer.from([1]), randomBytes(8)])),
    ecdsaWithSha256,
    nameOf(issuer.name),
    sequence(
      tagged(0x17, Buffer.from('200101000000Z')),
      tagged(0x17, Buffer.from('491231000000Z')),
    ),
    nameOf(name),
    key.export({ type: 'spki', format: 'der' }),
    tagged(0xa3, sequence(extensions)),
  );
  const signature = sign('sha256', content, issuer.key);
  const der = sequence(content, ecdsaWithSha256, tagged(0x03, Buffer.from([0]), signature));
  const lines = der.toString('base64').replace(/.{64}/g, '$&\n');
  return `-----BEGIN CERTIFICATE-----\n${lines}\n-----END CERTIFICATE-----\n`;
}

function nameOf(commonName: string): Buffer {
  const attribute = sequence(oid([0x55, 0x04, 0x03]), tagged(0x0c, Buffer.from(commonName)));
  return sequence(tagged(0x31, attribute));
}

function extension(id: readonly number[], value: Buffer): Buffer {
  return sequence(oid(id), tagged(0x04, value));
}

const oid = (bytes: readonly number[]): Buffer => tagged(0x06, Buffer.from(bytes));
const integer = (bytes: Buffer): Buffer => tagged(0x02, bytes);
const sequence = (...parts: readonly Buffer[]): Buffer => tagged(0x30, ...parts);

function tagged(tag: number, ...parts: readonly Buffer[]): Buffer {
  const content = Buffer.concat(parts);
  const { length } = content;
  const head =
    length < 0x80 ? [tag, length] : [tag, 0x82, Math.floor(length / 0x100), length % 0x100];
  return Buffer.concat([Buffer.from(head), content]);
}
