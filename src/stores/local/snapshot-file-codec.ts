import { createHash } from 'node:crypto';
import { ByteReader } from '../../codec/byte-cursor.ts';
import { CodecError } from '../../model/errors.ts';
import { SeqNr } from '../../model/seq-nr.ts';
import type { PersistenceId } from '../../ports/journal-plugin.ts';
import type { StoredSnapshot } from '../../ports/snapshot-store.ts';

/*
 * docs/format.md#snapshots, big-endian:
 *
 *     "KJS" version(1) seqNr(int64) timestamp(int64) id(int32 size, UTF-8)
 *     snapshot(int32 size, bytes) sha256
 *
 * The digest is that of everything before it. It stands last, so a file that was cut short, or of
 * which a page never reached the disk, is recognised.
 */
const magic = Buffer.from('KJS\x01', 'latin1');
const digestBytes = 32;

/** A snapshot as the bytes of its file. */
export function encodeSnapshotFile({ metadata, snapshot }: StoredSnapshot): Buffer {
  const id = Buffer.from(metadata.persistenceId, 'utf8');
  const numbers = Buffer.alloc(20);
  numbers.writeBigInt64BE(BigInt(metadata.seqNr), 0);
  numbers.writeBigInt64BE(BigInt(metadata.timestampMs), 8);
  numbers.writeInt32BE(id.length, 16);
  const size = Buffer.alloc(4);
  size.writeInt32BE(snapshot.length);
  const parts = [magic, numbers, id, size, snapshot];
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return Buffer.concat([...parts, hash.digest()]);
}

/**
 * The snapshot in a file.
 *
 * @throws {CodecError} the file is damaged, or of a version that this one does not know
 */
export function decodeSnapshotFile(bytes: Buffer): StoredSnapshot {
  const end = bytes.length - digestBytes;
  const content = bytes.subarray(0, Math.max(0, end));
  const digest = createHash('sha256').update(content).digest();
  if (!digest.equals(bytes.subarray(Math.max(0, end)))) {
    throw new CodecError(`the ${bytes.length} bytes of the file do not have their checksum`);
  }
  if (!content.subarray(0, magic.length).equals(magic)) {
    throw new CodecError('the file is no snapshot of a version that is known here');
  }
  const reader = new ByteReader(content, magic.length);
  const seqNr = int64(reader, 'seqNr', SeqNr.min) as SeqNr;
  const timestampMs = int64(reader, 'timestamp', 0);
  const id = reader.readSizedBlock('id');
  const persistenceId = id.readUtf8(id.left, 'id') as PersistenceId;
  const snapshot = reader.readSizedBlock('snapshot').readRest();
  return { metadata: { persistenceId, seqNr, timestampMs }, snapshot };
}

function int64(reader: ByteReader, what: string, min: number): number {
  const value = Number(reader.readBytes(8, what).readBigInt64BE());
  if (Number.isSafeInteger(value) && value >= min) return value;
  throw new CodecError(`${what} is ${value}, outside ${min} .. 2^53-1`);
}
